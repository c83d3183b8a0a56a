"""`isthmus seed` and `isthmus export`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypedDict, Unpack

import click

from cli.tiles.archive import STANDARD_OUTPUT, WrongUse
from cli.tiles.run import Tally, check_targets, export, listening, seed, size_text
from cli.tiles.tileset import parse_zooms, read_tileset
from cli.tiles.walk import Walk
from core.api_client import Client
from core.settings import Settings

WEB_MERCATOR_QUAD = "WebMercatorQuad"
DEFAULT_JOBS = 4


class Given(TypedDict):
    """What the options of both commands say."""

    names: tuple[str, ...]
    everything: bool
    zoom: str | None
    condition: str | None
    properties: str | None
    jobs: int
    api: str | None


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
            seed(walk, tally, listen)
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
