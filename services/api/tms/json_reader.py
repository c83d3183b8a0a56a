"""Tile matrix sets that are registered as JSON (OGC 17-083r4, clause 7): files of a folder as values.

The order of the axes counts in `pointOfOrigin`: that of `orderedAxes` where their names say it (N and E, Lat and Lon),
else of the system, since X is the northing in some countries and the easting in others. The first version of the
standard (OGC 17-083r2), which GDAL has some sets in, is read as 2.0.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from api.query.crs import CRS84, DIGITS_OF_DEGREES, DIGITS_OF_METRES, Crs
from api.tms.tile import PIXEL_M, TileMatrix, TileMatrixSet

log = logging.getLogger("isthmus.api")

SHIPPED = Path(__file__).parent / "tile_matrix_sets"
MOST_BYTES = 1_000_000
MOST_MATRICES = 50
MOST_LEVELS = 40
"""Of objects and lists in each other: the page of a set shows all of them."""

MOST_TILES = 2**31
"""Rows, or columns, of a matrix."""

SMALLEST, LARGEST = 1e-9, 1e12
"""Of scales, cells, and coordinates of a corner."""

ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99}")
EPSG_CRS = re.compile(
    r"(?:https?://www\.opengis\.net/def/crs/EPSG/[^/]+/|urn:ogc:def:crs:EPSG:[^:]*:|\[?EPSG:)(\d{4,6})\]?"
)
CRS84_NAMES = re.compile(
    r"(?:https?://www\.opengis\.net/def/crs/OGC/[^/]+/|urn:ogc:def:crs:OGC:[^:]*:|\[?OGC:)CRS84\]?"
)
OF_SET = {
    **{"identifier": "id", "supportedCRS": "crs", "abstract": "description", "tileMatrix": "tileMatrices"},
    **{name: name for name in ("title", "keywords", "wellKnownScaleSet")},
}
OF_MATRIX = {
    **{"identifier": "id", "topLeftCorner": "pointOfOrigin", "abstract": "description"},
    **{name: name for name in ("title", "scaleDenominator", "tileWidth", "tileHeight", "matrixWidth", "matrixHeight")},
}
"""Members of the first version of the standard -> their names in 2.0."""

NORTHINGS, EASTINGS = frozenset({"n", "lat", "northing", "latitude"}), frozenset({"e", "lon", "easting", "longitude"})


class BadDefinition(ValueError):
    """A file that is no tile matrix set that tiles can be made for; says why."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A set as it is registered, its system not looked at yet. `crs` None of the `srid`: longitude first (CRS84)."""

    id: str
    srid: int
    uri: str
    document: Mapping[str, Any]


def read_definitions(folders: Iterable[Path], taken: Iterable[str]) -> list[Definition]:
    """The sets of some folders, in order of the files' names. Bad ones are named in the log and left out.

    taken: ids that no file may have
    """
    found: dict[str, Definition] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("*.json"))):
        try:
            definition = parse_definition(path, {*found, *taken})
            found[definition.id] = definition
        except (BadDefinition, OSError) as error:
            log.warning("no tile matrix set is made of %s: %s", path, error)
    return list(found.values())


def parse_definition(path: Path, taken: Iterable[str] = ()) -> Definition:
    """A file, whose id must not be `taken`. Raises: BadDefinition, OSError"""
    if path.stat().st_size > MOST_BYTES:
        raise BadDefinition(f"it has more than {MOST_BYTES} bytes")
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()  # as it is answered
    except (ValueError, RecursionError) as error:
        raise BadDefinition(f"it is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise BadDefinition("it is no JSON object")
    check_levels(document)
    given = cast("dict[str, Any]", document)
    members = without_null(upgraded(given))
    id = members.get("id", path.stem)
    if not isinstance(id, str) or not ID.fullmatch(id):
        raise BadDefinition("its id takes letters, digits, _, . and -")
    if id in taken:
        raise BadDefinition(f"there is a set '{id}' already")
    uri, srid = parse_crs_name(members.get("crs"))
    members.pop("links", None)  # of the server that the file is from
    definition = Definition(id, srid, uri, members)
    matrix_set_of(definition, northing_first=False)  # to find its mistakes now
    return definition


def check_levels(document: Any) -> None:
    """Raises: BadDefinition for JSON that is nested too deep"""
    level, levels = [document], 0
    while level:
        if levels > MOST_LEVELS:
            raise BadDefinition(f"it is nested more than {MOST_LEVELS} levels deep")
        level, levels = [inner for value in level for inner in parts_of(value)], levels + 1


def parts_of(value: Any) -> Iterable[Any]:
    """What a value of JSON holds."""
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    return cast("list[Any]", value) if isinstance(value, list) else ()


def parse_crs_name(value: Any) -> tuple[str, int]:
    """The system that a set names, as an address and an SRID. Raises: BadDefinition"""
    if isinstance(value, dict):
        value = cast("dict[str, Any]", value).get("uri")
    if isinstance(value, str) and CRS84_NAMES.fullmatch(value):
        return CRS84.uri, CRS84.srid
    found = EPSG_CRS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise BadDefinition("its crs is none of EPSG, nor CRS84: write http://www.opengis.net/def/crs/EPSG/0/…")
    return f"http://www.opengis.net/def/crs/EPSG/0/{found[1]}", int(found[1])


def matrix_set_of(
    definition: Definition, *, northing_first: bool, in_degrees: bool = False, unit_m: float = 1.0
) -> TileMatrixSet:
    """The set, of whose system is known which axis comes first, and how long its unit is. Raises: BadDefinition"""
    document = with_cell_sizes(definition.document, unit_m)
    if definition.uri == CRS84.uri:
        crs = CRS84
    else:
        digits = DIGITS_OF_DEGREES if in_degrees else DIGITS_OF_METRES
        crs = Crs(definition.uri, definition.srid, northing_first=northing_first, digits=digits)
    named = document.get("orderedAxes")
    axes = tuple(map(str, cast("list[Any]", named))) if isinstance(named, list) else ()
    flipped = is_northing_first(axes, crs.northing_first)
    matrices = sorted(parse_matrices(document, flipped=flipped), key=lambda matrix: -matrix.scale)
    if len({matrix.id for matrix in matrices}) < len(matrices):
        raise BadDefinition("two of its tileMatrices have one id")
    title = document.get("title")
    return TileMatrixSet(
        id=definition.id,
        title=title if isinstance(title, str) else definition.id,
        crs=crs,
        axes=axes,
        matrices=tuple(matrices),
        uri=document["uri"] if isinstance(document.get("uri"), str) else None,
        document=document,
    )


def is_northing_first(axes: tuple[str, ...], official: bool) -> bool:
    """Whether northings come first, by the names of the axes; where they do not say it, as it is official."""
    first = axes[0].lower() if axes else ""
    return first in NORTHINGS or (official and first not in EASTINGS)


def parse_matrices(document: Mapping[str, Any], *, flipped: bool) -> Iterator[TileMatrix]:
    """The scales of a set. `flipped`: northings come first. Raises: BadDefinition"""
    matrices = document.get("tileMatrices")
    if not isinstance(matrices, list) or not matrices:
        raise BadDefinition("it has no tileMatrices")
    listed = cast("list[Any]", matrices)
    if len(listed) > MOST_MATRICES:
        raise BadDefinition(f"it has more than {MOST_MATRICES} tileMatrices")
    for number, found in enumerate(listed):
        if not isinstance(found, dict):
            raise BadDefinition(f"tileMatrices[{number}] is no object")
        yield parse_matrix(cast("dict[str, Any]", found), f"tileMatrices[{number}]", flipped=flipped)


def parse_matrix(members: Mapping[str, Any], where: str, *, flipped: bool) -> TileMatrix:
    """A scale. Raises: BadDefinition"""
    id, corner = members.get("id"), members.get("cornerOfOrigin", "topLeft")
    if not isinstance(id, str) or not ID.fullmatch(id):
        raise BadDefinition(f"{where} has an id that is no text of letters, digits, _, . and -")
    if corner not in ("topLeft", "bottomLeft"):
        raise BadDefinition(f"{where} has the cornerOfOrigin '{corner}'")
    if members.get("variableMatrixWidths"):
        raise BadDefinition(f"{where} has rows of different widths (variableMatrixWidths), which are not made")
    first, second = parse_origin(members.get("pointOfOrigin"), where)
    left, top = (second, first) if flipped else (first, second)
    wide, high = (whole(members, name, where, 65_536) for name in ("tileWidth", "tileHeight"))
    columns, rows = (whole(members, name, where, MOST_TILES) for name in ("matrixWidth", "matrixHeight"))
    scale, cell = (positive(members, name, where) for name in ("scaleDenominator", "cellSize"))
    from_south = corner == "bottomLeft"
    top = top + rows * high * cell if from_south else top
    return TileMatrix(id, scale, cell, left, top, columns, rows, wide, high, from_south)


def parse_origin(value: Any, where: str) -> tuple[float, float]:
    """The corner of a grid, in the order of the axes. Raises: BadDefinition"""
    numbers = cast("list[Any]", value) if isinstance(value, list) else []
    if len(numbers) != 2 or not all(map(is_number, numbers)):
        raise BadDefinition(f"{where} has a pointOfOrigin that is not two numbers")
    return float(numbers[0]), float(numbers[1])


def positive(members: Mapping[str, Any], name: str, where: str) -> float:
    """A number above 0. Raises: BadDefinition"""
    value = members.get(name)
    if value is None or not is_number(value) or value < SMALLEST:
        raise BadDefinition(f"{where} has no {name} from {SMALLEST:g} to {LARGEST:g}")
    return float(value)


def whole(members: Mapping[str, Any], name: str, where: str, most: int) -> int:
    """A whole number from 1. Raises: BadDefinition"""
    value = positive(members, name, where)
    if value != int(value) or value > most:
        raise BadDefinition(f"{where} has a {name} that is no whole number from 1 to {most}")
    return int(value)


def is_number(value: Any) -> bool:
    """Whether a value of JSON is a number that can be reckoned with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def upgraded(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A set of the first version in the words of 2.0; sizes of cells, which it does not tell, are left out."""
    if "tileMatrices" in document or not isinstance(document.get("tileMatrix"), list):
        return document
    return with_matrices(renamed(document, OF_SET), lambda matrix: renamed(matrix, OF_MATRIX))


def renamed(members: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Those members that have a new name, by that."""
    return {new: members[old] for old, new in names.items() if old in members}


def with_cell_sizes(document: Mapping[str, Any], unit_m: float) -> dict[str, Any]:
    """A set whose matrices all tell the size of their cells, by their scale. `unit_m`: metres of a unit of the CRS"""

    def sized(matrix: Mapping[str, Any]) -> Mapping[str, Any]:
        scale = matrix.get("scaleDenominator")
        if "cellSize" in matrix or not isinstance(scale, int | float):
            return matrix
        return {**matrix, "cellSize": scale * PIXEL_M / unit_m}

    return with_matrices(document, sized)


def without_null(document: Mapping[str, Any]) -> dict[str, Any]:
    """A set without members that are null, which some programs write for what there is none of."""

    def stated(members: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in members.items() if value is not None}

    return with_matrices(stated(document), stated)


def with_matrices(
    document: Mapping[str, Any], change: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> dict[str, Any]:
    """A set whose matrices are changed; what is none stays as it is."""
    matrices = document.get("tileMatrices")
    if not isinstance(matrices, list):
        return dict(document)
    listed = cast("list[Any]", matrices)
    changed = [change(cast("dict[str, Any]", found)) if isinstance(found, dict) else found for found in listed]
    return {**document, "tileMatrices": changed}
