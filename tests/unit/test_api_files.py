"""The parts of the file writers that need no database: names of columns, WKB in columns, jobs as text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
import shapely
from hypothesis import given, strategies as st

from api.exports.job import FileColumn, FileJob
from api.exports.writer.ogr import with_room
from api.exports.writer.rows import codes_of, from_hex, gathered, layout_of, unique_names
from api.exports.writer.shapefile import family_of, type_of
from core.errors import FileTooLarge, FormatUnsuitable
from core.settings import Settings

JOB = FileJob(
    format="gpkg",
    path=Path("/spool/x/made.gpkg"),
    layer="roads",
    title="Roads",
    statement="COPY …",
    id="integer",
    unique=True,
    columns=(FileColumn("name", "string"),),
    geometry_type="Point",
    crs="EPSG:3067",
    sorted=False,
    most_bytes=1,
    short_of_room=False,
    timeout_s=1,
    settings=Settings(data_dir=Path("/data"), db_password="geheim"),
)


def test_kml_that_cannot_grow_asks_for_no_more_rows(tmp_path: Path):
    """GDAL reads on to the end."""
    job = replace(JOB, path=tmp_path / "made.kml", most_bytes=100_000)
    batch = pa.record_batch({"name": ["a"]})
    job.path.write_bytes(b" " * 30_000)
    assert with_room(batch, job) is batch
    job.path.write_bytes(b" " * 90_000)
    with pytest.raises(FileTooLarge):
        with_room(batch, job)


def test_job_is_the_same_after_its_way_as_text():
    assert FileJob.from_json(JOB.to_json()) == JOB
    assert "\n" not in JOB.to_json()


def test_what_is_ours_steps_aside_for_properties():
    names = ("fid", "FID", "geom", "id")
    layout = layout_of(replace(JOB, columns=tuple(FileColumn(name, "string") for name in names)))
    assert layout.columns == ("fid", "FID_2", "geom", "id")
    assert (layout.id, layout.geometry) == ("_fid", "_geom")
    parquet = layout_of(
        replace(JOB, format="parquet", columns=(FileColumn("bbox", "string"), FileColumn("xmin", "number")))
    )
    assert (parquet.id, parquet.bbox, parquet.bounds[0]) == ("id", "_bbox", "_xmin")


def test_features_without_id_have_no_column_for_it():
    assert layout_of(replace(JOB, id=None)).id is None
    assert layout_of(replace(JOB, id="text")).id == "id"
    assert layout_of(replace(JOB, unique=False)).id == "id"


@given(st.lists(st.text(min_size=1), max_size=30))
def test_names_of_a_shapefile_are_short_and_unique(names: list[str]):
    found = unique_names(names, 10)
    assert len({name.lower() for name in found}) == len(names)
    assert all(0 < len(name.encode()) <= 10 for name in found if name)


def test_names_of_a_shapefile_keep_what_fits():
    assert unique_names(["population_2020", "population_2021", "väestö", "NAME", "name"], 10) == [
        "population",
        "populati_2",
        "väestö",
        "NAME",
        "name_2",
    ]


WKT = ["POINT(1 2)", None, "LINESTRING Z(0 0 1,1 1 2)", "MULTIPOLYGON(((0 0,1 0,1 1,0 0)))", "POINT ZM(1 2 3 4)"]


def hexed(wkt: str | None) -> str | None:
    """WKB in hexadecimal, as PostGIS writes it."""
    return None if wkt is None else shapely.to_wkb(shapely.from_wkt(wkt), hex=True, flavor="iso", byte_order=1)


@pytest.mark.parametrize("part", [slice(0, 5), slice(1, 4), slice(1, 2), slice(2, 2)])
def test_hexadecimal_becomes_bytes(part: slice):
    texts = [hexed(wkt) for wkt in WKT]
    found = from_hex(pa.array(texts, pa.string())[part])
    assert found.to_pylist() == [None if text is None else bytes.fromhex(text) for text in texts[part]]
    assert found.type == pa.binary()


def test_kinds_are_read_from_the_heads():
    column = from_hex(pa.array([hexed(wkt) for wkt in WKT], pa.string()))
    batch = pa.RecordBatch.from_arrays([column], ["g"])
    assert codes_of(batch, "g").tolist() == [1, -1, 1002, 6, 3001]
    assert codes_of(batch.slice(2), "g").tolist() == [1002, 6, 3001]
    assert codes_of(batch, None).tolist() == [-1] * 5


def test_shapefiles_are_told_apart_by_kind_and_coordinates():
    assert [family_of(code) for code in (1, 1002, 6, 3001, 2003, -1)] == [
        "points",
        "lines_z",
        "polygons",
        "points_zm",
        "polygons_m",
        "table",
    ]
    assert [type_of(name) for name in ("points", "lines_z", "points_m", "table")] == [
        "Point",
        "LineString Z",
        "PointM",
        None,
    ]
    with pytest.raises(FormatUnsuitable):
        family_of(7)


def test_blocks_are_gathered_and_none_is_lost():
    blocks = [bytes([number]) * 1_500_000 for number in range(7)]
    chunks = list(gathered(iter(blocks)))
    assert b"".join(chunks) == b"".join(blocks)
    assert len(chunks) == 3
