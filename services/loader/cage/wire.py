"""What the loader and a cage say to each other: lines of JSON, and rows as a stream of Arrow between two of them."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import ipc

from core.catalog.archives import facts_json, parse_facts
from loader import errors
from loader.chunks import Chunk, OpenLayer
from loader.errors import CannotRead, DatasetError
from loader.geometry.wkb import Shape
from loader.read.archives import Inspected
from loader.report import Note
from loader.scan import Dataset

MOST_BYTES = 1 << 26
"""Of one message: a table of ten thousand columns takes a hundredth of it."""

NO_MESSAGE = "the process that reads the file sends what the loader does not understand"
KINDS = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, DatasetError)}
"""The errors that a cage may tell of, by their names."""

AS_BYTES = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}


def send(file: BinaryIO, message: Mapping[str, Any]) -> None:
    """Write one message."""
    file.write(json.dumps(message).encode() + b"\n")
    file.flush()


def receive(file: BinaryIO) -> dict[str, Any]:
    """Read one message.

    Raises: EOFError when the other end is gone; the DatasetError that it tells of; CannotRead for what is no message
    """
    line = file.readline(MOST_BYTES)
    if len(line) == MOST_BYTES:
        raise CannotRead(NO_MESSAGE)
    if not line.endswith(b"\n"):
        raise EOFError
    with understood():
        message = json.loads(line)
        if "error" not in message:
            return dict(message)
        kind, told = KINDS.get(message["error"], CannotRead), (str(message["detail"]), message["hint"])
    raise kind(told[0], hint=None if told[1] is None else str(told[1]))


@contextmanager
def understood() -> Generator[None]:
    """Turn what is no message, whose parts lack or are something else, into CannotRead."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CannotRead(NO_MESSAGE) from error


def send_error(file: BinaryIO, error: DatasetError) -> None:
    """Tell of an error."""
    send(file, {"error": type(error).__name__, "detail": error.detail, "hint": error.hint})


def dataset_as_json(dataset: Dataset) -> dict[str, Any]:
    """A dataset that may be opened."""
    return {
        "path": dataset.path,
        "kind": dataset.kind,
        "main": str(dataset.main),
        "files": [str(file) for file in dataset.files],
        "signature": dataset.signature,
    }


def parse_dataset(message: Mapping[str, Any]) -> Dataset:
    """The same, read back."""
    files = tuple(Path(file) for file in message["files"])
    return Dataset(message["path"], message["kind"], Path(message["main"]), files, message["signature"])


def send_layer(file: BinaryIO, layer: OpenLayer) -> None:
    """Send what is known of a layer, then its rows. Raises: CannotRead, before the first row or once the rows end"""
    shape = None if layer.shape is None else asdict(layer.shape)
    send(file, {"shape": shape, "crs": layer.crs, "row_count": layer.row_count})
    leading = [pa.field("fid", pa.int64())] + ([pa.field("wkb", pa.binary())] if layer.shape else [])
    schema = pa.schema([*leading, *layer.schema])
    failure = None
    with ipc.new_stream(file, schema) as rows:
        try:
            for chunk in layer.chunks:
                columns = [chunk.fids.cast(pa.int64()), *([] if chunk.wkb is None else [chunk.wkb])]
                rows.write_batch(pa.RecordBatch.from_arrays([*columns, *chunk.properties.columns], schema=schema))
        except DatasetError as error:
            failure = error
    if failure is not None:
        raise failure
    send(file, {"notes": [asdict(note) for note in layer.notes]})


def receive_layer(file: BinaryIO) -> OpenLayer:
    """The layer that the other end sends, whose rows are checked as they come. Raises: CannotRead, EOFError"""
    head = receive(file)
    with understood(), arrow_stream():
        rows = ipc.open_stream(file)
        shape = head["shape"] and Shape(**head["shape"])
        first = 2 if shape else 1
        if [field.type for field in rows.schema][:first] != [pa.int64(), pa.binary()][:first]:
            raise TypeError("no ids, or no geometries")
        notes: list[Note] = []
        return OpenLayer(
            schema=pa.schema(list(rows.schema)[first:]),
            shape=shape,
            crs=head["crs"],
            row_count=head["row_count"],
            chunks=receive_chunks(file, rows, first, notes),
            notes=notes,
        )


def receive_chunks(file: BinaryIO, rows: ipc.RecordBatchStreamReader, first: int, notes: list[Note]) -> Iterator[Chunk]:
    """The rows, after which `notes` holds what was found while they were read. Raises: CannotRead, EOFError"""
    for batch in checked(rows):
        properties = pa.RecordBatch.from_arrays(batch.columns[first:], names=batch.schema.names[first:])
        yield Chunk(batch.column(0), properties, batch.column(1) if first == 2 else None)
    notes.extend(Note(**note) for note in receive(file)["notes"])


def checked(rows: ipc.RecordBatchStreamReader) -> Iterator[pa.RecordBatch]:
    """The batches whose buffers are what they say. That texts are UTF-8 is seen to where they are encoded.

    Raises: CannotRead, EOFError
    """
    with arrow_stream():
        for batch in rows:
            for column in batch.columns:
                as_bytes = AS_BYTES.get(column.type)
                (column.view(as_bytes) if as_bytes else column).validate(full=True)
            yield batch


@contextmanager
def arrow_stream() -> Generator[None]:
    """Turn a damaged stream into CannotRead, and one that breaks off into EOFError."""
    try:
        yield
    except pa.ArrowInvalid as error:
        raise CannotRead(f"what was read of the file is damaged: {error}") from error
    except OSError as error:
        if isinstance(error, TimeoutError | ConnectionError) or error.errno is not None:
            raise
        raise EOFError from error  # Arrow's own words have no number


def send_archive(file: BinaryIO, found: Inspected) -> None:
    """Send what is in a file of tiles."""
    notes = [asdict(note) for note in found.notes]
    send(file, {"facts": facts_json(found.facts), "words": dict(found.words), "notes": notes})


def receive_archive(file: BinaryIO) -> Inspected:
    """The same, read back. Raises: CannotRead, EOFError"""
    message = receive(file)
    with understood():
        notes = tuple(Note(**note) for note in message["notes"])
        return Inspected(parse_facts(message["facts"]), dict(message["words"]), notes)
