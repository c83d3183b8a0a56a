"""Geometries in the native encodings of GeoParquet 1.1 as WKB, a whole column at a time.

They are lists of lists of coordinates, so the WKB of each level is that of the next with a head before each list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as pt

from loader.errors import CannotRead
from loader.geometry.wkb_types import SIMPLE, Shape

CODES = {name.lower(): code for code, name in SIMPLE.items() if code < 7}
DEPTHS = {1: 0, 2: 1, 3: 2, 4: 1, 5: 2, 6: 3}
"""How many lists are around the coordinates, by the WKB code."""

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Blocks:
    """Pieces of WKB one after the other. `places`: where each begins, and the end of the last."""

    data: Bytes
    places: Places


@dataclass(frozen=True, slots=True)
class Native:
    """A native encoding: the WKB code of its type without heights, and the axes of its coordinates."""

    code: int
    axes: tuple[str, ...]

    @property
    def shape(self) -> Shape:
        """The shape of the column."""
        return Shape(SIMPLE[self.code], "z" in self.axes)

    def head(self, code: int) -> bytes:
        """What the WKB of a geometry begins with, by the type's code without heights."""
        return b"\x01" + (code + 1000 * ("z" in self.axes) + 2000 * ("m" in self.axes)).to_bytes(4, "little")

    def wkb(self, array: pa.Array) -> pa.Array:
        """A column as WKB. Nulls stay, and a point without coordinates is one of NaN."""
        blocks = self.geometries(array, self.code)
        buffers = [None, pa.py_buffer(blocks.places.tobytes()), pa.py_buffer(blocks.data.tobytes())]
        whole = pa.Array.from_buffers(pa.large_binary(), len(array), buffers)
        return pc.if_else(pc.is_valid(array), whole, pa.scalar(None, pa.large_binary()))

    def geometries(self, array: pa.Array, code: int) -> Blocks:
        """The geometries of one type, which may be parts of others."""
        head = np.frombuffer(self.head(code), np.uint8)
        if code == CODES["point"]:
            points = coordinates(array, self.axes)
            return headed(points.data, points.places, np.broadcast_to(head, (len(array), len(head))))
        if code == CODES["linestring"]:
            return lists(array, coordinates(pc.list_flatten(array), self.axes), head)
        if code == CODES["polygon"]:
            rings = pc.list_flatten(array)
            return lists(array, lists(rings, coordinates(pc.list_flatten(rings), self.axes), head[:0]), head)
        return lists(array, self.geometries(pc.list_flatten(array), code - 3), head)


def native_encoding(encoding: str, kind: pa.DataType) -> Native:
    """An encoding by its name in the metadata, and the type of its column. Raises: CannotRead"""
    code = CODES.get(encoding)
    if code is not None:
        for _ in range(DEPTHS[code]):
            kind = kind.value_type if pt.is_list(kind) or pt.is_large_list(kind) else pa.null()
        axes = tuple(field.name for field in kind.fields) if pt.is_struct(kind) else ()
        if axes in (("x", "y"), ("x", "y", "z"), ("x", "y", "m"), ("x", "y", "z", "m")):
            return Native(code, axes)
    raise CannotRead(
        f"the geometries are encoded as '{encoding}'", hint="write the file with geometry encoding WKB, the default"
    )


def coordinates(array: pa.Array, axes: tuple[str, ...]) -> Blocks:
    """The numbers of coordinates."""
    numbers = [pc.fill_null(pc.struct_field(array, axis).cast(pa.float64()), np.nan) for axis in axes]
    data = np.stack([np.asarray(axis) for axis in numbers], axis=1).astype("<f8")
    return Blocks(data.reshape(-1).view(np.uint8), np.arange(len(array) + 1) * (8 * len(axes)))


def lists(array: pa.Array, parts: Blocks, head: Bytes) -> Blocks:
    """Lists of parts: a head, how many there are, and they."""
    counts = np.asarray(pc.fill_null(pc.list_value_length(array), 0)).astype("<u4")
    ends = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    heads = np.broadcast_to(head, (len(counts), len(head)))
    return headed(parts.data, parts.places[ends], np.hstack([heads, counts.reshape(-1, 1).view(np.uint8)]))


def headed(data: Bytes, places: Places, heads: Bytes) -> Blocks:
    """Blocks of data with heads before them, all as long."""
    size = int(heads.shape[1])
    begins: Places = places + np.arange(len(places)) * size
    whole = np.empty(begins[-1], np.uint8)
    of_heads: Places = begins[:-1, None] + np.arange(size)
    is_data = np.ones(len(whole), np.bool_)
    is_data[of_heads] = False
    whole[of_heads], whole[is_data] = heads, data
    return Blocks(whole, begins)
