"""Results as text for people: tables and paragraphs from values. Nothing here talks to the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.catalog.archives import TileArchive, facts_json
from core.catalog.collections import Collection
from core.catalog.files import KeptVersion
from loader.overviews.external_table import ExternalOverview, PrepareResult
from loader.report import Note
from loader.table.index_rule import PropertyIndex


def table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    """Columns as wide as their longest value, two spaces apart; numbers are right-aligned by the caller."""
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows))
    return "\n".join(line.rstrip() for line in lines)


def list_text(collections: Sequence[Collection], archives: Sequence[TileArchive] = ()) -> str:
    """The table of `isthmus list`."""
    if not collections and not archives:
        return "no collections yet: copy a spatial file into the data folder"
    rows = [
        [
            c.id,
            f"{c.row_count:>10,}",
            c.geometry_type or "-",
            f"EPSG:{c.srid}" if c.srid else "-",
            f"{c.loaded_at:%Y-%m-%d %H:%M}",
            c.source_path,
        ]
        for c in collections
    ]
    rows += [
        [a.id, "         -", "tiles", "EPSG:3857", f"{a.changed_at:%Y-%m-%d %H:%M}", a.source_path] for a in archives
    ]
    return table(rows, ["NAME", "      ROWS", "GEOMETRY", "CRS", "LOADED (UTC)", "FILE"])


def collection_json(collection: Collection) -> dict[str, Any]:
    """A collection as JSON values."""
    return {
        **head_json(collection),
        "version": collection.version,
        "table": f"data.{collection.table}",
        "rows": collection.row_count,
        "geometry_type": collection.geometry_type,
        "srid": collection.srid,
        "bbox_crs84": collection.bbox_crs84.as_list() if collection.bbox_crs84 else None,
        "time": [column.name for column in collection.times],
        "interval": [moment and moment.isoformat() for moment in collection.interval or ()] or None,
        "columns": [{"name": column.name, "type": column.type} for column in collection.columns],
        "loaded_at": collection.loaded_at.isoformat(),
    }


def archive_json(archive: TileArchive) -> dict[str, Any]:
    """A file of tiles as JSON values."""
    return {
        **head_json(archive),
        "bytes": archive.size_bytes,
        "tiles": facts_json(archive.facts),
        "loaded_at": archive.changed_at.isoformat(),
    }


def head_json(found: Collection | TileArchive) -> dict[str, Any]:
    """What a collection of features and one of tiles have in common."""
    members = {name: getattr(found, name) for name in ("id", "title", "description", "attribution")}
    return {**members, "file": found.source_path}


def versions_json(versions: Sequence[KeptVersion]) -> list[dict[str, Any]]:
    """The kept versions as JSON values."""
    return [
        {"version": v.version, "loaded_at": v.loaded_at.isoformat(), "rows": v.row_count, "served": v.served}
        for v in versions
    ]


def indexes_json(indexes: Sequence[PropertyIndex]) -> list[dict[str, Any]]:
    """The indexes of properties as JSON values. Without `seconds` and `problem` one is yet to be made."""
    return [
        {
            "property": index.property_name,
            "index": index.name or None,
            "bytes": None if index.seconds is None else index.size_bytes,
            "seconds": index.seconds,
            "problem": index.problem,
        }
        for index in indexes
    ]


def index_row(values: Mapping[str, Any]) -> list[str]:
    """A row of the table of indexes."""
    if values["problem"] or values["seconds"] is None:
        state = f"not made: {values['problem']}" if values["problem"] else "to be made"
        return [values["property"], "       -", "      -", state]
    return [values["property"], f"{values['bytes'] / 1e6:8.1f}", f"{values['seconds']:7.1f}", "made"]


def info_text(values: Mapping[str, Any]) -> str:
    """The paragraphs of `isthmus info`, from its JSON values."""
    facts = [
        ("table", values["table"]),
        ("rows", values["rows"]),
        ("geometry", values["geometry_type"]),
        ("srid", values["srid"]),
        ("bbox", values["bbox_crs84"]),
    ]
    facts += [("time", " to ".join(values["time"]) or None), ("interval", values["interval"])]
    columns = table([[column["name"], column["type"]] for column in values["columns"]], ["COLUMN", "TYPE"])
    versions = table(
        [
            [str(v["version"]), v["loaded_at"][:19], f"{v['rows']:,}", "served" if v["served"] else "kept"]
            for v in values["versions"]
        ],
        ["VERSION", "LOADED (UTC)", "ROWS", "STATE"],
    )
    indexes = [table(list(map(index_row, values["indexes"])), ["INDEX OF", "      MB", "SECONDS", "STATE"]), ""]
    head = head_text(values, facts)
    return "\n".join([head, "", columns, "", *(indexes if values["indexes"] else []), versions])


def head_text(values: Mapping[str, Any], more: Sequence[tuple[str, Any]]) -> str:
    """The first paragraph of `isthmus info`: the id, and each fact that is known."""
    facts = [*((key, values[key]) for key in ("title", "description", "attribution", "file")), *more]
    return "\n".join([values["id"], *(f"{key:<12} {value}" for key, value in facts if value is not None)])


def archive_text(values: Mapping[str, Any]) -> str:
    """The paragraphs of `isthmus info` for a file of tiles, from its JSON values."""
    tiles = values["tiles"]
    facts = [("bytes", values["bytes"]), ("tiles", tiles["media_type"])]
    facts += [("zooms", " to ".join(map(str, tiles["zooms"]))), ("bbox", tiles["bbox"])]
    facts += [("layers", ", ".join(layer["id"] for layer in tiles["layers"]) or None)]
    return head_text(values, facts)


def report_text(report: Mapping[str, Any]) -> str:
    """The paragraphs of `isthmus report`."""
    lines = [f"{report['path']}: {report['status']} ({report['because']})", f"at {report['ended_at'][:19]} UTC"]
    if report["error"]:
        hint = report["error"]["hint"]
        lines += [f"error: {report['error']['message']}", *([f"  {hint}"] if hint else [])]
    for part in report["collections"]:
        if part.get("tiles"):
            lines.append(tiles_text(part))
            continue
        place = f"EPSG:{part['srid']} ({part['crs_from']})" if part["srid"] else "no geometry"
        lines.append(
            f"{part['id']}: {part['rows']:,} rows, {part['geometry_type'] or 'table'}, {place}, "
            f"{len(part['columns'])} columns, {part['seconds']:.1f} s"
        )
    lines += [note_text(Note(**note)) for note in report["notes"]]
    return "\n".join(lines)


def tiles_text(part: Mapping[str, Any]) -> str:
    """A file of tiles as one line."""
    tiles = part["tiles"]
    zooms = f"zoom {tiles['first_zoom']} to {tiles['last_zoom']}"
    return f"{part['id']}: tiles of {zooms}, {tiles['media_type']}, served from the file ({tiles['format']})"


def note_text(note: Note) -> str:
    """A note as one line, and its hint as another."""
    place = f"{note.collection}: " if note.collection else ""
    hint = f"\n  {note.hint}" if note.hint else ""
    return f"{note.level}: {place}{note.message}{hint}"


def prepare_json(outcome: PrepareResult) -> dict[str, object]:
    """The result as JSON values."""
    return {
        "source": outcome.target.full_name,
        "table": outcome.table and f"data.{outcome.table}",
        "rows": outcome.rows,
        "notes": [note.message for note in outcome.notes],
    }


def prepare_text(outcome: PrepareResult) -> str:
    """The result for people. Of a table that needs nothing only warnings are shown."""
    name = outcome.target.full_name
    what = f"prepared in data.{outcome.table}" if outcome.table else "its tiles need no preparation"
    shown = [note for note in outcome.notes if outcome.table or note.level == "warning"]
    return "\n".join([f"{name}: {what} ({outcome.rows:,} rows)", *(f"  {note.message}" for note in shown)])


def prepared_json(known: ExternalOverview) -> dict[str, object]:
    """A table that was prepared, as JSON values."""
    return {
        "source": known.source,
        "table": f"data.{known.table}",
        "prepared_at": known.prepared_at,
        "rows": known.rows,
        "changed": known.changed,
        "bytes": known.size_bytes,
    }


def prepared_text(known: list[ExternalOverview]) -> str:
    """The table of what was prepared."""
    if not known:
        return "nothing was prepared yet: isthmus prepare SCHEMA.TABLE"
    rows = [
        [
            *(one.source, one.prepared_at[:16].replace("T", " "), f"{one.rows:>10,}"),
            "the table is gone" if one.changed is None else f"{one.changed:,}",
            f"{one.size_bytes / 1e6:.1f}",
        ]
        for one in known
    ]
    return table(rows, ["TABLE", "PREPARED (UTC)", "      ROWS", "CHANGED SINCE", "MB"])
