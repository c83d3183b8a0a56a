"""The table of a Shapefile, as far as GDAL does not tell: rows marked as deleted, which are counted and not read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

DELETED = ord("*")


def deleted_rows(dbf: Path) -> int:
    """How many rows of a dBASE file are marked as deleted. Cost: a byte of each row. Raises: OSError, ValueError"""
    data = np.memmap(dbf, np.uint8, "r")
    [rows] = data[4:8].view("<u4")
    start, width = data[8:12].view("<u2")
    return int(np.count_nonzero(data[start::width][:rows] == DELETED))
