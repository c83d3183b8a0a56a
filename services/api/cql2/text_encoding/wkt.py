"""Well-known text and BBOX(...) inside CQL2 Text. The `Z` is optional: positions of three numbers say it themselves.

Source: OGC 21-065r2, annex B, geometryLiteral; /req/cql2-text/basic-spatial-functions-plus, B.
"""

from __future__ import annotations

from api.cql2.text_encoding.tokens import COLLECTION, TokenCursor, base_name
from api.cql2.tree.ast import LEVELS, BBox, Coordinates, Geometry, GeometryCollection, mistakes_at
from api.cql2.tree.geometry import TYPES, bbox, finite, geometry
from api.cql2.tree.literals import parse_number


def parse_spatial(cursor: TokenCursor) -> Geometry | GeometryCollection | BBox:
    """The geometry or box that comes next. Raises: BadFilter"""
    start = cursor.take()
    name = base_name(start.value)
    if name == "BBOX":
        return parse_bbox(cursor, start.at)
    cursor.takes_word("Z")
    if name == COLLECTION:
        return parse_collection(cursor, start.at)
    return parse_geometry(cursor, name, start.at)


def parse_bbox(cursor: TokenCursor, at: int) -> BBox:
    """The numbers of a box."""
    cursor.expect_sign("(")
    numbers = [parse_signed(cursor)]
    while cursor.takes_sign(","):
        numbers.append(parse_signed(cursor))
    cursor.expect_sign(")")
    with mistakes_at(at, cursor.text, hint="write BBOX(24.9, 60.1, 25.0, 60.2)"):
        return bbox(tuple(numbers), at)


def parse_collection(cursor: TokenCursor, at: int) -> GeometryCollection:
    """The geometries of a collection."""
    if cursor.takes_word("EMPTY"):
        return GeometryCollection((), at=at)
    cursor.expect_sign("(")
    parts = [parse_member(cursor)]
    while cursor.takes_sign(","):
        parts.append(parse_member(cursor))
    cursor.expect_sign(")")
    return GeometryCollection(tuple(parts), at=at)


def parse_member(cursor: TokenCursor) -> Geometry:
    """A geometry in a collection."""
    start = cursor.here
    if start.kind != "word" or base_name(start.value) not in TYPES:
        raise cursor.mistake("expected a geometry such as POINT(24.9 60.2)", hint="collections do not nest")
    cursor.take()
    cursor.takes_word("Z")
    return parse_geometry(cursor, base_name(start.value), start.at)


def parse_geometry(cursor: TokenCursor, name: str, at: int) -> Geometry:
    """The positions of a geometry whose name is read."""
    type = TYPES[name]
    coordinates = parse_nested(cursor, LEVELS[type], points_in_brackets=type == "MultiPoint")
    with mistakes_at(at, cursor.text):
        return geometry(type, coordinates, at)


def parse_nested(cursor: TokenCursor, level: int, *, points_in_brackets: bool = False) -> Coordinates:
    """Brackets within brackets around positions. A multipoint may have its points in brackets of their own or not."""
    if cursor.takes_word("EMPTY"):
        return ()
    cursor.expect_sign("(")
    parts: list[Coordinates] = [parse_part(cursor, level, points_in_brackets=points_in_brackets)]
    while level > 0 and cursor.takes_sign(","):
        parts.append(parse_part(cursor, level, points_in_brackets=points_in_brackets))
    cursor.expect_sign(")")
    return parts[0] if level == 0 else tuple(parts)


def parse_part(cursor: TokenCursor, level: int, *, points_in_brackets: bool) -> Coordinates:
    """What stands between two commas."""
    if level > 1:
        return parse_nested(cursor, level - 1)
    if points_in_brackets and cursor.takes_sign("("):
        position = parse_position(cursor)
        cursor.expect_sign(")")
        return position
    return parse_position(cursor)


def parse_position(cursor: TokenCursor) -> tuple[float, ...]:
    """Two or three numbers."""
    numbers = [parse_signed(cursor), parse_signed(cursor)]
    if cursor.here.kind == "number" or cursor.here.is_sign("-", "+"):
        numbers.append(parse_signed(cursor))
    return tuple(numbers)


def parse_signed(cursor: TokenCursor) -> float:
    """A number with or without a sign."""
    at = cursor.here.at
    sign = cursor.takes_sign("-", "+")
    if cursor.here.kind != "number":
        raise cursor.mistake("expected a number")
    try:
        value = finite(float(parse_number(cursor.take().value)))
    except ValueError as error:
        raise cursor.mistake(str(error), at) from error
    return -value if sign is not None and sign.value == "-" else value
