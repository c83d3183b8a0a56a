"""Columns of numbers through binary COPY, as arrays: no value of NULL, no loop in Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import sql

from core.database.connections import Connection
from core.database.copy_out import copy_out

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TAIL = b"\xff\xff"
"""What stands before and after the rows of a binary COPY."""

Array = npt.NDArray[Any]


def read_records(connection: Connection, copy: sql.Composed, kinds: Mapping[str, str]) -> dict[str, Array]:
    """The columns of a `COPY … TO STDOUT (FORMAT binary)`. `kinds`: numpy's of each, in order, such as `i8`.

    Memory: 4 bytes for each value beside its own, twice for a moment
    """
    data = b"".join(copy_out(connection, copy.as_string(connection).encode()))
    rows = np.frombuffer(memoryview(data)[len(HEAD) : -len(TAIL)], record(kinds))
    return {name: rows[name].astype(kind) for name, kind in kinds.items()}


def write_records(connection: Connection, copy: sql.Composed, columns: Mapping[str, tuple[str, Array]]) -> None:
    """Send columns to a `COPY … FROM STDIN (FORMAT binary)`: of each, numpy's kind in PostgreSQL and the values.

    A kind such as `V97` is bytes of that length.
    """
    kinds = {name: kind for name, (kind, _) in columns.items()}
    rows = np.zeros(len(next(iter(columns.values()))[1]), record(kinds))
    rows["count"] = len(columns)
    for name, (kind, values) in columns.items():
        rows[f"{name} bytes"] = np.dtype(kind).itemsize
        rows[name] = values
    with connection.cursor() as cursor, cursor.copy(copy) as out:
        out.write(HEAD)
        out.write(rows.tobytes())
        out.write(TAIL)


def record(kinds: Mapping[str, str]) -> np.dtype[Any]:
    """A row of a binary COPY: the number of its values, and before each the number of its bytes."""
    fields = [("count", ">i2")]
    for name, kind in kinds.items():
        fields += [(f"{name} bytes", ">i4"), (name, kind if kind.startswith("V") else f">{kind}")]
    return np.dtype(fields)
