from collections.abc import Mapping, Sequence

from pyarrow import BufferReader, DataType, Table

class ReadOptions:
    def __init__(self, *, column_names: Sequence[str], block_size: int, use_threads: bool) -> None: ...

class ParseOptions:
    def __init__(self, *, newlines_in_values: bool, ignore_empty_lines: bool) -> None: ...

class ConvertOptions:
    def __init__(
        self,
        *,
        column_types: Mapping[str, DataType],
        null_values: Sequence[str],
        true_values: Sequence[str],
        false_values: Sequence[str],
        strings_can_be_null: bool,
        quoted_strings_can_be_null: bool,
    ) -> None: ...

def read_csv(
    input_file: BufferReader,
    read_options: ReadOptions,
    parse_options: ParseOptions,
    convert_options: ConvertOptions,
) -> Table: ...
