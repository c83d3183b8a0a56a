"""Columns of WKB that Parquet itself calls GEOMETRY or GEOGRAPHY (DuckDB, Iceberg), or Arrow geoarrow.wkb.

Source: https://github.com/apache/parquet-format/blob/master/Geospatial.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

DEFAULT_CRS = "OGC:CRS84"


def native_columns(file: pq.ParquetFile) -> dict[str, Any]:
    """The CRS of each such column, as PROJJSON or text, in order; None: unknown."""
    leaves = [file.schema.column(place) for place in range(len(file.schema))]
    types = {leaf.path: leaf.logical_type for leaf in leaves if leaf.logical_type.type in ("GEOMETRY", "GEOGRAPHY")}
    keys = file.metadata.metadata or {}
    found: dict[str, Any] = {}
    for field in file.schema_arrow:
        if field.name in types:
            found[field.name] = parse_crs(json.loads(types[field.name].to_json()).get("crs"), keys)
        elif field_extension(field) == "geoarrow.wkb":
            found[field.name] = json.loads((field.metadata or {}).get(b"ARROW:extension:metadata") or b"{}").get("crs")
    return found


def parse_crs(text: str | None, keys: Mapping[bytes, bytes]) -> Any:
    """Parquet says `srid:N`, or `projjson:KEY` of the file's metadata; others write PROJJSON, WKT or a code."""
    kind, _, name = (text or DEFAULT_CRS).partition(":")
    if kind == "srid":
        return f"EPSG:{name}" if name.strip("0") else None
    if kind == "projjson" and name.encode() in keys:
        return json.loads(keys[name.encode()])
    return json.loads(text) if text and text.startswith("{") else text or DEFAULT_CRS


def field_extension(field: pa.Field) -> str | None:
    """The name of the field's Arrow extension type, registered or not."""
    if isinstance(field.type, pa.BaseExtensionType):
        return field.type.extension_name
    name = (field.metadata or {}).get(b"ARROW:extension:name")
    return name.decode() if name else None
