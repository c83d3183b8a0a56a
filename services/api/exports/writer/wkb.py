"""Columns of WKB: from hexadecimal, and what kinds of geometries they hold, without a loop over the rows."""

from __future__ import annotations

from binascii import unhexlify

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

KINDS = ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection")
"""By the last digit of the code of ISO WKB, from 1."""

NO_CODE = -1
HEIGHT, MEASURE = 1000, 2000
"""What is added to a code for a third and a fourth coordinate; 3000 for both."""


def from_hex(array: pa.Array) -> pa.Array:
    """The bytes that a column of hexadecimal texts stands for."""
    offsets = offsets_of(array)
    first, last = int(offsets[0]), int(offsets[-1])
    data = unhexlify(memoryview(array.buffers()[2])[first:last]) if last > first else b""
    halves = ((offsets - first) // 2).astype(np.int32)
    whole = pa.Array.from_buffers(pa.binary(), len(array), [None, pa.py_buffer(halves), pa.py_buffer(data)])
    return pc.if_else(pc.is_valid(array), whole, pa.scalar(None, pa.binary())) if array.null_count else whole


def offsets_of(array: pa.Array) -> NDArray[np.int32]:
    """Where the values of a column of texts or bytes begin, and where the last one ends."""
    if len(array) == 0:
        return np.zeros(1, np.int32)
    return np.frombuffer(memoryview(array.buffers()[1]), np.int32)[array.offset : array.offset + len(array) + 1]


def codes_of(batch: pa.RecordBatch, geometry: str | None) -> NDArray[np.int64]:
    """The ISO code of each geometry of a column; -1 where there is none. Little-endian, as PostGIS writes it."""
    codes = np.full(batch.num_rows, NO_CODE, np.int64)
    if geometry is None:
        return codes
    array = batch.column(geometry)
    offsets = offsets_of(array)
    filled = np.flatnonzero(np.diff(offsets) > 0)
    if len(filled):
        places = offsets[filled].astype(np.int64)[:, None] + np.arange(1, 5)
        heads = np.frombuffer(memoryview(array.buffers()[2]), np.uint8)[places]
        codes[filled] = heads.view("<u4").ravel()
    return codes


def kind_of(code: int) -> str:
    """GeoJSON's name of a code."""
    return KINDS[code % 1000 - 1]
