"""Which stack is compared, and how it runs now. Other stacks on this machine are left alone."""

from __future__ import annotations

from pathlib import Path

from core.settings import Settings
from netlab.benchmark.before import Before, before_of
from netlab.errors import NativeRuns, NoStack
from netlab.observe.docker_engine import Engine
from netlab.observe.recording import Stack

PROC = Path("/proc")
MODES = ("bridge", "host", "container", "none")
"""Those that can be compared: of Compose."""


def find_before(engine: Engine, settings: Settings, project: str | None) -> tuple[Before, Path]:
    """How the stack of this data folder (or of that project) runs, and its data folder.

    Raises: EngineAway, NativeRuns, NoStack when the project that was named is not there
    """
    chosen = own_project(engine.stacks(), project or settings.project, settings.data_dir)
    if chosen is None:
        if project is not None:
            raise NoStack(f"there is no stack {project}", hint="./scripts/isthmus net show says which there are")
        refuse_native(settings.data_dir)
        return Before(None, settings.project, {}), settings.data_dir
    before = before_of(engine.containers_of(chosen), chosen)
    return before, Path(before.settings.get("ISTHMUS_DATA_DIR", settings.data_dir))


def own_project(stacks: list[Stack], project: str, data_dir: Path) -> str | None:
    """The project of that name, or the one of that data folder. A Swarm's stack is neither: it has one mode."""
    of_compose = [one for one in stacks if one[1] in MODES]
    by_name = [one[0] for one in of_compose if one[0] == project]
    by_folder = [one[0] for one in of_compose if one[2] == str(data_dir)]
    return next(iter([*by_name, *by_folder]), None)


def refuse_native(data_dir: Path, proc: Path = PROC) -> None:
    """Raises: NativeRuns when native mode runs with the data folder: it would be stopped, and its data is its own"""
    cluster = str(data_dir / "var" / "pg" / "17")
    for process in proc.glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if cluster.encode() in words:
            raise NativeRuns(
                f"native mode runs with {data_dir}, and Docker's modes need its port",
                hint="./scripts/down stops it, ./scripts/up native starts it again afterwards",
            )
