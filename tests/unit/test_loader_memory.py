"""What reading holds does not grow with the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from loader.chunks import LayerRef
from loader.read.geoparquet import open_parquet
from loader.scan import Dataset

ROWS, GROUP = 800_000, 100_000
POOLS = [getattr(pa, f"{name}_memory_pool")() for name in pa.supported_memory_backends()]
"""Arrow reads files into another one than pyarrow's."""


def held() -> int:
    """The bytes that Arrow holds."""
    return sum(pool.bytes_allocated() for pool in POOLS)


def test_of_a_parquet_file_no_more_is_held_than_is_being_read(tmp_path: Path) -> None:
    path, numbers = tmp_path / "points.parquet", np.random.default_rng(1)
    pq.write_table(pa.table({name: numbers.random(ROWS) for name in ("lon", "lat")}), path, row_group_size=GROUP)
    dataset = Dataset(path.name, "parquet", path, (path,), "")
    before, rows, most = held(), 0, 0
    with open_parquet(dataset, LayerRef("", str(path), "", "parquet")) as layer:
        for chunk in layer.chunks:
            rows += len(chunk)
            del chunk
            most = max(most, held() - before)
    assert rows == ROWS
    assert most < path.stat().st_size * 2 / 3, "Arrow keeps what it has read"
