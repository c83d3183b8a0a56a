"""Which stack is meant: by the project's name, by the data folder, or because there is only one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from netlab.errors import NoStack

Stack = tuple[str, str, str]
"""(project, mode, data folder)"""


def choose_project(stacks: Sequence[Stack], own: tuple[str, Path], mode: str | None, named: str | None = None) -> str:
    """The project to look at: the one that was named, or the one of the settings, or else the only one.

    own: the project and the data folder of the settings
    Raises: NoStack when none fits, or several do
    """
    fitting = [one for one in stacks if one[0] == named] if named else fitting_settings(stacks, *own)
    names = sorted({one[0] for one in fitting})
    if not names and stacks:
        others = ", ".join(sorted({one[0] for one in stacks}))
        raise NoStack(f"no stack {named} runs in containers", hint=f"those that run: {others}")
    if not names:
        raise NoStack("no stack of Isthmus runs in containers", hint=f"./scripts/up {mode or 'bridge'} starts one")
    if len(names) > 1:
        raise NoStack(f"several stacks run: {', '.join(names)}", hint=f"say which one: --project {names[0]}")
    check_mode(names[0], sorted({one[1] for one in fitting}), mode)
    return names[0]


def fitting_settings(stacks: Sequence[Stack], project: str, data_dir: Path) -> Sequence[Stack]:
    """The stacks of the project, or of the data folder, or all."""
    of_project = [one for one in stacks if one[0] == project]
    return of_project or [one for one in stacks if one[2] == str(data_dir)] or stacks


def check_mode(project: str, running: Sequence[str], mode: str | None) -> None:
    """Raises: NoStack when the project does not run in the mode that was asked for"""
    if mode is not None and mode not in running:
        raise NoStack(
            f"{project} runs in mode {' and '.join(running)}, not {mode}", hint=f"./scripts/up {mode} switches to it"
        )
