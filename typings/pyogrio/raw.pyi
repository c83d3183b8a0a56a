from contextlib import AbstractContextManager
from typing import Any

from pyarrow import RecordBatchReader

def open_arrow(
    path_or_buffer: str,
    layer: str | None = ...,
    *,
    use_pyarrow: bool = ...,
    return_fids: bool = ...,
    batch_size: int = ...,
    **options: str,
) -> AbstractContextManager[tuple[dict[str, Any], RecordBatchReader]]: ...
