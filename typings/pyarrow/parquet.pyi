from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

from pyarrow import RecordBatch, Schema, Table

class FileMetaData:
    num_rows: int
    metadata: dict[bytes, bytes] | None

class ParquetLogicalType:
    type: str
    def to_json(self) -> str: ...

class ColumnSchema:
    path: str
    logical_type: ParquetLogicalType

class ParquetSchema:
    def __len__(self) -> int: ...
    def column(self, i: int) -> ColumnSchema: ...

class ParquetFile:
    schema: ParquetSchema
    schema_arrow: Schema
    metadata: FileMetaData
    def __init__(self, source: Path, *, buffer_size: int = ..., pre_buffer: bool = ...) -> None: ...
    def __enter__(self) -> ParquetFile: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def iter_batches(self, batch_size: int) -> Iterator[RecordBatch]: ...

class ParquetWriter:
    def __init__(self, where: Path, schema: Schema, *, compression: str, write_page_index: bool) -> None: ...
    def __enter__(self) -> ParquetWriter: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def write_table(self, table: Table, row_group_size: int) -> None: ...
    def add_key_value_metadata(self, key_value_metadata: Mapping[str, str]) -> None: ...
