"""Files of relations that others keep: any key or none, any type, names and ids that formats cannot have."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pyogrio.raw
import pytest
from flask.testing import FlaskClient

from support.http import get
from support.mvt import features_of

ALL = ("gpkg", "fgb", "parquet", "shp", "kml")
TABLES = (
    "composite_key",
    "curves",
    "date_key",
    "empty_untyped",
    "geography",
    "inherited",
    "mixed_srids",
    "no_key",
    "ranges",
    "srid_0",
    "text_key",
    "two_geometries",
    "types",
    "untyped",
    "uuid_key",
    "view_null_ids",
    "web_mercator",
    "z_and_m",
)
IN_EVERY_FORMAT = ("types", "z_and_m")
"""Those that are asked for in every format each time."""


def rows_of(path: Path) -> int:
    """How many rows a file has."""
    if path.suffix == ".parquet":
        return pq.read_metadata(path).num_rows
    with sqlite3.connect(path) as file:
        [(name,)] = file.execute("SELECT table_name FROM gpkg_contents").fetchall()
        [(count,)] = file.execute(f'SELECT count(*) FROM "{name}"').fetchall()
    file.close()
    return count


def formats_of_tables() -> Iterator[Any]:
    """(table, formats): a file takes a second, so all formats of most tables are for `long`."""
    for name in TABLES:
        yield pytest.param(name, ALL if name in IN_EVERY_FORMAT else ("gpkg",))
        if name not in IN_EVERY_FORMAT:
            yield pytest.param(name, ALL[1:], marks=pytest.mark.long)


@pytest.mark.parametrize(("name", "formats"), list(formats_of_tables()))
def test_odd_table_is_a_whole_file_or_a_problem(
    odd_client: FlaskClient, tmp_path: Path, name: str, formats: tuple[str, ...]
):
    known = [found["id"] for found in get(odd_client, "/collections")["collections"]]
    name = next((found for found in known if found == name or found.startswith(name)), name)
    expected = len(get(odd_client, f"/collections/{name}/items?limit=1000")["features"])
    for f in formats:
        response = odd_client.get(f"/collections/{name}/items?f={f}", buffered=True)
        assert response.status_code in (200, 400), (f, response.text)
        if response.status_code == 400:
            assert (json.loads(response.data)["code"], f) == ("format-unsuitable", f if f != "gpkg" else None)
        elif f in ("gpkg", "parquet"):
            path = tmp_path / f"file.{f}"
            path.write_bytes(response.data)
            assert rows_of(path) == expected


def test_time_that_parquet_cannot_have_is_none(odd_client: FlaskClient):
    response = odd_client.get("/collections/gpkg_far_times/items?f=parquet", buffered=True)
    assert response.status_code == 200, response.text
    seen = pq.read_table(io.BytesIO(response.data)).column("seen").to_pylist()
    assert seen == [datetime(2024, 5, 1, 12, tzinfo=UTC), None]


def test_name_that_no_table_may_have_is_another_one_in_a_geopackage(odd_client: FlaskClient, tmp_path: Path):
    response = odd_client.get("/collections/gpkg_far_times/items?f=gpkg", buffered=True)
    assert response.status_code == 200, response.text
    (tmp_path / "file.gpkg").write_bytes(response.data)
    with sqlite3.connect(tmp_path / "file.gpkg") as file:
        assert file.execute("SELECT table_name FROM gpkg_contents").fetchall() == [("_gpkg_far_times",)]
    file.close()


def test_names_of_columns_in_kml_are_escaped(odd_client: FlaskClient, tmp_path: Path):
    response = odd_client.get("/collections/markup/items?f=kml", buffered=True)
    assert response.status_code == 200, response.text
    (tmp_path / "file.kml").write_bytes(response.data)
    _, table = pyogrio.raw.read_arrow(tmp_path / "file.kml")
    [row] = table.to_pylist()
    assert (row["R&D"], row["under <5 m"], row['2" pipes']) == ("<a & b>", "3", "true")


@pytest.mark.parametrize("f", ["gpkg", "fgb", "parquet", "shp", "kml"])
def test_numerics_of_whole_numbers_keep_every_digit_in_a_file(odd_client: FlaskClient, tmp_path: Path, f: str):
    response = odd_client.get(f"/collections/whole_numbers/items?f={f}&properties=n18,hundreds", buffered=True)
    assert response.status_code == 200, response.text
    path = tmp_path / f"file.{f.replace('shp', 'shz')}"
    path.write_bytes(response.data)
    table = pq.read_table(path) if f == "parquet" else pyogrio.raw.read_arrow(path)[1]
    found = sorted((row["n18"], row["hundreds"]) for row in table.to_pylist() if row["n18"] not in (None, ""))
    numbers = [(-99999999999999999, -9999900), (123456789012345678, 123400)]
    assert [(int(n18), int(hundreds)) for n18, hundreds in found] == numbers


def test_numerics_of_whole_numbers_are_whole_in_a_tile(odd_client: FlaskClient):
    tile = odd_client.get("/collections/whole_numbers/tiles/WebMercatorQuad/0/0/0").data
    found = [some["properties"] for some in features_of(tile, "whole_numbers")]
    values = [(some.get("n18"), some.get("hundreds")) for some in found]
    assert sorted(values, key=str) == [(-99999999999999999, -9999900), (123456789012345678, 123400), (None, None)]


def test_texts_of_a_fixed_width_have_no_blanks_at_their_end_in_a_file(odd_client: FlaskClient):
    response = odd_client.get("/collections/types/items?f=parquet&ids=1&properties=ch", buffered=True)
    assert response.status_code == 200, response.text
    assert pq.read_table(io.BytesIO(response.data)).column("ch").to_pylist() == ["ch"]


def test_what_is_json_is_json_in_csv_too(odd_client: FlaskClient):
    names = ("j", "jb", "hs", "ints", "texts", "pair")
    response = odd_client.get(f"/collections/types/items?f=csv&ids=1&properties={','.join(names)}", buffered=True)
    assert response.status_code == 200, response.text
    [row] = csv.DictReader(io.StringIO(response.text))
    shown = get(odd_client, "/collections/types/items?ids=1")["features"][0]["properties"]
    assert {name: json.loads(row[name]) for name in names} == {name: shown[name] for name in names}


def test_kml_is_xml_whatever_characters_texts_have(odd_client: FlaskClient, tmp_path: Path):
    response = odd_client.get("/collections/texts/items?f=kml", buffered=True)
    assert response.status_code == 200, response.text
    (tmp_path / "file.kml").write_bytes(response.data)
    _, table = pyogrio.raw.read_arrow(tmp_path / "file.kml")
    assert sorted(table.column("t").to_pylist()) == ["a\ufffdb\ufffdc", "line\n\ttab"]


def test_coordinates_that_are_no_numbers_make_no_broken_file(odd_client: FlaskClient):
    url = "/collections/no_numbers_far/items?crs=http://www.opengis.net/def/crs/EPSG/0/3067"
    response = odd_client.get(f"{url}&f=parquet", buffered=True)
    assert response.status_code == 200, response.text
    metadata = pq.read_metadata(io.BytesIO(response.data)).metadata or {}
    assert b"Infinity" not in metadata[b"geo"]
    response = odd_client.get(f"{url}&f=shp", buffered=True)
    assert (response.status_code, response.get_json()["code"]) == (400, "format-unsuitable")
