"""`isthmus prepare`: tiles of low zooms of a table that the loader did not make."""

from __future__ import annotations

import json
import sys

import click

from cli import show
from core.settings import Settings
from loader.catalogue import open_catalogue
from loader.overviews.external_table import (
    ExternalOverview,
    PrepareResult,
    external_overviews,
    forget_source,
    prepare_source,
)
from loader.progress import listener
from loader.sidecar import TileOptions

MB = 1_000_000


@click.command("prepare")
@click.argument("name", required=False)
@click.option("--rank", metavar="COLUMN", help="Of points and short lines, those of the largest value are shown first.")
@click.option("--properties", metavar="NAMES", help="Properties that low zooms have, with commas between them.")
@click.option("--drop", is_flag=True, help="Drop what was prepared of it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
@click.pass_obj
def prepare_table(
    settings: Settings, name: str | None, *, rank: str | None, properties: str | None, drop: bool, as_json: bool
) -> None:
    """Prepare a table of ISTHMUS_SCHEMAS for tiles of low zooms, as files are prepared when they are loaded.

    The table stays as it is: what low zooms need is kept in a table of Isthmus' own. It is of the moment when it was
    made; prepare again when the data changed. Without NAME, lists what was prepared, and how many rows changed since.

    \b
    Examples:
      isthmus prepare gis.addresses --rank households
      isthmus prepare
      isthmus prepare gis.addresses --drop
    """
    with open_catalogue(settings) as connection:
        if name is None:
            known = external_overviews(connection)
            click.echo(json.dumps([known_json(one) for one in known]) if as_json else list_text(known))
        elif drop:
            tables = forget_source(connection, name)
            click.echo(json.dumps({"dropped": tables}) if as_json else f"what was prepared of '{name}' is dropped")
        else:
            options = TileOptions(rank, tuple(properties.split(",")) if properties is not None else None)
            with listener(sys.stderr) as listen:
                outcome = prepare_source(connection, settings.source_schemas(), name, options, listen)
            click.echo(json.dumps(outcome_json(outcome)) if as_json else outcome_text(outcome))


def outcome_json(outcome: PrepareResult) -> dict[str, object]:
    """The result as JSON values."""
    return {
        "source": outcome.target.full_name,
        "table": outcome.table and f"data.{outcome.table}",
        "rows": outcome.rows,
        "notes": [note.message for note in outcome.notes],
    }


def outcome_text(outcome: PrepareResult) -> str:
    """The result for people. Of a table that needs nothing only warnings are shown."""
    name = outcome.target.full_name
    what = f"prepared in data.{outcome.table}" if outcome.table else "its tiles need no preparation"
    shown = [note for note in outcome.notes if outcome.table or note.level == "warning"]
    return "\n".join([f"{name}: {what} ({outcome.rows:,} rows)", *(f"  {note.message}" for note in shown)])


def known_json(known: ExternalOverview) -> dict[str, object]:
    """A table that was prepared, as JSON values."""
    return {
        "source": known.source,
        "table": f"data.{known.table}",
        "prepared_at": known.prepared_at,
        "rows": known.rows,
        "changed": known.changed,
        "bytes": known.size_bytes,
    }


def list_text(known: list[ExternalOverview]) -> str:
    """The table of what was prepared."""
    if not known:
        return "nothing was prepared yet: isthmus prepare SCHEMA.TABLE"
    rows = [
        [
            *(one.source, one.prepared_at[:16].replace("T", " "), f"{one.rows:>10,}"),
            "the table is gone" if one.changed is None else f"{one.changed:,}",
            f"{one.size_bytes / MB:.1f}",
        ]
        for one in known
    ]
    return show.table(rows, ["TABLE", "PREPARED (UTC)", "      ROWS", "CHANGED SINCE", "MB"])
