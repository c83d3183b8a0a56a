"""A layer that GDAL reads, through pyogrio, as chunks of Arrow. Not Parquet: pyogrio's wheels have no driver for it."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyogrio
import pyogrio.raw
from pyogrio._geometry import GEOMETRY_TYPES

from loader.chunks import Chunk, LayerRef, OpenLayer, chunk_rows, narrow_binary
from loader.errors import CannotRead
from loader.geometry.wkb import SIMPLE, Shape
from loader.kinds import TOPOJSON
from loader.read.content import HEAD_BYTES, deleted_rows, readable
from loader.read.drivers import only_drivers_of
from loader.read.files import open_bytes
from loader.read.found import watched
from loader.read.said_crs import said_crs
from loader.read.styles import STYLE_TABLES, style_notes
from loader.read.times import OF_ROWS, TEXT_KINDS, odd_value_notes, parse_times
from loader.report import Note
from loader.scan import Dataset
from loader.table.binary_copy import FALLBACK_ENCODING

ONE_LAYER = frozenset({"geojson", "geojsonseq", "fgb", "shp"})
"""Formats with one layer each: GDAL need not list them, which saves a pass over a large GeoJSON."""

COUNTED = frozenset({"gpkg", "fgb", "shp", "gdb", "mapinfo"})
"""Formats whose header says how many rows there are."""

GDAL_CONFIG = {"OGR_FLATGEOBUF_STREAM_BASE_IMPL": "YES"}
"""GDAL 3.12's own Arrow stream of FlatGeobuf writes wrong offsets for features without geometry."""

RECODED = Note(
    "warning",
    "text-recoded",
    "names of columns are no UTF-8, and all texts were read as Windows-1252",
    "save the file in UTF-8, or put a .cpg file beside it that says its encoding",
)


def list_layers(dataset: Dataset, path: str) -> list[str]:
    """The names of the layers in order. [''] for a format that has one, but for JSON-FG and TopoJSON.

    Raises: CannotRead
    """
    if dataset.kind in ONE_LAYER and not names_layers(dataset, path):
        return [""]
    only_drivers_of(dataset.kind)
    name_all_types()
    with readable(dataset), warnings.catch_warnings(action="ignore"):  # they come again when each layer is opened
        layers = [cast(str, name) for name, _ in pyogrio.list_layers(path)]
    names = [name for name in layers if name not in STYLE_TABLES]
    if dataset.kind == "gpx":
        names = [name for name in names if count_rows(path, name, read_all=True)]
    if not names:
        raise CannotRead("the file holds no layer", hint="open it in QGIS: is it empty there too?")
    return names


def names_layers(dataset: Dataset, path: str) -> bool:
    """Whether it is JSON-FG that names the types of features, each of which GDAL makes a layer, or TopoJSON."""
    if dataset.kind != "geojson":
        return False
    with readable(dataset), open_bytes(path) as file:
        head = file.read(HEAD_BYTES)
    return b'"featureType"' in head or TOPOJSON.search(head) is not None


def count_rows(path: str, layer: str | None, *, read_all: bool = False) -> int | None:
    """What the file says; None when it would have to be read whole for that and may not be."""
    count = cast(int, pyogrio.read_info(path, layer=layer, force_feature_count=read_all)["features"])
    return count if count >= 0 else None


def stated_rows(dataset: Dataset, path: str, layer: str | None) -> int | None:
    """How many rows there should be; None where the file does not say it, and in an archive, which has checksums."""
    if dataset.kind not in COUNTED:
        return None
    rows = count_rows(path, layer)
    if dataset.kind != "shp" or rows is None:
        return rows
    dbf = next((file for file in dataset.files if file.suffix.lower() == ".dbf"), None)
    return rows - deleted_rows(dbf) if dbf else None


@contextmanager
def open_ogr(dataset: Dataset, ref: LayerRef) -> Generator[OpenLayer]:
    """Open one layer. Raises: CannotRead, also while its chunks are walked"""
    path, layer = ref.gdal_path, ref.gdal_layer
    only_drivers_of(dataset.kind)
    name_all_types()
    with warnings.catch_warnings(record=True) as caught, ExitStack() as stack:
        warnings.simplefilter("always")
        with readable(dataset):
            odd, by_rows = odd_value_notes(path, layer) if dataset.kind == "gpkg" else ([], False)
            pyogrio.set_gdal_config_options({**GDAL_CONFIG, OF_ROWS: "YES" if by_rows else "NO"})
            rows = stated_rows(dataset, path, layer or None)
            options: dict[str, Any] = {
                "layer": layer or None,
                "use_pyarrow": True,
                "return_fids": True,
                "batch_size": chunk_rows(dataset.size_bytes, rows),
                "datetime_as_string": dataset.kind in TEXT_KINDS,
            }
            meta, reader, found = opened(stack, path, options)
            meta["crs"] = said_crs(dataset, path, layer, meta["crs"])
            found += style_notes(dataset, path)
        described = describe(dataset, meta, reader, rows, [*odd, *found])
        chunks = watched(dataset, ref, described.chunks, caught, notes := [*described.notes])
        yield replace(described, chunks=chunks, notes=notes)


def opened(
    stack: ExitStack, path: str, options: dict[str, Any]
) -> tuple[dict[str, Any], pa.RecordBatchReader, list[Note]]:
    """A layer as GDAL describes and streams it, and a note. A Shapefile without an encoding may have names that
    are no UTF-8, as Arrow wants them.
    """
    meta, reader = stack.enter_context(pyogrio.raw.open_arrow(path, **options))
    if has_names(reader.schema):
        return meta, reader, []
    options["encoding"] = FALLBACK_ENCODING
    return *stack.enter_context(pyogrio.raw.open_arrow(path, **options)), [RECODED]


def has_names(schema: pa.Schema) -> bool:
    """Whether the names of the columns are UTF-8."""
    try:
        _ = schema.names
    except UnicodeDecodeError:
        return False
    return True


def describe(
    dataset: Dataset, meta: dict[str, Any], reader: pa.RecordBatchReader, rows: int | None, notes: list[Note]
) -> OpenLayer:
    """The open layer, from what GDAL said of it."""
    geometry = geometry_place(reader.schema)
    with readable(dataset):
        schema, found = parse_times(reader.schema, reader)
    return OpenLayer(
        schema=pa.schema([schema.field(place) for place in property_places(schema)]),
        shape=None if geometry is None else declared_shape(dataset, meta["geometry_type"]),
        crs=meta["crs"],
        row_count=rows,
        chunks=read_chunks(dataset, schema, found, geometry),
        notes=notes,
    )


def geometry_place(schema: pa.Schema) -> int | None:
    """Where the first WKB column is, or None."""
    for place, field in enumerate(schema):
        if (field.metadata or {}).get(b"ARROW:extension:name") in (b"geoarrow.wkb", b"ogc.wkb"):
            return place
    return None


def property_places(schema: pa.Schema) -> list[int]:
    """Where the properties are: behind the ids, which GDAL puts first and may give the name of one of them."""
    return [place for place in range(1, len(schema)) if place != geometry_place(schema)]


def declared_shape(dataset: Dataset, declared: str | None) -> Shape:
    """The geometry type as the file declares it; what a Shapefile calls a polygon may be a multipolygon."""
    words = (declared or "Unknown").removeprefix("2.5D ").removeprefix("3D ").split()
    z = words[-1] in ("Z", "ZM") or (declared or "").startswith(("2.5D", "3D"))
    name = words[0] if words[0] in SIMPLE.values() else "Geometry"
    if dataset.kind in ("shp", "zip", "gdb") and name in ("Polygon", "LineString"):
        name = f"Multi{name}"
    return Shape(name, z)


def batches(dataset: Dataset, found: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches that hold rows. Raises: CannotRead when reading fails half-way"""
    with readable(dataset):
        for batch in found:
            if batch.num_rows:
                yield batch


def read_chunks(
    dataset: Dataset, schema: pa.Schema, found: Iterable[pa.RecordBatch], geometry: int | None
) -> Iterator[Chunk]:
    """The rows; numbered from 1 when the format gives no ids. Raises: CannotRead"""
    places = property_places(schema)
    names = [schema.names[place] for place in places]
    done = 0
    for batch in batches(dataset, found):
        fids = batch.column(0)
        if fids.null_count or pc.min(fids).as_py() < 0:
            fids = pa.array(range(done + 1, done + batch.num_rows + 1), pa.int64())
        done += batch.num_rows
        properties = pa.RecordBatch.from_arrays([batch.column(place) for place in places], names=names)
        yield Chunk(fids, properties, None if geometry is None else narrow_binary(batch.column(geometry)))


Z_FLAG = 2**31
WITHOUT_Z = {15: "PolyhedralSurface", 16: "TIN", 17: "Triangle"}
NAMES = {
    **dict.fromkeys((Z_FLAG, -Z_FLAG), "Unknown Z"),
    2000: "Measured Unknown",
    3000: "Measured 3D Unknown",
    **WITHOUT_Z,
    **{1000 + code: f"{name} Z" for code, name in WITHOUT_Z.items()},
    **{2000 + code: f"Measured {name}" for code, name in WITHOUT_Z.items()},
    **{3000 + code: f"Measured 3D {name}" for code, name in WITHOUT_Z.items()},
}
"""By GDAL's OGRwkbGeometryType: layers of any type with heights or measures, and of surfaces."""


def name_all_types() -> None:
    """Add them to pyogrio's table, in its spelling; it looks there whenever it opens a layer."""
    GEOMETRY_TYPES.update(NAMES)
