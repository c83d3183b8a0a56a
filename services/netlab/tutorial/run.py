"""A demo at work: its commands in a shell of this machine, and nothing of it left afterwards.

Names of what demos make begin as nothing else here does, so what an interrupted one left is removed too.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from netlab.tutorial.page import Command, Demo
from netlab.tutorial.shell import Shell
from netlab.tutorial.words import Words

TIMEOUT_S = 90


@dataclass(frozen=True, slots=True)
class Watcher:
    """What hears of a demo while it runs: explanations, commands as they run here, output, what was left out."""

    said: Callable[[str], None]
    begun: Callable[[str], None]
    printed: Callable[[str], None]
    left_out: Callable[[str], None]


def run_demo(demo: Demo, words: Words, watcher: Watcher) -> list[tuple[Command, str]]:
    """Each command that was run with its output in the page's words. Raises: DemoStuck"""
    as_root = may_be_root()
    tidy(words)
    try:
        with Shell(words.root, is_root=os.geteuid() == 0) as shell:
            seen: list[tuple[Command, str]] = []
            for part in demo.parts:
                if isinstance(part, str):
                    watcher.said(part)
                elif needs_root(part) and not as_root:
                    watcher.left_out(words.here(part.text))
                else:
                    seen.append((part, run_command(part, shell, words, watcher)))
            return seen
    finally:
        tidy(words)


def run_command(command: Command, shell: Shell, words: Words, watcher: Watcher) -> str:
    """What one command printed, as the page would show it."""
    text = words.here(command.text)
    watcher.begun(text)
    output = shell.run(text, TIMEOUT_S, watcher.printed)
    return "\n".join(line.rstrip() for line in words.on_page(output).rstrip("\n").splitlines())


def needs_root(command: Command) -> bool:
    """Whether a user must become root for it."""
    return "sudo " in command.text


def may_be_root() -> bool:
    """Whether commands can run as root without asking anybody."""
    if os.geteuid() == 0:
        return True
    try:
        asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False, timeout=10)  # noqa: S607
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


FILES = "made_by_a_demo*"


def tidy(words: Words) -> None:
    """Removes containers, networks, volumes and files of demos. Costs 0.1 s when there are none."""
    begins = f"name=^{words.prefix}"
    containers = listed("ps", "-aq", "--filter", f"name=^/{words.prefix}")
    if containers:
        docker("rm", "-f", "-v", *containers)
    for kind in ("network", "volume"):
        found = listed(kind, "ls", "-q", "--filter", begins)
        if found:
            docker(kind, "rm", *found)
    for folder in (words.data_dir, words.data_dir / "var"):
        for file in folder.glob(FILES):
            file.rmdir() if file.is_dir() else file.unlink()


def listed(*words: str) -> list[str]:
    """The ids that `docker ... -q` prints."""
    return docker(*words).split()


def docker(*words: str) -> str:
    """The output of a command that may fail: what is gone already need not be removed."""
    done = subprocess.run(  # noqa: S603
        ["docker", *words],  # noqa: S607
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.stdout
