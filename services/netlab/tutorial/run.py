"""A demo at work: its commands in one bash of this machine, as somebody at a terminal gives them, and nothing left.

Names of what demos make begin as nothing else here does, so what an interrupted one left is removed too.
"""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from netlab.errors import DemoStuck
from netlab.tutorial.here import Words
from netlab.tutorial.page import Command, Demo

TIMEOUT_S = 90


def ignore(_: str) -> None:
    """Nothing."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """What hears of a demo while it runs: explanations, commands as they run here, output, what was left out."""

    said: Callable[[str], None] = ignore
    begun: Callable[[str], None] = ignore
    printed: Callable[[str], None] = ignore
    left_out: Callable[[str], None] = ignore


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
                elif "sudo " in part.text and not as_root:
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


def may_be_root() -> bool:
    """Whether commands can run as root without asking anybody."""
    if os.geteuid() == 0:
        return True
    try:
        sudo = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False, timeout=10)  # noqa: S607
    except (OSError, subprocess.TimeoutExpired):
        return False
    return sudo.returncode == 0


FILES = "made_by_a_demo*"


def tidy(words: Words) -> None:
    """Removes containers, networks, volumes and files of demos. Costs 0.1 s when there are none."""
    begins = f"name=^{words.prefix}"
    containers = docker("ps", "-aq", "--filter", f"name=^/{words.prefix}")
    if containers:
        docker("rm", "-f", "-v", *containers)
    for kind in ("network", "volume"):
        found = docker(kind, "ls", "-q", "--filter", begins)
        if found:
            docker(kind, "rm", *found)
    for folder in (words.data_dir, words.data_dir / "var"):
        for file in folder.glob(FILES):
            file.rmdir() if file.is_dir() else file.unlink()


def docker(*words: str) -> list[str]:
    """The words that a command prints, which may fail: what is gone already need not be removed."""
    done = subprocess.run(  # noqa: S603
        ["docker", *words],  # noqa: S607
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.stdout.split()


END = "\x1e"
"""ASCII's record separator: no program of the lesson prints it."""


class Shell:
    """Commands share variables and the folder, and read nothing. Closing it ends what they left running."""

    def __init__(self, folder: Path, *, is_root: bool) -> None:
        self._bash = subprocess.Popen(
            ["/bin/bash", "--noprofile", "--norc"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._stdin, self._stdout = cast(IO[bytes], self._bash.stdin), cast(IO[bytes], self._bash.stdout)
        self._tell('export LC_ALL=C.UTF-8 PATH="$PATH:/usr/sbin:/sbin"\n')
        if is_root:
            self._tell('sudo() { "$@"; }\n')  # a root shell need not have it

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.wait()
        self._stdin.close()
        self._stdout.close()

    def run(self, command: str, timeout_s: float, show: Callable[[str], None]) -> str:
        """What the command printed, both streams; `show` gets each line as it comes. Raises: DemoStuck"""
        self._tell(f"eval {shlex.quote(command)} </dev/null\nprintf '{END}'\n")
        deadline, text, shown = time.monotonic() + timeout_s, "", 0
        while END not in text:
            text += self._read(deadline, command)
            whole = text.rfind("\n") + 1
            if whole > shown:
                show(text[shown:whole].replace(END, ""))
                shown = whole
        output = text.split(END)[0]
        show(output[shown:])
        return output

    def _tell(self, line: str) -> None:
        self._stdin.write(line.encode())
        self._stdin.flush()

    def _read(self, deadline: float, command: str) -> str:
        """More output. Raises: DemoStuck"""
        ready, _, _ = select.select([self._stdout], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            raise DemoStuck(f"it did not end in time: {command}")
        block = os.read(self._stdout.fileno(), 65536)
        if not block:
            raise DemoStuck(f"it ended the shell: {command}")
        return block.decode(errors="replace")
