from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from pyarrow import RecordBatch, Schema

class FileMetaData:
    num_rows: int

class ParquetFile:
    schema_arrow: Schema
    metadata: FileMetaData
    def __init__(self, source: Path) -> None: ...
    def __enter__(self) -> ParquetFile: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def iter_batches(self, batch_size: int) -> Iterator[RecordBatch]: ...
