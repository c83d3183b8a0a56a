"""What readers of files give back, as plain values that can be compared with what was loaded."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import duckdb
import geopandas
import pandas
import shapely
from shapely.geometry import shape

from support.cluster import ROOT

Row = dict[str, Any]

EXACT = {"integer_object_nulls": True}
"""Whole numbers beside nulls would become doubles in pandas."""

SYSTEM_PYTHON = "/usr/bin/python3"
"""Debian's Python, which QGIS belongs to."""


def as_bytes(value: Any) -> bytes:
    """Bytes, that some formats write as hexadecimal or base 64."""
    if not isinstance(value, str):
        return bytes(value)
    text = value.removeprefix("\\x")
    try:
        return bytes.fromhex(text)
    except ValueError:
        return base64.b64decode(text)


def as_instant(value: Any) -> datetime:
    """An instant, that some formats write as a text."""
    text = str(value).replace("/", "-").replace("Z", "+00:00")
    found = datetime.fromisoformat(text if len(text) < 3 or text[-3] not in "+-" else f"{text}:00")
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


READ: Mapping[str, Callable[[Any], Any]] = {
    "id": int,
    "name": str,
    "big": int,
    "ratio": float,
    "flag": lambda value: {"true": True, "false": False, "1": True, "0": False, "t": True, "f": False}[
        str(value).lower()
    ],
    "day": lambda value: date.fromisoformat(str(value)[:10].replace("/", "-")),
    "seen": as_instant,
    "at": lambda value: time.fromisoformat(str(value)),
    "detail": lambda value: json.loads(value) if isinstance(value, str) else value,
    "raw": as_bytes,
}


def plain(row: Mapping[str, Any], geometry: Any) -> Row:
    """A row with every value as Python has it; None for what is none."""
    found: Row = {}
    for name, read in READ.items():
        value = row.get(name, row.get(name.capitalize()))  # KML has a Name of its own
        nothing = value is None or (not isinstance(value, dict | list) and pandas.isna(value))
        found[name] = None if nothing else read(value)
    found["geometry"] = None if geometry is None or geometry.is_empty else shapely.normalize(geometry)
    return found


def by_id(rows: list[Row]) -> dict[int, Row]:
    """The rows by id."""
    return {row["id"]: row for row in rows}


def read_gdal(path: str, id: str) -> dict[int, Row]:
    """By ogr2ogr, of Debian's GDAL. id: the column of the ids, else they are those of the features"""
    command = ["ogr2ogr", "-f", "GeoJSON", "-lco", "COORDINATE_PRECISION=15", "-preserve_fid", "/vsistdout/", path]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows: list[Row] = []
    for feature in json.loads(text)["features"]:
        values = {**feature["properties"]}
        values["id"] = values.get(id, feature.get("id"))
        rows.append(plain(values, feature["geometry"] and shape(feature["geometry"])))
    return by_id(rows)


def read_geopandas(path: Path | str, id: str) -> dict[int, Row]:
    """By GeoPandas."""
    if str(path).endswith(".parquet"):
        frame = geopandas.read_parquet(path, to_pandas_kwargs=EXACT)
    else:
        options = {"use_arrow": True, "arrow_to_pandas_kwargs": EXACT}
        frame = geopandas.read_file(path, fid_as_index=id == "fid", **options)
        frame = frame.reset_index() if id == "fid" else frame
    rows = frame.drop(columns="geometry").to_dict("records")
    geometries = list(frame.geometry)
    return by_id([plain({**row, "id": row[id]}, geometry) for row, geometry in zip(rows, geometries, strict=True)])


def read_duckdb(path: Path) -> dict[int, Row]:
    """By DuckDB, without its spatial extension: geometries as the WKB that they are."""
    connection = duckdb.connect(config={"enable_external_access": "true"})
    connection.execute("SET enable_geoparquet_conversion = false; SET TimeZone = 'UTC'")
    found = connection.sql("SELECT * FROM read_parquet($path)", params={"path": str(path)})
    names = found.columns
    rows = [dict(zip(names, values, strict=True)) for values in found.fetchall()]
    connection.close()
    return by_id([plain(row, row["geometry"] and shapely.from_wkb(bytes(row["geometry"]))) for row in rows])


QGIS_ENVIRONMENT = {"QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin", "HOME": "/tmp", "XDG_RUNTIME_DIR": "/tmp"}


def single(geometry: shapely.Geometry) -> shapely.Geometry:
    """The part of a collection that has one: QGIS takes what a Shapefile calls a polygon for a multipolygon."""
    parts = shapely.get_parts(geometry)
    return parts[0] if len(parts) == 1 else geometry


def ask_qgis(source: str, provider: str, *condition: str) -> dict[str, Any]:
    """By QGIS: `rows` as it has them, `crs`, `count`, and whether it would add features."""
    command = [SYSTEM_PYTHON, str(ROOT / "tests" / "support" / "qgis_reader.py"), source, provider, *condition]
    done = subprocess.run(command, capture_output=True, text=True, env=QGIS_ENVIRONMENT, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def read_qgis(source: str, provider: str = "ogr") -> dict[str, Any]:
    """The same with plain `rows` by id."""
    answer = ask_qgis(source, provider)
    rows = [plain(row, row["wkt"] and single(shapely.from_wkt(row["wkt"]))) for row in answer["rows"]]
    return {**answer, "rows": by_id(rows)}
