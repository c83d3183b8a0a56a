"""Rows that lie near each other on the map, near each other on the disk: a box then reads few pages of the table.

Rows are put in the order of a Hilbert curve through the first positions of their geometries, some tens of megabytes at
a time. Ids stay what they are. Measured with 1 M points whose ids have nothing to do with their places: the database's
share of a page of a box of 4 degrees takes half the time (0.38 ms instead of 0.82).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loader.chunks import Chunk
from loader.geometry.wkb_types import EWKB_FLAGS, type_codes

GROUP_BYTES = 48_000_000
"""About how much is sorted at a time. It is sent in chunks like those that were read."""

LEVELS = 16
"""The curve goes through 65,536 x 65,536 cells of the group's extent."""

FIRST_POSITION = {1: 5, 2: 9, 3: 13, 4: 14, 5: 18, 6: 22}
"""Bytes before the first coordinate in the WKB of a type, nested headers included."""

ONE, TWO = np.uint32(1), np.uint32(2)

Floats = npt.NDArray[np.float64]
Cells = npt.NDArray[np.uint32]


def along_curve(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """The same rows, group after group in the order of the curve. Without geometries nothing is changed."""
    gathered: list[Chunk] = []
    size_bytes = 0
    for chunk in chunks:
        if chunk.wkb is None:
            yield chunk
            continue
        gathered.append(chunk)
        size_bytes += chunk.properties.nbytes + chunk.wkb.nbytes
        if size_bytes >= GROUP_BYTES:
            yield from parts(ordered(gathered), max(map(len, gathered)))
            gathered, size_bytes = [], 0
    if gathered:
        yield from parts(ordered(gathered), max(map(len, gathered)))


def parts(chunk: Chunk, rows: int) -> Iterator[Chunk]:
    """A chunk as smaller ones of so many rows."""
    for first in range(0, len(chunk), max(1, rows)):
        wkb = None if chunk.wkb is None else chunk.wkb.slice(first, rows)
        yield Chunk(chunk.fids.slice(first, rows), chunk.properties.slice(first, rows), wkb)


def ordered(chunks: list[Chunk]) -> Chunk:
    """Some chunks as one, in the order of the curve; rows without a position come first, in the order of the file."""
    fids = pa.concat_arrays([chunk.fids for chunk in chunks])
    properties = pa.concat_batches([chunk.properties for chunk in chunks])
    wkb = pa.concat_arrays([chunk.wkb for chunk in chunks if chunk.wkb is not None])
    turn = pa.array(np.argsort(curve_places(wkb), kind="stable"))
    return Chunk(fids.take(turn), properties.take(turn), wkb.take(turn))


def curve_places(wkb: pa.Array) -> Cells:
    """Where on the curve each geometry begins; 0 for those without a position."""
    places = np.zeros(len(wkb), np.uint32)
    present = np.asarray(pc.is_valid(wkb))
    x, y = first_positions(pc.drop_null(wkb))
    has_place = np.isfinite(x) & np.isfinite(y)
    if has_place.any():
        found = np.zeros(len(x), np.uint32)
        found[has_place] = hilbert(cells(x[has_place]), cells(y[has_place]))
        places[present] = found
    return places


def first_positions(wkb: pa.Array) -> tuple[Floats, Floats]:
    """x and y of the first position of geometries none of which is null; NaN where WKB of another kind hides it.

    Raises: ValueError for what is no WKB
    """
    codes = type_codes(wkb)
    _, offsets, content = wkb.buffers()
    ends = np.frombuffer(memoryview(offsets), np.int32)[wkb.offset : wkb.offset + len(wkb) + 1].astype(np.int64)
    data = np.frombuffer(memoryview(content), np.uint8)
    before = np.zeros(len(wkb), np.int64)
    for code, size in FIRST_POSITION.items():
        before[(codes & ~np.uint32(EWKB_FLAGS)) % 1000 == code] = size
    starts = ends[:-1] + before
    readable = (before > 0) & (codes & EWKB_FLAGS == 0) & (data[ends[:-1]] == 1) & (starts + 16 <= ends[1:])
    positions = np.full((len(wkb), 2), np.nan)
    rows = starts[readable]
    positions[readable] = data[rows[:, None] + np.arange(16)].view("<f8")
    return positions[:, 0], positions[:, 1]


def cells(values: Floats) -> Cells:
    """Coordinates as the numbers of cells between the least and the largest of them."""
    least, span = values.min(), np.ptp(values)
    scaled: Floats = (values - least) / span if span > 0 else np.zeros_like(values)
    return (scaled * (2**LEVELS - 1)).astype(np.uint32)


def hilbert(x: Cells, y: Cells) -> Cells:
    """How far along a Hilbert curve cells lie. Source: Hacker's Delight, 2nd edition, 16-2, a level at a time."""
    x, y, place = x.copy(), y.copy(), np.zeros(len(x), np.uint32)
    for level in reversed(range(LEVELS)):
        right, up = (x >> np.uint32(level)) & ONE, (y >> np.uint32(level)) & ONE
        place = (place << TWO) | ((right + (right << ONE)) ^ up)
        turned = up - ONE  # every bit where the lower half is met, whose curve is turned; none in the upper
        flipped = turned & (~right + ONE)
        x, y = x ^ flipped, y ^ flipped
        swapped = (x ^ y) & turned
        x, y = x ^ swapped, y ^ swapped
    return place
