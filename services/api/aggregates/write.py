"""Groups as a table in JSON, as CSV, and as features of GeoJSON."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from api.aggregates.cells import box_of, polygon
from api.aggregates.find import Groups
from api.http.links import Link
from api.query.aggregates import ByCell
from core.catalog.collections import Collection


def groups_document(collection: Collection, found: Groups, links: list[Link]) -> dict[str, Any]:
    """The table: its columns, a member for each group, and what is not on this page."""
    query = found.query
    keys = [column.name for column in query.columns if column.alias.startswith("k")]
    others = found.number - len(found.rows)
    left = {"groups": others, "features": found.features - sum(found.sizes)}
    return {
        "collection": collection.id,
        "groupBy": keys,
        "columns": [{"name": column.name, "type": column.type} for column in query.columns],
        "groups": [named(found, row) for row in found.rows],
        "numberMatched": found.matched,
        "groupsMatched": found.number,
        "groupsReturned": len(found.rows),
        **({"other": left} if others else {}),
        "links": links,
    }


def named(found: Groups, row: list[Any]) -> dict[str, Any]:
    """The values of a group by the names of their columns."""
    return {column.name: value for column, value in zip(found.query.columns, row, strict=True)}


def groups_csv(found: Groups) -> bytes:
    """A line for each group. Boxes and points are lists in JSON."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(column.name for column in found.query.columns)
    writer.writerows([csv_value(value) for value in row] for row in found.rows)
    return text.getvalue().encode()


def csv_value(value: Any) -> Any:
    """A value as a cell."""
    return json.dumps(value) if isinstance(value, bool | list) else value


def groups_geojson(found: Groups, links: list[Link]) -> dict[str, Any]:
    """A feature for each group: its cell, or else the centroid or the box that was asked for."""
    places = {column.name for column in found.query.columns if column.type == "json"}
    cell = next((column.name for column in cells_of(found)), None)
    features: list[dict[str, Any]] = []
    for row in found.rows:
        values = named(found, row)
        feature: dict[str, Any] = {"type": "Feature"} | ({"id": values[cell]} if cell and values[cell] else {})
        properties = {name: value for name, value in values.items() if name not in places}
        features.append({**feature, "geometry": geometry_of(values, cell), "properties": properties})
    return {
        "type": "FeatureCollection",
        "features": features,
        "numberMatched": found.number,
        "numberReturned": len(features),
        "links": links,
    }


def cells_of(found: Groups) -> list[Any]:
    """The column of cells, if there is one."""
    aliases = {f"k{number}" for number, one in enumerate(found.query.groupings) if isinstance(one, ByCell)}
    return [column for column in found.query.columns if column.alias in aliases]


def geometry_of(values: dict[str, Any], cell: str | None) -> dict[str, Any] | None:
    """The geometry of a group; None without a place."""
    if cell is not None:
        box = values[cell] and box_of(values[cell])
        return polygon(box.west, box.south, box.east, box.north) if box else None
    if values.get("centroid"):
        return {"type": "Point", "coordinates": values["centroid"]}
    return polygon(*values["extent"]) if values.get("extent") else None
