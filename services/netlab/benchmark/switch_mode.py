"""The switch to a mode by `scripts/up`, which has every check, and back to what ran before."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from netlab.benchmark.before import Before
from netlab.errors import BenchmarkRuns, ModeFailed
from netlab.observe.host import ROOT

WITHOUT_DISK = {"ISTHMUS_TILES_MB": "0"}
"""While modes are compared no tile goes to the disk: cold ones would push out tiles that somebody needs."""


class Switcher:
    """The scripts of this clone, for one project. What they print goes to a log."""

    def __init__(self, before: Before, log: IO[str]) -> None:
        """`log` is a file that is open for writing."""
        self.before = before
        self._log = log
        self._measuring = measuring_settings(before)
        self.mode = before.mode
        self.touched = False
        """Whether anything was started or stopped."""

    def start(self, mode: str) -> None:
        """Start a mode with the settings of the one that ran. Raises: ModeFailed

        What ran before is taken down first, so that a PostGIS that is warm for hours is not compared with fresh ones.
        """
        if not self.touched and self.before.mode is not None:
            self.touched = True
            self._run("down", None, {"ISTHMUS_PROJECT": self.before.project, **self.before.settings})
        self.touched = True
        self.mode = None
        self._run("up", mode, self._measuring)
        self.mode = mode

    def restore(self) -> None:
        """Start what ran before as it ran, or take everything down. Raises: ModeFailed"""
        if not self.touched:
            return
        if self.before.mode is None:
            self._run("down", None, {"ISTHMUS_PROJECT": self.before.project})
        else:
            self._run("up", self.before.mode, {"ISTHMUS_PROJECT": self.before.project, **self.before.settings})
        self.mode, self.touched = self.before.mode, False

    def _run(self, script: str, mode: str | None, settings: Mapping[str, str]) -> None:
        words = ["env", *(f"{name}={value}" for name, value in settings.items()), str(ROOT / "scripts" / script)]
        self._log.write(f"\n$ scripts/{script} {mode or ''}\n")
        self._log.flush()
        began = self._log.tell()
        done = patiently([*words, *([mode] if mode else [])], self._log)
        if done != 0:
            raise ModeFailed(
                f"scripts/{script} {mode or ''}".rstrip() + f" failed: {last_line(self._log.name, began)}",
                hint=f"all it said is in {self._log.name}",
            )


def patiently(words: list[str], log: IO[str]) -> int:
    """The exit code of a command in a session of its own, which Ctrl-C does not reach.

    An interrupt that comes meanwhile is raised when the command has ended: containers that are half started cannot be
    taken down for sure.
    """
    process = subprocess.Popen(  # noqa: S603
        words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    interrupted = False
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            interrupted = True
            continue
        if interrupted:
            raise KeyboardInterrupt
        return code


def last_line(path: str, began: int) -> str:
    """The last line that a script wrote to the log, without its name."""
    with Path(path).open(encoding="utf-8", errors="replace") as log:
        log.seek(began)
        lines = [line.strip() for line in log if line.strip()]
    return lines[-1].removeprefix("up: ").removeprefix("down: ") if lines else "it said nothing"


def measuring_settings(before: Before) -> dict[str, str]:
    """The settings of the stack that runs, as far as every mode can have them."""
    settings = {"ISTHMUS_PROJECT": before.project, **before.settings, **WITHOUT_DISK}
    if not settings.get("ISTHMUS_DB_HOST_PORT"):
        settings.pop("ISTHMUS_DB_HOST_PORT", None)
    if settings.get("ISTHMUS_PORT") == "0":
        settings["ISTHMUS_PORT"] = str(free_port(settings.get("ISTHMUS_BIND") or "127.0.0.1"))
    return settings


def free_port(address: str) -> int:
    """A port that is free now: host mode cannot ask the engine for one."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


@contextmanager
def log_of(data_dir: Path) -> Generator[IO[str]]:
    """The log of the comparison on the data volume, which also keeps a second one out. Raises: BenchmarkRuns"""
    folder = data_dir / "var" / "log"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "compare.log"

    def opened(name: str, flags: int) -> int:
        return os.open(name, (flags | os.O_NOFOLLOW) & ~os.O_TRUNC, 0o644)

    with open(path, "w", encoding="utf-8", opener=opened) as log:  # noqa: PTH123 - Path.open takes no opener
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BenchmarkRuns("modes of this stack are being compared already", hint="wait for it") from error
        log.truncate()
        yield log


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible() -> Generator[None]:
    """A request to end (Ctrl-C, kill, a closed terminal) interrupts once; further ones do not disturb the way back.

    From then on this process is silent of errors that nobody can catch: of an answer of HTTP that was half made, for
    one, which complains with a traceback when it is let go of.
    """

    def interrupt(*_: object) -> None:
        ignore_interrupts()
        sys.unraisablehook = lambda _: None
        raise KeyboardInterrupt

    kept = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def ignore_interrupts() -> None:
    """From now to the end of `interruptible`."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
