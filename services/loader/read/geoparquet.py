"""A Parquet file as a layer, read by pyarrow: GeoParquet 1.x by its `geo` metadata, Parquet's own types, plain tables.

Parquet itself calls columns of WKB GEOMETRY or GEOGRAPHY (DuckDB, Iceberg), Arrow calls them geoarrow.wkb.
Source: https://github.com/apache/parquet-format/blob/master/Geospatial.md
The native encodings of GeoParquet 1.1 are lists of lists of coordinates. They become WKB a whole column at a time: that
of each level is that of the next with a head before each list.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import types as pt

from loader.chunks import Chunk, LayerRef, OpenLayer, chunk_rows, narrow_binary
from loader.errors import CannotRead
from loader.geometry.wkb import SIMPLE, Shape, shape_of
from loader.read.cells.names_of_places import LAT_NAMES, LON_NAMES, NO_GEOMETRY
from loader.read.content import readable
from loader.read.ogr import batches
from loader.report import Note
from loader.scan import Dataset

CODES = {name.lower(): code for code, name in SIMPLE.items() if code < 7}
DEPTHS = {1: 0, 2: 1, 3: 2, 4: 1, 5: 2, 6: 3}
"""How many lists are around the coordinates, by the WKB code."""

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
DEFAULT_CRS = "OGC:CRS84"

READ_BYTES = 1_000_000
"""Of a column at a time: else Arrow has the whole column of a group of rows in memory, which may be of any size. And
what it reads ahead (`pre_buffer`) it keeps until the file is closed.
"""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Pieces of WKB one after the other. `places`: where each begins, and the end of the last."""

    data: Bytes
    places: Places


@dataclass(frozen=True, slots=True)
class Native:
    """A native encoding: the WKB code of its type without heights, and the axes of its coordinates."""

    code: int
    axes: tuple[str, ...]

    @property
    def shape(self) -> Shape:
        """The shape of the column."""
        return Shape(SIMPLE[self.code], "z" in self.axes)

    def head(self, code: int) -> bytes:
        """What the WKB of a geometry begins with, by the type's code without heights."""
        return b"\x01" + (code + 1000 * ("z" in self.axes) + 2000 * ("m" in self.axes)).to_bytes(4, "little")

    def wkb(self, array: pa.Array) -> pa.Array:
        """A column as WKB. Nulls stay, and a point without coordinates is one of NaN."""
        blocks = self.geometries(array, self.code)
        buffers = [None, pa.py_buffer(blocks.places.tobytes()), pa.py_buffer(blocks.data.tobytes())]
        whole = pa.Array.from_buffers(pa.large_binary(), len(array), buffers)
        return pc.if_else(pc.is_valid(array), whole, pa.scalar(None, pa.large_binary()))

    def geometries(self, array: pa.Array, code: int) -> Blocks:
        """The geometries of one type, which may be parts of others."""
        head = np.frombuffer(self.head(code), np.uint8)
        if code == CODES["point"]:
            points = coordinates(array, self.axes)
            return headed(points.data, points.places, np.broadcast_to(head, (len(array), len(head))))
        if code == CODES["linestring"]:
            return lists(array, coordinates(pc.list_flatten(array), self.axes), head)
        if code == CODES["polygon"]:
            rings = pc.list_flatten(array)
            return lists(array, lists(rings, coordinates(pc.list_flatten(rings), self.axes), head[:0]), head)
        return lists(array, self.geometries(pc.list_flatten(array), code - 3), head)


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where the geometries are: one column, or two of coordinates. `hidden` columns are no properties.

    native: the encoding of a column that is not WKB
    """

    columns: tuple[str, ...]
    crs: str | None
    shape: Shape
    hidden: frozenset[str]
    native: Native | None = None


@contextmanager
def open_parquet(dataset: Dataset, _: LayerRef) -> Generator[OpenLayer]:
    """Open the file as a layer. Raises: CannotRead, also while its chunks are walked"""
    with readable(dataset):
        opened = pq.ParquetFile(dataset.main, buffer_size=READ_BYTES, pre_buffer=False)
    with opened as file:
        schema = file.schema_arrow
        geometry = find_geometry(file)
        hidden = geometry.hidden if geometry else frozenset[str]()
        places = [place for place, field in enumerate(schema) if field.name not in hidden]
        rows = file.metadata.num_rows
        found = batches(dataset, file.iter_batches(batch_size=chunk_rows(dataset.size_bytes, rows)))
        yield OpenLayer(
            schema=pa.schema([schema.field(place) for place in places]),
            shape=geometry.shape if geometry else None,
            crs=geometry.crs if geometry else None,
            row_count=rows,
            chunks=read_chunks(found, places, geometry),
            notes=tuple(notes_on(schema, geometry)),
        )


def find_geometry(file: pq.ParquetFile) -> Geometry | None:
    """The geometry of the file; None for a plain table. Raises: CannotRead for an unknown encoding"""
    schema = file.schema_arrow
    text = (schema.metadata or {}).get(b"geo")
    if text is not None:
        return parse_geo(json.loads(text), schema)
    native = native_columns(file)
    if native:
        name, crs = next(iter(native.items()))
        return Geometry((name,), crs_text(crs), Shape(), frozenset(native))
    lon, lat = column_named(schema, LON_NAMES), column_named(schema, LAT_NAMES)
    if lon and lat:
        return Geometry((lon, lat), None, Shape("Point"), frozenset({lon, lat}))
    return None


def column_named(schema: pa.Schema, names: Sequence[str]) -> str | None:
    """The numeric column that has one of the names, in any case."""
    numeric = {f.name.lower(): f.name for f in schema if pt.is_floating(f.type) or pt.is_integer(f.type)}
    return next((numeric[name] for name in names if name in numeric), None)


def parse_geo(geo: dict[str, Any], schema: pa.Schema) -> Geometry:
    """The `geo` metadata (GeoParquet 1.1, https://geoparquet.org/releases/v1.1.0/). Raises: CannotRead"""
    name = cast("str | None", geo.get("primary_column"))
    column = cast("dict[str, Any]", geo.get("columns", {}).get(name, {}))
    encoding = column.get("encoding")
    if name is None or name not in schema.names or encoding is None:
        raise CannotRead("the GeoParquet metadata names no geometry column of the file", hint="write the file again")
    native = None if encoding == "WKB" else native_encoding(encoding, schema.field(name).type)
    others = {other for other in geo["columns"] if other != name}
    coverings = {path[0] for path in column.get("covering", {}).get("bbox", {}).values()}
    crs = column.get("crs", "OGC:CRS84")  # absent means longitude and latitude, null unknown
    shape = native.shape if native else declared_shape(column)
    return Geometry((name,), crs_text(crs), shape, frozenset({name} | others | coverings), native)


def crs_text(crs: object) -> str | None:
    """'AUTHORITY:CODE' of a PROJJSON object, else its text; None for null."""
    if crs is None or isinstance(crs, str):
        return crs
    identity = cast("dict[str, Any]", crs).get("id")
    return f"{identity['authority']}:{identity['code']}" if identity else json.dumps(crs)


def declared_shape(column: dict[str, Any]) -> Shape:
    """The narrowest shape of the declared geometry types; anything when none are declared."""
    codes = {name: code for code, name in SIMPLE.items()}
    declared = cast("list[str]", column.get("geometry_types") or [])
    found = [codes.get(name.split()[0], 0) + (1000 if name.endswith(" Z") else 0) for name in declared]
    return shape_of(found) or Shape()


def notes_on(schema: pa.Schema, geometry: Geometry | None) -> Iterator[Note]:
    """What the report says of columns that are not published."""
    if geometry is None:
        yield NO_GEOMETRY
        return
    for name in sorted(geometry.hidden - set(geometry.columns)):
        if name in schema.names:
            yield Note("info", "column-left-out", f"'{name}' is a second geometry or a bounding box, and is left out")


def read_chunks(found: Iterator[pa.RecordBatch], places: Sequence[int], geometry: Geometry | None) -> Iterator[Chunk]:
    """The rows, numbered from 1."""
    done = 0
    for batch in found:
        fids = pa.array(np.arange(done + 1, done + batch.num_rows + 1))
        done += batch.num_rows
        names = [batch.schema.names[place] for place in places]
        properties = pa.RecordBatch.from_arrays([batch.column(place) for place in places], names=names)
        yield Chunk(fids, properties, geometries(batch, geometry) if geometry else None)


def geometries(batch: pa.RecordBatch, geometry: Geometry) -> pa.Array:
    """The geometry column, made from two columns of coordinates when need be."""
    arrays = [batch.column(name) for name in geometry.columns]
    if len(arrays) == 2:
        return narrow_binary(points(*arrays))
    return narrow_binary(geometry.native.wkb(arrays[0]) if geometry.native else arrays[0])


def points(x: pa.Array, y: pa.Array) -> pa.Array:
    """WKB points; null where a coordinate is missing."""
    lacks = pc.or_(pc.is_null(x), pc.is_null(y))
    places = pa.StructArray.from_arrays([x.cast(pa.float64()), y.cast(pa.float64())], ["x", "y"], mask=lacks)
    return Native(CODES["point"], ("x", "y")).wkb(places)


def native_columns(file: pq.ParquetFile) -> dict[str, Any]:
    """The CRS of each such column, as PROJJSON or text, in order; None: unknown."""
    leaves = [file.schema.column(place) for place in range(len(file.schema))]
    types = {leaf.path: leaf.logical_type for leaf in leaves if leaf.logical_type.type in ("GEOMETRY", "GEOGRAPHY")}
    keys = file.metadata.metadata or {}
    found: dict[str, Any] = {}
    for field in file.schema_arrow:
        if field.name in types:
            found[field.name] = parse_crs(json.loads(types[field.name].to_json()).get("crs"), keys)
        elif field_extension(field) == "geoarrow.wkb":
            found[field.name] = json.loads((field.metadata or {}).get(b"ARROW:extension:metadata") or b"{}").get("crs")
    return found


def parse_crs(text: str | None, keys: Mapping[bytes, bytes]) -> Any:
    """Parquet says `srid:N`, or `projjson:KEY` of the file's metadata; others write PROJJSON, WKT or a code."""
    kind, _, name = (text or DEFAULT_CRS).partition(":")
    if kind == "srid":
        return f"EPSG:{name}" if name.strip("0") else None
    if kind == "projjson" and name.encode() in keys:
        return json.loads(keys[name.encode()])
    return json.loads(text) if text and text.startswith("{") else text or DEFAULT_CRS


def field_extension(field: pa.Field) -> str | None:
    """The name of the field's Arrow extension type, registered or not."""
    if isinstance(field.type, pa.BaseExtensionType):
        return field.type.extension_name
    name = (field.metadata or {}).get(b"ARROW:extension:name")
    return name.decode() if name else None


def native_encoding(encoding: str, kind: pa.DataType) -> Native:
    """An encoding by its name in the metadata, and the type of its column. Raises: CannotRead"""
    code = CODES.get(encoding)
    if code is not None:
        for _ in range(DEPTHS[code]):
            kind = kind.value_type if pt.is_list(kind) or pt.is_large_list(kind) else pa.null()
        axes = tuple(field.name for field in kind.fields) if pt.is_struct(kind) else ()
        if axes in (("x", "y"), ("x", "y", "z"), ("x", "y", "m"), ("x", "y", "z", "m")):
            return Native(code, axes)
    raise CannotRead(
        f"the geometries are encoded as '{encoding}'", hint="write the file with geometry encoding WKB, the default"
    )


def coordinates(array: pa.Array, axes: tuple[str, ...]) -> Blocks:
    """The numbers of coordinates."""
    numbers = [pc.fill_null(pc.struct_field(array, axis).cast(pa.float64()), np.nan) for axis in axes]
    data = np.stack([np.asarray(axis) for axis in numbers], axis=1).astype("<f8")
    return Blocks(data.reshape(-1).view(np.uint8), np.arange(len(array) + 1) * (8 * len(axes)))


def lists(array: pa.Array, parts: Blocks, head: Bytes) -> Blocks:
    """Lists of parts: a head, how many there are, and they."""
    counts = np.asarray(pc.fill_null(pc.list_value_length(array), 0)).astype("<u4")
    ends = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    heads = np.broadcast_to(head, (len(counts), len(head)))
    return headed(parts.data, parts.places[ends], np.hstack([heads, counts.reshape(-1, 1).view(np.uint8)]))


def headed(data: Bytes, places: Places, heads: Bytes) -> Blocks:
    """Blocks of data with heads before them, all as long."""
    size = int(heads.shape[1])
    begins: Places = places + np.arange(len(places)) * size
    whole = np.empty(begins[-1], np.uint8)
    of_heads: Places = begins[:-1, None] + np.arange(size)
    is_data = np.ones(len(whole), np.bool_)
    is_data[of_heads] = False
    whole[of_heads], whole[is_data] = heads, data
    return Blocks(whole, begins)
