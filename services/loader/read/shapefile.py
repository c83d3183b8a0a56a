"""What GDAL does not say of a Shapefile: missing files, and rows that are marked as deleted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from loader.errors import CannotRead
from loader.scan import Dataset

DELETED = ord("*")
HEADER_BYTES = 100
RECORD_HEADER_BYTES = 8
WORD_BYTES = 2
"""Lengths and places of geometries are counted in words."""


def refuse_incomplete(dataset: Dataset) -> None:
    """Raises: CannotRead for a Shapefile without one of its parts, or whose geometries are fewer than its index says"""
    parts = {file.suffix.lower(): file for file in dataset.files}
    for needed in (".dbf", ".shx"):
        if needed not in parts:
            raise CannotRead(
                f"{dataset.path} has no {needed} beside it", hint="copy all files of the Shapefile, or zip them"
            )
    if indexed_bytes(parts[".shx"]) > dataset.main.stat().st_size:
        raise CannotRead(f"{dataset.path} ends before its index does", hint="is the copy complete? Copy it again")


def indexed_bytes(index: Path) -> int:
    """Where the last geometry of an index ends. Raises: OSError"""
    words = np.fromfile(index, ">i4", offset=HEADER_BYTES).astype(np.int64)
    places, lengths = words[: len(words) // 2 * 2].reshape(-1, 2).T
    return int((places + lengths).max(initial=0)) * WORD_BYTES + RECORD_HEADER_BYTES


def deleted_rows(dbf: Path) -> int:
    """How many rows of a dBASE file are marked as deleted. Cost: a byte of each row. Raises: OSError, ValueError"""
    data = np.memmap(dbf, np.uint8, "r")
    [rows] = data[4:8].view("<u4")
    start, width = data[8:12].view("<u2")
    return int(np.count_nonzero(data[start::width][:rows] == DELETED))
