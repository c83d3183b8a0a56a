"""Fill the cache, and write archives: a walk over a tileset, and what becomes of its tiles."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from cli.tiles.archive import Archive, DataChanged, NothingThere, WrongUse, about, check_name, replacing
from cli.tiles.mbtiles import MBTiles
from cli.tiles.pmtiles import PMTiles
from cli.tiles.progress import Listener, Tally
from cli.tiles.walk import Walk

SEEN_AFTER_S = 1.1
"""After so long every worker of the API knows of a change that one of them may have met."""

FORMATS = {"pmtiles": PMTiles, "mbtiles": MBTiles}


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
        archives: list[Archive] = []
        for kind, target in targets.items():  # each is closed, and then put in its place, when the stack ends
            part = stack.enter_context(replacing(target, spool))
            archives.append(stack.enter_context(closing(FORMATS[kind](part))))
        fill(walk, archives, tally, listen)


def fill(walk: Walk, archives: list[Archive], tally: Tally, listen: Listener) -> None:
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
