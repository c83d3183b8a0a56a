"""How the stack that is meant runs before modes are compared: its mode, and the settings to start it so again.

Read from the containers themselves: the environment that once started them need not be the one of today.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.settings import Settings, rows
from netlab.errors import NativeRuns, NoStack
from netlab.observe.docker_engine import Engine, Json, environment_of, labels_of, listed, mapped
from netlab.observe.host import PROC
from netlab.observe.recording import Stack

API_PORT, DATABASE_PORT = "8080/tcp", "5432/tcp"
FOLDERS = {"/data": "ISTHMUS_DATA_DIR", "/run/isthmus": "ISTHMUS_RUN_DIR"}
SECRETS = "/run/secrets/"
NOT_OF_CONTAINERS = {"ISTHMUS_TILES_DIR", "ISTHMUS_SPOOL_DIR", "ISTHMUS_DATA_DIR"}
"""What Compose sets to paths inside the containers."""


@dataclass(frozen=True, slots=True)
class Before:
    """`mode` is None when nothing ran. `settings`: variables for scripts/up; empty ones keep a `.env` out."""

    mode: str | None
    project: str
    settings: dict[str, str]


def before_of(containers: Sequence[Json], project: str) -> Before:
    """How it runs, by `docker inspect` of the project's containers."""
    running = [one for one in containers if one["State"]["Running"] and labels_of(one).get("isthmus.mode")]
    if not running:
        return Before(None, project, {})
    mode = labels_of(running[0])["isthmus.mode"]
    return Before(
        mode, project, {**passed_on(running), **of_places(running), **of_ports(running, mode), **of_user(running)}
    )


def passed_on(containers: Sequence[Json]) -> dict[str, str]:
    """The operator's settings that Compose passes on to containers, those that are empty included."""
    known = {name for name, _, _ in rows("operator")} - NOT_OF_CONTAINERS
    found = [(name, value) for one in containers for name, value in environment_of(one).items() if name in known]
    return dict(found)


def of_places(containers: Sequence[Json]) -> dict[str, str]:
    """Folders of the host, by what is mounted where."""
    mounts = {one["Destination"]: one["Source"] for container in containers for one in listed(container["Mounts"])}
    places = {variable: mounts[target] for target, variable in FOLDERS.items() if mounts.get(target)}
    secrets = [source for target, source in mounts.items() if target.startswith(SECRETS)]
    if secrets:
        places["ISTHMUS_SECRETS_DIR"] = str(PurePosixPath(secrets[0]).parent)
    return places


def of_ports(containers: Sequence[Json], mode: str) -> dict[str, str]:
    """Addresses and ports as they were set, so that a free one (0) stays one."""
    bindings = [mapped(one["HostConfig"].get("PortBindings")) for one in containers]
    asked = {port: bound[0] for ports in bindings for port, bound in ports.items() if bound}
    found: dict[str, str] = {}
    if API_PORT in asked:
        found |= {"ISTHMUS_BIND": asked[API_PORT]["HostIp"], "ISTHMUS_PORT": asked[API_PORT]["HostPort"] or "0"}
    if DATABASE_PORT in asked:
        found["ISTHMUS_DB_HOST_PORT"] = asked[DATABASE_PORT]["HostPort"]
    elif mode == "bridge":
        found["ISTHMUS_DB_HOST_PORT"] = ""
    if mode == "host":
        found |= of_host_mode(containers)
    return found


def of_host_mode(containers: Sequence[Json]) -> dict[str, str]:
    """Of mode host, where processes listen on the host themselves."""
    variables = {name: value for one in containers for name, value in environment_of(one).items()}
    host, _, port = variables.get("ISTHMUS_LISTEN", "").rpartition(":")
    found = {"ISTHMUS_BIND": host, "ISTHMUS_PORT": port} if port else {}
    return found | ({"ISTHMUS_DB_HOST_PORT": variables["PGPORT"]} if variables.get("PGPORT") else {})


def of_user(containers: Sequence[Json]) -> dict[str, str]:
    """The user that the services run as."""
    uid, _, gid = str(containers[0]["Config"].get("User") or "").partition(":")
    return {"ISTHMUS_UID": uid, "ISTHMUS_GID": gid} if uid and gid else {}


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
