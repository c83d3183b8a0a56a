"""Tables as places: which columns hold coordinates or geometries, by their names or the side-car's word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from core.errors import suggestion
from loader.chunks import LayerRef
from loader.errors import BadSideCar, CannotRead
from loader.read.cells.names_of_places import LAT_NAMES, LON_NAMES, WKT_NAMES
from loader.read.geoparquet import points
from loader.report import Note

SURE = frozenset(LON_NAMES[:4]) | frozenset(LAT_NAMES[:2])
"""Names that mean nothing but coordinates, whatever the values are."""

GEOMETRY = re.compile(
    r"\s*(SRID=\d+;)?\s*(MULTI)?(POINT|LINESTRING|POLYGON|CURVE|SURFACE|GEOMETRYCOLLECTION|CIRCULARSTRING|"
    r"COMPOUNDCURVE|CURVEPOLYGON|POLYHEDRALSURFACE|TIN|TRIANGLE)\b[\sZM]*(\(|EMPTY)"
    r'|[0-9A-F]{42,}$|\s*\{\s*"',
    re.IGNORECASE,
)
SURFACES = ((r"^(TIN|POLYHEDRALSURFACE)\b", "MULTIPOLYGON"), (r"^TRIANGLE\b", "POLYGON"))
"""What Shapely does not know, and is written alike."""

COMMA = r"^\s*([+-]?\d+),(\d+)\s*$"
SHOWN = 3
"""How many rows a note names."""

Shapes = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class PlaceColumns:
    """The columns that say where a row is, one or two, by their places in the table."""

    columns: tuple[int, ...]
    names: tuple[str, ...]

    def wkb(self, arrays: Sequence[pa.Array]) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
        """The geometries of rows as WKB, and which of the rows say a place that is none."""
        if len(self.columns) == 1:
            return geometries(arrays[self.columns[0]])
        x, y = (numbers(arrays[place]) for place in self.columns)
        filled = pc.and_(*(pc.is_valid(arrays[place]) for place in self.columns))
        whole = pc.and_(pc.is_valid(x), pc.is_valid(y))
        return points(x, y), np.asarray(pc.and_(filled, pc.invert(whole)))

    def said(self, arrays: Sequence[pa.Array], row: int) -> str:
        """What a row says of its place."""
        values = (str(arrays[place][row].as_py())[:40] for place in self.columns)
        return ", ".join(f"{name} '{value}'" for name, value in zip(self.names, values, strict=True))


def numbers(texts: pa.Array) -> pa.Array:
    """Numbers of texts, also with a comma for the point; null for others, and for those that are no number."""
    spelt = pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, COMMA, r"\1.\2"))
    fits = pc.match_substring_regex(spelt, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
    return pc.if_else(fits, spelt, pa.scalar(None, pa.string())).cast(pa.float64())


def geometries(texts: pa.Array) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    """WKB of texts that are WKT, hexadecimal WKB or GeoJSON; null, and marked, for others."""
    shapes = parse_geometries(texts.to_pylist())
    wkb = pa.array(list(shapely.to_wkb(shapes, flavor="iso")), pa.binary())
    return wkb, np.asarray(pc.and_(pc.is_valid(texts), pc.is_null(wkb)))


def parse_geometries(texts: Sequence[str | None]) -> Shapes:
    """Shapes of texts; None for those that are none. Rings that are not closed are closed."""
    bare = [text and plain_wkt(text) for text in texts]
    shapes = np.array(shapely.from_wkt([text or None for text in bare], on_invalid="fix"), dtype=object)
    for row, text in enumerate(bare):
        if text and shapes[row] is None:
            shapes[row] = parse_other(text)
    return shapes


def plain_wkt(text: str) -> str:
    """WKT without an SRID ahead, and surfaces as polygons."""
    bare = re.sub(r"^\s*SRID=\d+;", "", text, flags=re.IGNORECASE).strip()
    for name, other in SURFACES:
        bare = re.sub(name, other, bare, flags=re.IGNORECASE)
    return bare


def parse_other(text: str) -> object:
    """The shape of hexadecimal WKB or of GeoJSON; None for neither."""
    read = shapely.from_geojson if text.startswith("{") else shapely.from_wkb
    try:
        return read(text, on_invalid="ignore")
    except (shapely.errors.ShapelyError, ValueError, TypeError):
        return None


def find_places(names: Sequence[str], samples: Mapping[int, Sequence[str]], ref: LayerRef) -> PlaceColumns | None:
    """Where a table says its places; None for one without. `samples`: texts of the first rows, by column.

    Raises: BadSideCar for a column that is not there, CannotRead for coordinates of which none is a number
    """
    if ref.wkt is not None:
        return PlaceColumns((named(names, ref.wkt, "wkt"),), (ref.wkt,))
    if ref.x is not None or ref.y is not None:
        if ref.x is None or ref.y is None:
            raise BadSideCar("the side-car names one of x and y", hint='write both: x = "east", y = "north"')
        return PlaceColumns((named(names, ref.x, "x"), named(names, ref.y, "y")), (ref.x, ref.y))
    lower = [name.strip().lower() for name in names]
    for name in WKT_NAMES:
        place = lower.index(name) if name in lower else None
        if place is not None and any(GEOMETRY.match(text) for text in samples.get(place, ())):
            return PlaceColumns((place,), (names[place],))
    return find_pair(names, lower, samples)


def find_pair(names: Sequence[str], lower: list[str], samples: Mapping[int, Sequence[str]]) -> PlaceColumns | None:
    """The columns of longitudes and latitudes. Raises: CannotRead where they hold texts only"""
    x, y = (next((lower.index(name) for name in known if name in lower), None) for known in (LON_NAMES, LAT_NAMES))
    if x is None or y is None:
        return None
    pair = PlaceColumns((x, y), (names[x], names[y]))
    texts = [samples.get(place, ()) for place in (x, y)]
    if all(not some or pc.any(pc.is_valid(numbers(pa.array(some, pa.string())))).as_py() for some in texts):
        return pair
    if lower[x] in SURE and lower[y] in SURE:
        raise CannotRead(
            f"'{names[x]}' and '{names[y]}' hold no numbers, such as '{next(iter(texts[0]), '')[:40]}'",
            hint="write degrees as decimals, such as 24.9384, or name other columns in the side-car: x, y or wkt",
        )
    return None


def named(names: Sequence[str], wanted: str, key: str) -> int:
    """The place of a column that the side-car names. Raises: BadSideCar"""
    if wanted in names:
        return list(names).index(wanted)
    hint = suggestion(wanted, names) or f"the columns are {', '.join(names[:20])}"
    raise BadSideCar(f"the side-car's '{key}' names '{wanted}', which is no column", hint=hint)


def refuse_unplaced(count: int, rows: int, said: Sequence[str]) -> None:
    """Raises: CannotRead where no row says a place that can be read"""
    if count and count == rows:
        raise CannotRead(
            f"none of the {rows} rows says a place that can be read ({said[0]})",
            hint="write decimals, such as 24.9384, or WKT; or name other columns in the side-car: x, y or wkt",
        )


def unplaced_notes(count: int, said: Sequence[str]) -> Iterator[Note]:
    """What the report says of rows whose coordinates or geometries could not be read."""
    if count:
        shown = "; ".join(said[:SHOWN]) + (f"; and {count - SHOWN} more" if count > SHOWN else "")
        message = f"{count} rows say a place that cannot be read, and are published without geometry ({shown})"
        yield Note("warning", "place-unreadable", message, "correct them in the file")
