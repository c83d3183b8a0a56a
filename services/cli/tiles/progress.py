"""How far a walk over tiles is: a bar on a terminal, else JSON lines, at most one a second."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.tiles.walk import Step

EVERY_S = 1.0


@dataclass(slots=True)
class Tally:
    """What a walk has met: tiles with something in them, empty ones, bytes, zooms with tiles, and tiles of a sample."""

    tiles: int = 0
    empty: int = 0
    size_bytes: int = 0
    first_zoom: int | None = None
    last_zoom: int = 0
    samples: int = 0

    def count(self, step: Step) -> None:
        """Add a tile."""
        if not step.tile:
            self.empty += 1
            return
        self.tiles += 1
        self.size_bytes += len(step.tile)
        self.first_zoom = step.zoom if self.first_zoom is None else self.first_zoom
        self.last_zoom = step.zoom
        self.samples += step.is_sample


Listener = Callable[[Step], None]


@contextmanager
def listening(stream: TextIO, name: str, tally: Tally) -> Generator[Listener]:
    """A bar for each zoom when the stream is a terminal, else JSON lines."""
    if not stream.isatty():
        yield json_lines(stream, name, tally)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(file=stream)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as progress:
        task, zoom = progress.add_task(name), -1

        def listen(step: Step) -> None:
            nonlocal zoom
            if step.zoom != zoom:
                zoom = step.zoom
                progress.update(task, description=f"{name} zoom {zoom}", total=step.of, completed=0)
            progress.advance(task)

        yield listen


def json_lines(stream: TextIO, name: str, tally: Tally) -> Listener:
    """One JSON object a line, flushed at once."""
    due, requested, zoom = time.monotonic() + EVERY_S, 0, -1

    def listen(step: Step) -> None:
        nonlocal due, requested, zoom
        requested, zoom = (1 if step.zoom != zoom else requested + 1), step.zoom
        if time.monotonic() < due:
            return
        due = time.monotonic() + EVERY_S
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": now, "event": "tiles", "tileset": name, "zoom": zoom, "asked": requested, "of": step.of}
        stream.write(json.dumps({**line, "tiles": tally.tiles, "bytes": tally.size_bytes}, ensure_ascii=False) + "\n")
        stream.flush()

    return listen


def size_text(size_bytes: int) -> str:
    """A size for people."""
    size, unit = float(size_bytes), "bytes"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
