from collections.abc import Mapping
from contextlib import AbstractContextManager
from io import BytesIO
from typing import Any

from pyarrow import RecordBatchReader, Table

def open_arrow(
    path_or_buffer: str | bytes,
    layer: str | None = ...,
    *,
    use_pyarrow: bool = ...,
    return_fids: bool = ...,
    batch_size: int = ...,
    datetime_as_string: bool = ...,
    **options: str,
) -> AbstractContextManager[tuple[dict[str, Any], RecordBatchReader]]: ...
def write_arrow(
    arrow_obj: RecordBatchReader | Table,
    path: str | BytesIO,
    *,
    layer: str | None = ...,
    driver: str,
    geometry_name: str | None,
    geometry_type: str | None,
    crs: str | None,
    encoding: str | None = ...,
    append: bool = ...,
    layer_options: Mapping[str, str] | None = ...,
) -> None: ...
