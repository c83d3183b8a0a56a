"""From Arrow types to columns: what each becomes in PostgreSQL, in the catalogue, and on the wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import LiteralString

import pyarrow as pa
from pyarrow import types as pt

from core.catalog.collections import ColumnType
from loader.names import column_names, shortened, unique_names


@dataclass(frozen=True, slots=True)
class Storage:
    """How values of one kind are stored. `wire` is the Arrow type that the encoder takes for it."""

    sql: LiteralString
    type: ColumnType
    wire: pa.DataType


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A property: `source` in the file's schema, published as `name`, stored in `column`."""

    source: int
    name: str
    column: str
    storage: Storage

    def as_json(self) -> dict[str, str]:
        """The entry of the catalogue's column list."""
        return {"name": self.name, "column": self.column, "type": self.storage.type}


BOOLEAN = Storage("boolean", "boolean", pa.bool_())
SMALL = Storage("smallint", "integer", pa.int16())
INTEGER = Storage("integer", "integer", pa.int32())
BIG = Storage("bigint", "integer", pa.int64())
HUGE = Storage("numeric", "number", pa.decimal128(20, 0))
REAL = Storage("real", "number", pa.float32())
DOUBLE = Storage("double precision", "number", pa.float64())
TEXT = Storage("text", "string", pa.string())
BYTES = Storage("bytea", "binary", pa.binary())
DATE = Storage("date", "date", pa.date32())
TIME = Storage("time", "time", pa.time64("us"))
NAIVE = Storage("timestamp", "datetime", pa.timestamp("us"))
ZONED = Storage("timestamptz", "datetime", pa.timestamp("us", "UTC"))
JSON = Storage("jsonb", "json", pa.string())

MOST_DIGITS = 18
"""Of which every whole number is a bigint."""

# First match wins; what matches nothing (lists, structs, maps, durations, unions) becomes JSON.
RULES: tuple[tuple[Callable[[pa.DataType], bool], Storage], ...] = (
    (pt.is_boolean, BOOLEAN),
    (lambda kind: pt.is_int8(kind) or pt.is_uint8(kind) or pt.is_int16(kind), SMALL),
    (lambda kind: pt.is_uint16(kind) or pt.is_int32(kind), INTEGER),
    (lambda kind: pt.is_uint32(kind) or pt.is_int64(kind), BIG),
    (pt.is_uint64, HUGE),
    (lambda kind: pt.is_float16(kind) or pt.is_float32(kind), REAL),
    (pt.is_float64, DOUBLE),
    (lambda kind: pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind), TEXT),
    (pt.is_null, TEXT),
    (
        lambda kind: (
            pt.is_binary(kind) or pt.is_large_binary(kind) or pt.is_fixed_size_binary(kind) or pt.is_binary_view(kind)
        ),
        BYTES,
    ),
    (pt.is_date, DATE),
    (pt.is_time, TIME),
    (lambda kind: pt.is_timestamp(kind) and kind.tz is None, NAIVE),
    (pt.is_timestamp, ZONED),
)


def storage_of(kind: pa.DataType) -> Storage:
    """How values of an Arrow type are stored. Dictionaries as their values."""
    if pt.is_dictionary(kind):
        return storage_of(kind.value_type)
    if pt.is_decimal(kind) and kind.scale <= 0 and kind.precision - kind.scale <= MOST_DIGITS:
        return BIG
    if pt.is_decimal(kind) and kind.bit_width <= 128:
        return Storage("numeric", "number", pa.decimal128(kind.precision, kind.scale))
    if isinstance(kind, pa.BaseExtensionType) and kind.extension_name != "arrow.json":
        return storage_of(kind.storage_type)
    return next((storage for matches, storage in RULES if matches(kind)), JSON)


def table_columns(schema: pa.Schema) -> tuple[TableColumn, ...]:
    """The columns of a table for the properties in the schema, in their order. Long names are cut: SQL would do it."""
    published = [shortened(name) for name in unique_names(field.name.replace("\0", "") or "column" for field in schema)]
    columns = column_names(published)
    return tuple(
        TableColumn(number, name, column, storage_of(field.type))
        for number, (name, column, field) in enumerate(zip(published, columns, schema, strict=True))
    )
