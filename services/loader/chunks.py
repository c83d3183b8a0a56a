"""An open layer, and chunks of its rows: what the readers of all formats make, and tables are filled with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from loader.geometry.wkb import Shape
from loader.kinds import Kind
from loader.report import Note

CHUNK_BYTES = 16_000_000
"""About how much of a file is in memory at a time, several times over (decoded, encoded, sent)."""

MAX_CHUNK_ROWS = 65_536
MIN_CHUNK_ROWS = 256


@dataclass(frozen=True, slots=True)
class LayerRef:
    """A layer before it is opened. `name` is '' when it is the only one of its file; `gdal_layer` is GDAL's name.

    What the side-car says of its reading: x, y, wkt: columns of a table that hold coordinates or geometries;
    repair: whether geometries that are not valid are made so
    """

    name: str
    gdal_path: str
    gdal_layer: str
    kind: Kind
    x: str | None = None
    y: str | None = None
    wkt: str | None = None
    repair: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a layer: ids, properties, and WKB geometries (None for a table without them)."""

    fids: pa.Array
    properties: pa.RecordBatch
    wkb: pa.Array | None

    def __len__(self) -> int:
        return len(self.fids)


@dataclass(frozen=True, slots=True)
class OpenLayer:
    """An open layer. `chunks` can be walked once, while its dataset is open; `notes` may grow until their end.

    `shape` is None without geometry. `crs` is 'AUTHORITY:CODE', a CRS definition as text, or None when the
    file has none. `row_count` is what the file says it holds, None when it does not.
    """

    schema: pa.Schema
    shape: Shape | None
    crs: str | None
    row_count: int | None
    chunks: Iterator[Chunk]
    notes: Sequence[Note] = ()


def chunk_rows(size_bytes: int, row_count: int | None) -> int:
    """How many rows to read at a time, so that large geometries do not fill the memory."""
    if not row_count:
        return MAX_CHUNK_ROWS if size_bytes < CHUNK_BYTES * 4 else 16_384
    rows = CHUNK_BYTES * row_count // max(size_bytes, 1)
    return max(MIN_CHUNK_ROWS, min(MAX_CHUNK_ROWS, rows))


def narrow_binary(array: pa.Array) -> pa.Array:
    """A geometry column with 32-bit offsets, whatever the reader gave; empty values (FlatGeobuf's) are null."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if array.type != pa.binary():
        array = array.cast(pa.binary())
    is_empty = pc.equal(pc.binary_length(array), 0)
    return pc.if_else(is_empty, pa.scalar(None, pa.binary()), array) if pc.any(is_empty).as_py() else array
