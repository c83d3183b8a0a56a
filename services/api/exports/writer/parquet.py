"""GeoParquet 1.1: WKB with a covering of bounds, zstd, row groups of a size that readers skip by.

Source: https://geoparquet.org/releases/v1.1.0/
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from math import isfinite
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyogrio.raw

from api.exports.job import FileJob
from api.exports.writer.rows import BOUNDS, HEIGHT, Layout, Rows, codes_of, kind_of

ROW_GROUP_ROWS = 65_536
ROW_GROUP_BYTES = 64_000_000
POINT = b"\x01\x01\x00\x00\x00" + bytes(16)


@dataclass(slots=True)
class GeometryStatistics:
    """What the geometries turned out to be: kinds, and west, south, east, north."""

    kinds: set[str] = field(default_factory=set[str])
    bbox: list[float] = field(default_factory=list[float])

    def add(self, batch: pa.RecordBatch, layout: Layout) -> None:
        """Look at a batch."""
        for code in np.unique(codes_of(batch, layout.geometry)):
            if code >= 0:
                self.kinds.add(kind_of(int(code)) + (" Z" if code >= HEIGHT else ""))
        ends = [pc.min(batch.column(name)).as_py() for name in layout.bounds[:2]]
        ends += [pc.max(batch.column(name)).as_py() for name in layout.bounds[2:]]
        if None not in ends:
            old = self.bbox or ends
            self.bbox = [*map(min, old[:2], ends[:2]), *map(max, old[2:], ends[2:])]


def write_parquet(job: FileJob, rows: Rows) -> None:
    """A GeoParquet file, or a plain Parquet file of a collection without geometry."""
    layout, seen = rows.layout, GeometryStatistics()
    schema = with_struct(rows.nothing(), layout).schema
    with pq.ParquetWriter(job.path, schema, compression="zstd", write_page_index=True) as writer:
        for group in row_groups(rows.batches()):
            for batch in group if layout.geometry else ():
                seen.add(batch, layout)
            table = pa.Table.from_batches([with_struct(batch, layout) for batch in group], schema)
            writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
        if layout.geometry:
            writer.add_key_value_metadata({"geo": json.dumps(geo_metadata(job, layout, seen))})


def row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Batches gathered to row groups."""
    group: list[pa.RecordBatch] = []
    rows = size_bytes = 0
    for batch in batches:
        if group and (rows + batch.num_rows > ROW_GROUP_ROWS or size_bytes + batch.nbytes > ROW_GROUP_BYTES):
            yield group
            group, rows, size_bytes = [], 0, 0
        group.append(batch)
        rows, size_bytes = rows + batch.num_rows, size_bytes + batch.nbytes
    if group:
        yield group


def with_struct(batch: pa.RecordBatch, layout: Layout) -> pa.RecordBatch:
    """The batch with its four columns of bounds as one of structs; null where there is no geometry."""
    if not layout.bounds:
        return batch
    bounds = [batch.column(name) for name in layout.bounds]
    struct = pa.StructArray.from_arrays(bounds, list(BOUNDS), mask=pc.is_null(bounds[0]))
    return batch.drop_columns(list(layout.bounds)).append_column(layout.bbox, struct)


def geo_metadata(job: FileJob, layout: Layout, seen: GeometryStatistics) -> dict[str, Any]:
    """The `geo` member of the file's metadata."""
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": sorted(seen.kinds),
        "crs": projjson(job.crs) if job.crs else None,
        "edges": "planar",
        "covering": {"bbox": {name: [layout.bbox, name] for name in BOUNDS}},
    }
    if seen.bbox and all(map(isfinite, seen.bbox)):  # JSON knows no others
        column["bbox"] = seen.bbox
    return {"version": "1.1.0", "primary_column": layout.geometry, "columns": {layout.geometry: column}}


def projjson(crs: str) -> dict[str, Any]:
    """A CRS as GeoParquet wants it. pyogrio has no function for it, but its Arrow streams carry it."""
    file = BytesIO()
    pyogrio.raw.write_arrow(
        pa.table({"geometry": pa.array([POINT], pa.binary())}),
        file,
        driver="FlatGeobuf",
        geometry_name="geometry",
        geometry_type="Point",
        crs=crs,
    )
    with pyogrio.raw.open_arrow(file.getvalue(), use_pyarrow=True) as (_, reader):
        [extension] = [field.metadata for field in reader.schema if field.metadata]
    return json.loads(extension[b"ARROW:extension:metadata"])["crs"]
