"""Coordinates of files that are no numbers."""

from __future__ import annotations

import math
import struct

import numpy as np
import pyarrow as pa
import pytest
import shapely

from loader.geometry.wkb import only_numbers
from support.loading import wkb

NAN, INFINITY = math.nan, math.inf


def line(*positions: tuple[float, ...], code: int = 2, order: str = "<") -> bytes:
    """A line as WKB, which may have what shapely refuses to read."""
    head = struct.pack(f"{order}BII", order == "<", code, len(positions))
    return head + b"".join(struct.pack(f"{order}{len(position)}d", *position) for position in positions)


def collection(*parts: bytes) -> bytes:
    """A collection of geometries."""
    return struct.pack("<BII", 1, 7, len(parts)) + b"".join(parts)


@pytest.mark.parametrize(
    "geometry",
    [
        struct.pack("<BIdd", 1, 1, NAN, 2),
        struct.pack("<BIdd", 1, 1, 2, -INFINITY),
        struct.pack("<BIIdd", 1, 0x20000001, 4326, 2, NAN),
        line((0, 0), (NAN, 1), (2, 2)),
        line((0, 0), (1, NAN), order=">"),
        collection(line((0, 0), (1, 1)), line((0, 0), (1, INFINITY))),
        collection(struct.pack("<BIddd", 1, 1001, 1, NAN, 2)),
    ],
)
def test_a_geometry_at_no_place_is_null(geometry: bytes):
    others = [b"", *wkb(["POINT (1 2)", "POLYGON ((0 0, 1 0, 1 1, 0 0))"]).to_pylist()]
    column = pa.array([None, others[1], geometry, others[2], None], pa.binary())
    for part in (column, column.slice(1), column.slice(2, 1)):
        found = only_numbers(part)
        assert (found.placeless, found.flattened) == (1, 0)
        assert found.wkb.to_pylist() == [None if text == geometry else text for text in part.to_pylist()]


def test_a_height_that_is_no_number_is_0():
    found = only_numbers(pa.array([line((0, 0, 7), (1, 1, NAN), code=1002)], pa.binary()))
    assert (found.placeless, found.flattened) == (0, 1)
    assert found.wkb.to_pylist() == [line((0, 0, 7), (1, 1, 0), code=1002)]


@pytest.mark.parametrize("text", ["POINT EMPTY", "MULTIPOINT (EMPTY, (1 2))", "GEOMETRYCOLLECTION (POINT EMPTY)"])
def test_an_empty_point_stays_empty(text: str):
    found = only_numbers(wkb([text]))
    assert (found.wkb, found.placeless, found.flattened) == (wkb([text]), 0, 0)


def test_nothing_else_is_touched():
    random = np.random.default_rng(5)
    x, y = random.uniform(-180, 180, 20_000), random.uniform(-90, 90, 20_000)
    boxes: list[shapely.Polygon] = list(shapely.box(x, y, x + 0.1, y + 0.1))
    column = pa.array(
        [*map(shapely.to_wkb, boxes), shapely.to_wkb(shapely.MultiPolygon(boxes[:500])), None], pa.binary()
    )
    assert only_numbers(column).wkb is column


BROKEN = [b"\x01", line((0, 0), (NAN, 1))[:-9] + b"\xf0\x7f", b"\x01\x01\xf0\xff\xf0\x7f\x7f"]


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_no_wkb_is_left_to_postgis(broken: bytes):
    assert only_numbers(pa.array([broken], pa.binary())).wkb.to_pylist() == [broken]


def test_no_rows():
    assert len(only_numbers(pa.array([], pa.binary())).wkb) == 0
    assert only_numbers(pa.array([None], pa.binary())).placeless == 0
