"""GeoParquet with native encodings, as GeoPandas writes it: lists of coordinates in place of WKB."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from geopandas import GeoDataFrame, GeoSeries

from loader.read import geoparquet
from support.loading import Loader, codes

SHAPES = {
    "Point": ["POINT (1 2)", None, "POINT (3 4)"],
    "LineString": ["LINESTRING (1 2,3 4)", None, "LINESTRING (5 6,7 8,9 10)"],
    "Polygon": ["POLYGON ((0 0,9 0,9 9,0 0),(7 3,8 3,8 4,7 3))", None, "POLYGON ((1 1,2 1,2 2,1 1))"],
    "MultiPoint": ["MULTIPOINT (1 2,3 4)", None, "MULTIPOINT (5 6)"],
    "MultiLineString": ["MULTILINESTRING ((1 2,3 4),(5 6,7 8,9 9))", None, "MULTILINESTRING ((5 6,7 8))"],
    "MultiPolygon": [
        "MULTIPOLYGON (((0 0,9 0,9 9,0 0),(7 3,8 3,8 4,7 3)),((20 0,21 0,21 1,20 0)))",
        None,
        "MULTIPOLYGON (((1 1,2 1,2 2,1 1)))",
    ],
}


def write(loader: Loader, shapes: GeoSeries) -> None:
    """Write p.parquet, with a property that numbers its rows."""
    frame = GeoDataFrame({"n": range(len(shapes))}, geometry=shapes)
    frame.to_parquet(loader.path("p.parquet"), geometry_encoding="geoarrow")


def loaded(loader: Loader) -> np.ndarray:
    """The geometries of p, in order."""
    return shapely.from_wkt([row["geom"] for row in loader.rows("p")])


@pytest.mark.parametrize("is_3d", [False, True])
@pytest.mark.parametrize("kind", SHAPES)
def test_geometries_are_those_of_the_file(loader: Loader, kind: str, *, is_3d: bool) -> None:
    shapes = GeoSeries.from_wkt(SHAPES[kind], crs="EPSG:3067")
    shapes = GeoSeries(shapely.force_3d(shapes.values, 7), crs=shapes.crs) if is_3d else shapes
    write(loader, shapes)
    report = loader.load("p.parquet")
    assert (report.status, codes(report)) == ("loaded", ["geometry-missing"]), report.error
    found = loaded(loader)
    assert shapely.equals_identical(found[[0, 2]], shapes.values[[0, 2]]).all()
    assert found[1] is None
    collection = loader.catalog()["p"]
    assert (collection.geometry_type, collection.srid) == (kind, 3067)


def test_single_and_several_parts_are_what_the_writer_made_of_them(loader: Loader) -> None:
    write(loader, GeoSeries.from_wkt([*SHAPES["Polygon"], *SHAPES["MultiPolygon"]], crs=4326))
    loader.load("p.parquet")
    assert {shape.geom_type for shape in loaded(loader) if shape} == {"MultiPolygon"}


def test_rows_come_in_batches(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geoparquet, "chunk_rows", lambda *_: 2)
    shapes = GeoSeries.from_wkt([n != 3 and f"LINESTRING ({n} 0,{n} {n + 1},9 9)" or None for n in range(7)], crs=4326)
    write(loader, shapes)
    loader.load("p.parquet")
    assert [shape and shape.wkt for shape in loaded(loader)] == [shape and shape.wkt for shape in shapes]


def test_hidden_parts_of_nulls_and_measures_do_not_matter(loader: Loader) -> None:
    """A writer may leave what it likes below a null, and cut its columns out of longer ones."""
    axes = [pa.array(np.arange(8.0) + shift) for shift in (0, 10, 100)]
    corners = pa.StructArray.from_arrays(axes, ["x", "y", "m"])
    lines = pa.ListArray.from_arrays([0, 2, 4, 6, 8], corners, mask=pa.array([False, False, True, False]))
    described = {"encoding": "linestring", "geometry_types": []}
    geo = {"version": "1.1.0", "primary_column": "shape", "columns": {"shape": described}}
    table = pa.table({"n": [1, 2, 3], "shape": lines.slice(1)}).replace_schema_metadata({"geo": json.dumps(geo)})
    pq.write_table(table, loader.path("p.parquet"))
    assert loader.load("p.parquet").status == "loaded"
    assert [shape and shape.wkt for shape in loaded(loader)] == [
        "LINESTRING (2 12, 3 13)",
        None,
        "LINESTRING (6 16, 7 17)",
    ]


def test_empty_geometries_are_empty(loader: Loader) -> None:
    write(loader, GeoSeries.from_wkt(["POINT EMPTY", "POINT (1 2)"], crs=4326))
    assert loader.load("p.parquet").status == "loaded"
    assert [row["geom"] for row in loader.rows("p")] == ["POINT EMPTY", "POINT(1 2)"]


def test_file_without_rows_is_an_empty_collection(loader: Loader) -> None:
    write(loader, GeoSeries.from_wkt(SHAPES["MultiPolygon"], crs=4326))
    pq.write_table(pq.read_table(loader.path("p.parquet")).slice(0, 0), loader.path("p.parquet"))
    assert loader.load("p.parquet").status == "loaded"
    assert loader.rows("p") == []
