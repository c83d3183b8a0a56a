"""Fill the cache, and write archives: a walk over a tileset, how far it is, and what becomes of its tiles."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from cli.tiles.archive import DataChanged, NothingThere, WrongUse, about, check_name, replacing
from cli.tiles.walk import Step, Walk
from cli.tiles.writers import MBTiles, PMTiles
from loader.progress import terminal_bar, write_line

SEEN_AFTER_S = 1.1
"""After so long every worker of the API knows of a change that one of them may have met."""

FORMATS = {"pmtiles": PMTiles, "mbtiles": MBTiles}
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


def seed(walk: Walk, tally: Tally, listen: Listener) -> None:
    """Request every tile, so that the API makes and caches it. Raises: the errors of the API"""
    for step in walk.steps():
        tally.count(step)
        listen(step)


def check_targets(targets: Mapping[str, str]) -> None:
    """Raises: WrongUse where there is none, or where two want standard output"""
    if not targets:
        raise WrongUse("nothing says where to", hint="--pmtiles FILE.pmtiles or --mbtiles FILE.mbtiles")
    for kind, target in targets.items():
        check_name(target, f".{kind}")
    if len(targets) > 1 and len(set(targets.values())) == 1:
        raise WrongUse("two archives cannot both go to standard output", hint="name a file for one of them")


def export(walk: Walk, targets: Mapping[str, str], spool: Path, tally: Tally, listen: Listener) -> None:
    """Write the tiles to one archive of each kind, which appears when it is whole.

    targets: pmtiles or mbtiles -> the file, or `-`. Raises: NothingThere, DataChanged, CannotWrite
    """
    with ExitStack() as stack:
        archives: list[PMTiles | MBTiles] = []
        for kind, target in targets.items():  # each is closed, and then put in its place, when the stack ends
            part = stack.enter_context(replacing(target, spool))
            archives.append(stack.enter_context(closing(FORMATS[kind](part))))
        fill(walk, archives, tally, listen)


def fill(walk: Walk, archives: list[PMTiles | MBTiles], tally: Tally, listen: Listener) -> None:
    """Put every tile into the archives."""
    for step in walk.steps():
        if step.wanted:
            tally.count(step)
        listen(step)
        if step.tile and step.wanted:
            for archive in archives:
                archive.put(step.zoom, step.row, step.column, step.tile)
    if tally.first_zoom is None:
        zooms = f"{walk.zooms[0]} to {walk.zooms[-1]}"
        raise NothingThere(f"{walk.tileset.title} has no tile at zoom {zooms}", hint="other zooms: --zoom 0-14")
    refuse_changed(walk)
    for archive in archives:
        archive.finish(about(walk.tileset.tilejson, (tally.first_zoom, tally.last_zoom), walk.tileset.media_type))


def refuse_changed(walk: Walk) -> None:
    """Raises: DataChanged when another version of the data is served than at the start"""
    time.sleep(SEEN_AFTER_S)
    query = walk.tileset.query
    now: Any = walk.client.get(*walk.tileset.path, "tilejson.json", query=query).document
    if now != walk.tileset.tilejson:
        raise DataChanged(f"{walk.tileset.title} changed while its tiles were read", hint="export once more")


@contextmanager
def listening(stream: TextIO, name: str, tally: Tally) -> Generator[Listener]:
    """A bar for each zoom when the stream is a terminal, else JSON lines, at most one a second."""
    if not stream.isatty():
        yield json_lines(stream, name, tally)
        return
    with terminal_bar(stream) as progress:
        task, zoom = progress.add_task(name), -1

        def listen(step: Step) -> None:
            nonlocal zoom
            if step.zoom != zoom:
                zoom = step.zoom
                progress.update(task, description=f"{name} zoom {zoom}", total=step.of, completed=0)
            progress.advance(task)

        yield listen


def json_lines(stream: TextIO, name: str, tally: Tally) -> Listener:
    """A line for every second."""
    due, requested, zoom = time.monotonic() + EVERY_S, 0, -1

    def listen(step: Step) -> None:
        nonlocal due, requested, zoom
        requested, zoom = (1 if step.zoom != zoom else requested + 1), step.zoom
        if time.monotonic() < due:
            return
        due = time.monotonic() + EVERY_S
        values = {"tileset": name, "zoom": zoom, "asked": requested, "of": step.of}
        write_line(stream, {"event": "tiles", **values, "tiles": tally.tiles, "bytes": tally.size_bytes})

    return listen


def size_text(size_bytes: int) -> str:
    """A size for people."""
    size, unit = float(size_bytes), "bytes"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
