"""`isthmus seed` and `isthmus export`: a walk over a tileset, how far it is, and what becomes of its tiles."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, TypedDict, Unpack

import click

from cli.tiles.archive import STANDARD_OUTPUT, DataChanged, NothingThere, WrongUse, about, check_name, replacing
from cli.tiles.tileset import parse_zooms, read_tileset
from cli.tiles.walk import Step, Walk
from cli.tiles.writers import MBTiles, PMTiles
from core.api_client import Client
from core.settings import Settings
from loader.progress import terminal_bar, write_line

WEB_MERCATOR_QUAD = "WebMercatorQuad"
DEFAULT_JOBS = 4
SEEN_AFTER_S = 1.1
"""After so long every worker of the API knows of a change that one of them may have met."""

FORMATS = {"pmtiles": PMTiles, "mbtiles": MBTiles}
EVERY_S = 1.0


class Given(TypedDict):
    """What the options of both commands say."""

    names: tuple[str, ...]
    everything: bool
    zoom: str | None
    condition: str | None
    properties: str | None
    jobs: int
    api: str | None


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


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What both commands take."""
    for add in (
        click.argument("names", nargs=-1),
        click.option("--all", "everything", is_flag=True, help="All collections, a layer each."),
        click.option("--zoom", metavar="FIRST-LAST", help="Zooms, such as 0-10 or 7. Without it, some 20,000 tiles."),
        click.option("--filter", "condition", metavar="CQL2", help="Only features that meet a condition."),
        click.option("--properties", metavar="NAMES", help="Only these properties, with commas between them."),
        click.option(
            "--jobs",
            type=click.IntRange(1, 64),
            default=DEFAULT_JOBS,
            show_default=True,
            help="Tiles that are asked for at once.",
        ),
        click.option("--api", metavar="ADDRESS", help="Where the API is: host:port, a URL or unix:/path."),
    ):
        command = add(command)
    return command


@click.command("seed")
@options
@click.option("--tms", default=WEB_MERCATOR_QUAD, show_default=True, help="The tile matrix set.")
@click.pass_obj
def seed_tiles(settings: Settings, *, tms: str, **given: Unpack[Given]) -> None:
    """Have tiles made before somebody asks for them.

    Asks the API for each, which makes and keeps those that it does not have yet: begun again, it goes on where it
    ended. What lies below an empty tile is left out. ISTHMUS_TILES_MB says how much is kept. Tiles of tables, views
    and functions of your own database are never kept.

    \b
    Examples:
      isthmus seed roads --zoom 0-12
      isthmus seed --all --jobs 8
      isthmus seed countries --tms WorldCRS84Quad --zoom 0-5
    """
    begun, tally = time.monotonic(), Tally()
    with closing(client_for(settings, given)) as client:
        walk = plan(client, tms, given)
        with listening(sys.stderr, walk.tileset.title, tally) as listen:
            for step in walk.steps():
                tally.count(step)
                listen(step)
    click.echo(f"seeded {walk.tileset.title} ({outcome(walk, tally, begun)})")
    warn_of_samples(tally)
    if tally.size_bytes > settings.tiles_mb * 1_000_000:
        click.echo(f"warning: more than the {settings.tiles_mb} MB that are kept (ISTHMUS_TILES_MB)", err=True)


@click.command("export")
@options
@click.option("--pmtiles", metavar="FILE", help="Write a PMTiles archive; - is standard output.")
@click.option("--mbtiles", metavar="FILE", help="Write an MBTiles archive; - is standard output.")
@click.pass_obj
def export_tiles(settings: Settings, *, pmtiles: str | None, mbtiles: str | None, **given: Unpack[Given]) -> None:
    """Write tiles to a file: PMTiles, MBTiles, or both.

    The tiles are the bytes that the API sends, in Web Mercator, which these formats are for; equal ones are kept once.
    Several collections become layers of the same tiles. The file appears when it is whole, and replaces the one before.
    Without --zoom it ends six zooms below the one that shows everything.

    \b
    Examples:
      isthmus export roads --pmtiles roads.pmtiles
      isthmus export countries roads --zoom 0-10 --mbtiles map.mbtiles
      isthmus export roads --filter "highway = 'primary'" --properties name --pmtiles primary.pmtiles
      isthmus export --all --pmtiles - | rclone rcat bucket:map.pmtiles
    """
    targets = {kind: name for kind, name in (("pmtiles", pmtiles), ("mbtiles", mbtiles)) if name}
    check_targets(targets)
    begun, tally = time.monotonic(), Tally()
    with closing(client_for(settings, given)) as client:
        walk = plan(client, WEB_MERCATOR_QUAD, given)
        with listening(sys.stderr, walk.tileset.title, tally) as listen:
            export(walk, targets, settings.data_dir / "var" / "export", tally, listen)
    to_people = STANDARD_OUTPUT in targets.values()
    files = "".join(f" -> {target}" for target in targets.values() if target != STANDARD_OUTPUT)
    click.echo(f"exported {walk.tileset.title}{files} ({outcome(walk, tally, begun)})", err=to_people)
    warn_of_samples(tally)


def plan(client: Client, tms: str, given: Given) -> Walk:
    """The walk over the tiles that are wanted. Raises: WrongUse, the errors of the API"""
    if bool(given["names"]) == given["everything"]:
        raise WrongUse("which collections?", hint="name some, or say --all; `isthmus list` shows them")
    for name in (*given["names"], tms):
        if not name or "/" in name:
            raise WrongUse(f"'{name}' is no name", hint="`isthmus list` shows the collections")
    named = {"filter": given["condition"], "properties": given["properties"]}
    parameters = {name: text for name, text in named.items() if text is not None}
    tileset = read_tileset(client, given["names"], tms, parameters)
    return Walk(client, tileset, parse_zooms(given["zoom"], tileset), given["jobs"])


def client_for(settings: Settings, given: Given) -> Client:
    """A client of the API, wherever it listens."""
    return Client(given["api"] or settings.api or settings.listen)


def outcome(walk: Walk, tally: Tally, begun: float) -> str:
    """The numbers of a walk that ended, for people."""
    first, last = (walk.tileset.matrices[zoom].id for zoom in (walk.zooms[0], walk.zooms[-1]))
    zooms = first if len(walk.zooms) == 1 else f"{first}-{last}"
    took = f"{time.monotonic() - begun:.1f} s"
    return f"{tally.tiles:,} tiles, {tally.empty:,} empty, zoom {zooms}, {size_text(tally.size_bytes)}, {took}"


def warn_of_samples(tally: Tally) -> None:
    """Warn of tiles that lack features since all took too long."""
    if tally.samples:
        number = "a tile was" if tally.samples == 1 else f"{tally.samples:,} tiles were"
        click.echo(f"warning: {number} made of a sample: all took too long (ISTHMUS_TILE_TIMEOUT_S)", err=True)


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
