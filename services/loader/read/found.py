"""What is found out about a layer of GDAL's while its rows go by: warnings, and what did not come through."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from warnings import WarningMessage

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyogrio.raw

from loader.chunks import Chunk, LayerRef
from loader.errors import CannotRead
from loader.read.files import STEP_BYTES, open_bytes
from loader.read.times import literal, quoted
from loader.report import Note
from loader.scan import Dataset

JSON_KINDS = frozenset({"geojson", "geojsonseq"})
NULL = re.compile(rb'"geometry"\s*:\s*null\b')
OVERLAP_BYTES = 200
"""Of two pieces of a file, so that what lies across them is found."""

MOST_EXACT = 2.0**53
MOST_WARNINGS = 20


def watched(
    dataset: Dataset, ref: LayerRef, chunks: Iterator[Chunk], caught: Sequence[WarningMessage], notes: list[Note]
) -> Iterator[Chunk]:
    """The chunks, after which `notes` has grown by what was found. Raises: CannotRead where all geometries are lost"""
    places = rows = 0
    inexact: dict[str, int] = {}
    has_geometry = False
    for chunk in chunks:
        rows += len(chunk)
        if chunk.wkb is not None:
            has_geometry = True
            places += len(chunk) - chunk.wkb.null_count
        if dataset.kind in JSON_KINDS:
            count_inexact(chunk.properties, inexact)
        yield chunk
    messages = dict.fromkeys(str(warning.message) for warning in caught)
    notes += [Note("warning", "reader-warning", message) for message in [*messages][:MOST_WARNINGS]]
    for name, count in inexact.items():
        message = f"'{name}': {count} whole numbers have more digits than are kept (15)"
        notes.append(Note("warning", "digits-lost", message, "put long numbers between quotes in GeoJSON"))
    if has_geometry and places < rows:
        written = places_written(dataset, ref.gdal_path, ref.gdal_layer, rows)
        notes += lost_notes(dataset, (written if written is not None else places) - places, places)


def count_inexact(properties: pa.RecordBatch, inexact: dict[str, int]) -> None:
    """Count the whole numbers of JSON that a double cannot hold."""
    for name, column in zip(properties.schema.names, properties.columns, strict=True):
        if pa.float64() == column.type and column.null_count < len(column):
            values = np.asarray(pc.fill_null(column, 0.0))
            count = int(np.count_nonzero((np.abs(values) > MOST_EXACT) & (np.abs(values) < 1e38)))
            if count:
                inexact[name] = inexact.get(name, 0) + count


def places_written(dataset: Dataset, path: str, layer: str, rows: int) -> int | None:
    """How many geometries the file holds that are not null; None where only its reader could say."""
    if dataset.kind in JSON_KINDS:
        return rows - nulls_written(path)
    if dataset.kind == "gpkg":
        return blobs_written(path, layer)
    return None


def nulls_written(path: str) -> int:
    """How often a GeoJSON says that a feature has no geometry. Cost: a pass over the file"""
    count, rest = 0, b""
    with open_bytes(path) as file:
        while step := file.read(STEP_BYTES):
            data = rest + step
            found = [match.end() for match in NULL.finditer(data)]
            count += len(found)
            rest = data[max(len(data) - OVERLAP_BYTES, found[-1] if found else 0) :]
    return count


def blobs_written(path: str, layer: str) -> int | None:
    """How many rows of a GeoPackage's layer have bytes for a geometry."""
    text = f"SELECT column_name AS name FROM gpkg_geometry_columns WHERE table_name = {literal(layer)}"  # noqa: S608 (quoted)
    names = column(path, text, "name")
    if not names:
        return None
    return int(column(path, f"SELECT count({quoted(names[0])}) AS n FROM {quoted(layer)}", "n")[0])  # noqa: S608 (quoted)


def column(path: str, text: str, name: str) -> list[Any]:
    """The values of a column of a statement."""
    with pyogrio.raw.open_arrow(path, sql=text, use_pyarrow=True) as (_, reader):
        return [value for batch in reader for value in batch.column(name).to_pylist()]


def lost_notes(dataset: Dataset, lost: int, places: int) -> Iterator[Note]:
    """What the report says of geometries that could not be read. Raises: CannotRead where that is all of them"""
    if lost > 0 and not places:
        raise CannotRead(
            f"{dataset.path} cannot be read: none of its {lost} geometries is one",
            hint="are their types and coordinates as the format has them? Open it in QGIS",
        )
    if lost > 0:
        message = f"{lost} features have a geometry that cannot be read, and are published without"
        yield Note("warning", "geometry-unreadable", message, "repair them in the file")
