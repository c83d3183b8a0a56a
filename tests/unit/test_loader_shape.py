"""Types and dimensions from the first bytes of WKB."""

from __future__ import annotations

import pyarrow as pa
import pytest
import shapely
from hypothesis import given, strategies as st

from loader.geometry.wkb import SIMPLE, Shape, is_plain, promoted, shape_of, shape_of_code, type_codes

SQUARE = shapely.from_wkt("POLYGON ((0 0,0 1,1 1,0 0))")
SQUARE_Z = shapely.from_wkt("POLYGON Z ((0 0 1,0 1 2,1 1 3,0 0 1))")


def column(*geometries: shapely.Geometry | None, byte_order: int = 1) -> pa.Array:
    """A WKB column."""
    return pa.array(
        [None if g is None else shapely.to_wkb(g, byte_order=byte_order, flavor="iso") for g in geometries],
        pa.binary(),
    )


@pytest.mark.parametrize("byte_order", [0, 1])
def test_codes_are_read_in_both_byte_orders_and_nulls_are_passed_over(byte_order: int) -> None:
    shapes = column(shapely.Point(1, 2), None, SQUARE, SQUARE_Z, byte_order=byte_order)
    assert type_codes(shapes).tolist() == [1, 3, 1003]


def test_codes_of_a_slice_are_those_of_the_slice() -> None:
    assert type_codes(column(shapely.Point(1, 2), SQUARE, None, SQUARE_Z).slice(1, 2)).tolist() == [3]
    assert type_codes(column()).tolist() == []
    assert type_codes(column(None)).tolist() == []


def test_what_is_too_short_for_wkb_is_an_error() -> None:
    with pytest.raises(ValueError, match="less than 5 bytes"):
        type_codes(pa.array([b"\x01\x01"], pa.binary()))


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], None),
        ([1], Shape("Point")),
        ([3, 6], Shape("MultiPolygon")),
        ([2, 5, 2], Shape("MultiLineString")),
        ([1, 3], Shape("Geometry")),
        ([1001], Shape("Point", z=True)),
        ([1, 1001], Shape("Point", z=True)),
        ([2001], Shape("Point")),
        ([3002], Shape("LineString", z=True)),
        ([8], Shape("LineString")),
        ([1012], Shape("MultiPolygon", z=True)),
        ([1016], Shape("MultiPolygon", z=True)),
        ([0x80000001], Shape("Point", z=True)),
        ([0xA0000003], Shape("Polygon", z=True)),
        ([99], Shape("Geometry")),
    ],
)
def test_the_shape_of_codes_is_the_narrowest_that_takes_them(codes: list[int], expected: Shape | None) -> None:
    assert shape_of(codes) == expected


codes = st.sampled_from([*SIMPLE, *(code + 1000 for code in SIMPLE), 8, 1010])


@given(codes, codes, codes)
def test_joining_shapes_does_not_depend_on_the_order(a: int, b: int, c: int) -> None:
    one, two, three = shape_of_code(a), shape_of_code(b), shape_of_code(c)
    assert one.joined(two) == two.joined(one)
    assert one.joined(two).joined(two) == one.joined(two)
    assert one.joined(two).joined(three).z == (one.z or two.z or three.z)


@pytest.mark.parametrize(
    ("code", "shape", "plain"),
    [
        (3, Shape("MultiPolygon"), True),
        (6, Shape("Polygon"), False),
        (3, Shape("Polygon"), True),
        (1003, Shape("Polygon"), False),
        (3, Shape("Polygon", z=True), False),
        (1003, Shape("MultiPolygon", z=True), True),
        (6, Shape("Geometry"), True),
        (7, Shape("Geometry"), False),
        (8, Shape("Geometry"), False),
        (2001, Shape("Point"), False),
        (0x20000001, Shape("Point"), False),
    ],
)
def test_plain_geometries_go_straight_into_the_column(code: int, shape: Shape, plain: bool) -> None:
    assert is_plain(code, shape) is plain


@pytest.mark.parametrize("byte_order", [0, 1])
def test_a_promoted_polygon_is_the_multipolygon_of_it(byte_order: int) -> None:
    multi = shapely.MultiPolygon([SQUARE, SQUARE])
    result = promoted(column(SQUARE, None, multi, byte_order=byte_order), Shape("MultiPolygon")).to_pylist()
    assert [None if wkb is None else shapely.from_wkb(wkb) for wkb in result] == [
        shapely.MultiPolygon([SQUARE]),
        None,
        multi,
    ]


def test_heights_survive_the_promotion() -> None:
    (wkb,) = promoted(column(SQUARE_Z), Shape("MultiPolygon", z=True)).to_pylist()
    assert shapely.to_wkt(shapely.from_wkb(wkb), trim=True) == "MULTIPOLYGON Z (((0 0 1, 0 1 2, 1 1 3, 0 0 1)))"


def test_other_columns_are_not_touched() -> None:
    shapes = column(SQUARE)
    assert promoted(shapes, Shape("Polygon")) is shapes
    assert promoted(shapes, Shape("Geometry")) is shapes


def test_the_type_modifier_is_postgis_word() -> None:
    assert Shape("MultiPolygon", z=True).typmod == "MultiPolygonZ"
    assert Shape().typmod == "Geometry"
