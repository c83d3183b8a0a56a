"""The loader as the process that the container runs, and its log."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from support.cluster import environment


@dataclass
class Watcher:
    """A running `isthmus watch` and its log."""

    process: subprocess.Popen[bytes]
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        """What it told so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def wait(self, matches: Callable[[dict[str, Any]], bool], within_s: float = 20) -> dict[str, Any]:
        """The first line that matches; fails with the whole log."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            for line in self.lines():
                if matches(line):
                    return line
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        pytest.fail(self.log.read_text())

    def ended(self, path: str, status: str, within_s: float = 20) -> dict[str, Any]:
        """The line that a dataset is done with."""
        return self.wait(lambda line: line.get("path") == path and line.get("status") == status, within_s)

    def states(self) -> list[str]:
        """The states it told, in order."""
        return [line["state"] for line in self.lines() if line["event"] == "state"]


@contextmanager
def watching(settings: Settings, tmp_path: Path, **extra: str) -> Iterator[Watcher]:
    """A watcher that lives as long as the block, unless it was stopped before."""
    log = tmp_path / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "watch"],
            env=environment(settings, **extra),
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Watcher(process, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
