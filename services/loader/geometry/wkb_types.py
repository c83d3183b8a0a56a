"""The type and the dimension of geometries, read from the first five bytes of their WKB, a whole column at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

SIMPLE = {
    1: "Point",
    2: "LineString",
    3: "Polygon",
    4: "MultiPoint",
    5: "MultiLineString",
    6: "MultiPolygon",
    7: "GeometryCollection",
}
# Curves and surfaces -> what they become: GeoJSON and vector tiles have straight lines only.
STRAIGHTENED = {8: 2, 9: 2, 10: 3, 11: 5, 12: 6, 15: 6, 16: 6, 17: 6}
MULTI = {"Point": "MultiPoint", "LineString": "MultiLineString", "Polygon": "MultiPolygon"}
Z_FLAG, M_FLAG, SRID_FLAG = 0x80000000, 0x40000000, 0x20000000
EWKB_FLAGS = Z_FLAG | M_FLAG | SRID_FLAG
"""Set by writers of PostGIS's own dialect: Z, M and SRID."""

Codes = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Shape:
    """The type of a geometry column: one of SIMPLE's names or 'Geometry', and whether it has heights."""

    type: str = "Geometry"
    z: bool = False

    def joined(self, other: Shape) -> Shape:
        """The narrowest shape that takes both: polygons and multipolygons are multipolygons."""
        family = {MULTI.get(self.type, self.type), MULTI.get(other.type, other.type)}
        one = self.type if self.type == other.type else family.pop() if len(family) == 1 else "Geometry"
        return Shape(one, self.z or other.z)

    @property
    def typmod(self) -> str:
        """The name inside PostGIS's `geometry(…, srid)`."""
        return f"{self.type}{'Z' if self.z else ''}"


def type_codes(wkb: pa.Array) -> Codes:
    """The type code of each geometry that is not null, as its WKB has it. Raises: ValueError for less than 5 bytes"""
    present = pc.drop_null(wkb)
    _, places, content = present.buffers()
    offsets = np.frombuffer(memoryview(places), np.int32)[present.offset : present.offset + len(present) + 1]
    starts = offsets[:-1].astype(np.int64)
    if len(starts) and int(np.diff(offsets).min()) < 5:
        raise ValueError("a geometry has less than 5 bytes")
    if not len(starts):
        return np.empty(0, np.uint32)
    data = np.frombuffer(memoryview(content), np.uint8)
    heads = np.stack([data[starts + place] for place in (1, 2, 3, 4)], axis=1)
    little = np.ascontiguousarray(heads).view("<u4").ravel()
    big = np.ascontiguousarray(heads).view(">u4").ravel()
    return np.where(data[starts] == 1, little, big).astype(np.uint32)


def shape_of(codes: Iterable[int]) -> Shape | None:
    """The shape that takes geometries of these type codes; None when there are none."""
    shapes = [shape_of_code(code) for code in codes]
    return reduce(Shape.joined, shapes) if shapes else None


def shape_of_code(code: int) -> Shape:
    """The shape of one ISO or EWKB type code; curves as what they become, measures (M) are dropped."""
    thousands, base = divmod(code & ~EWKB_FLAGS, 1000)
    name = SIMPLE.get(STRAIGHTENED.get(base, base), "Geometry")
    return Shape(name, thousands in (1, 3) or bool(code & Z_FLAG))


def is_plain(code: int, shape: Shape) -> bool:
    """Whether a column of the shape takes geometries of this code as they are (after `promoted`). Never collections,
    whose parts may be of any type.
    """
    name = SIMPLE.get(code - (1000 if shape.z else 0))
    return name not in (None, "GeometryCollection") and (shape.type == "Geometry" or fits(name, shape))


def fits(name: str, shape: Shape) -> bool:
    """Whether the type is the column's own, or promotes to it."""
    return shape.type in (name, MULTI.get(name))


def promoted(wkb: pa.Array, shape: Shape) -> pa.Array:
    """Single geometries as the multi type of the column: a header of nine bytes before their WKB. Others unchanged."""
    single = next((name for name, multi in MULTI.items() if multi == shape.type), None)
    if single is None:
        return wkb
    code = next(code for code, name in SIMPLE.items() if name == single) + (1000 if shape.z else 0)
    codes = type_codes(wkb)
    if not (codes == code).any():
        return wkb
    is_single = np.zeros(len(wkb), np.bool_)
    is_single[np.asarray(pc.is_valid(wkb))] = codes == code
    header = b"\x01" + (code + 3).to_bytes(4, "little") + (1).to_bytes(4, "little")
    joined = pc.binary_join_element_wise(pa.scalar(header, pa.binary()), wkb, pa.scalar(b"", pa.binary()))
    return pc.if_else(pa.array(is_single), joined, wkb)
