"""Which stack is meant: by the project's name, by the data folder, or because there is only one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from netlab.errors import NoStack

Stack = tuple[str, str, str]
"""(project, mode, data folder)"""


def choose_project(stacks: Sequence[Stack], project: str, data_dir: Path, mode: str | None) -> str:
    """The project to look at. Raises: NoStack when none fits, or several do"""
    fitting = [one for one in stacks if one[0] == project] or [one for one in stacks if one[2] == str(data_dir)]
    if not fitting:
        fitting = list(stacks)
    names = sorted({one[0] for one in fitting})
    if not names:
        raise NoStack("no stack of Isthmus runs in containers", hint=f"./scripts/up {mode or 'bridge'} starts one")
    if len(names) > 1:
        raise NoStack(f"several stacks run: {', '.join(names)}", hint=f"say which one: --project {names[0]}")
    check_mode(names[0], sorted({one[1] for one in fitting}), mode)
    return names[0]


def check_mode(project: str, running: Sequence[str], mode: str | None) -> None:
    """Raises: NoStack when the project does not run in the mode that was asked for"""
    if mode is not None and mode not in running:
        raise NoStack(
            f"{project} runs in mode {' and '.join(running)}, not {mode}", hint=f"./scripts/up {mode} switches to it"
        )
