"""Lines and rings that PostGIS refuses to hold: of too few points, or not closed. Tracks of a single point are common.

They are invalid, and kept as good as can be: points are repeated until PostGIS takes them.
"""

from __future__ import annotations

import struct

import pyarrow as pa

from loader.geometry.finite import AREAS, POINT, Run, runs

LEAST_OF_LINE, LEAST_OF_RING = 2, 4


def pad(wkb: pa.Array) -> tuple[pa.Array, int]:
    """A column of WKB with such lines and rings filled up, and how many geometries have one. Cost: a pass of Python."""
    texts: list[bytes | None] = wkb.to_pylist()
    filled = [text and padded(text) for text in texts]
    return pa.array(filled, wkb.type), sum(one != other for one, other in zip(texts, filled, strict=True))


def padded(geometry: bytes) -> bytes:
    """The geometry with its lines and rings filled up; what cannot be read is left to PostGIS to refuse."""
    parts, done = list[bytes](), 0
    try:
        for run in runs(geometry):
            extra = missing(run, geometry) if run.type != POINT and run.positions else b""
            if extra:
                count = run.positions + len(extra) // run.width
                parts += [geometry[done : run.start - 4], struct.pack(f"{run.order}I", count)]
                parts += [geometry[run.start : run.end], extra]
                done = run.end
    except (struct.error, IndexError, RecursionError):
        return geometry
    return b"".join(parts) + geometry[done:]


def missing(run: Run, geometry: bytes) -> bytes:
    """The positions to add: the first of a ring that is not closed, then the last until there are enough."""
    first, last = geometry[run.start : run.start + run.width], geometry[run.end - run.width : run.end]
    least = LEAST_OF_RING if run.type in AREAS else LEAST_OF_LINE
    extra = [first] if run.type in AREAS and first[:16] != last[:16] else []
    return b"".join(extra + [first if extra else last] * (least - run.positions - len(extra)))
