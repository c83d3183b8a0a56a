"""Texts as values: of properties and arguments of functions that are query parameters, ids of features, profiles."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from urllib.parse import unquote

from api.cql2.tree.literals import parse_date, parse_instant, parse_time
from api.http.request import Args
from api.query.items import JOINT, PROFILES, Equals, FeatureKey, Given, Value
from api.query.source_errors import Called
from core.catalog.collections import Argument, Column, ColumnType, Key, KeyPart
from core.errors import BadParameter, suggestion

INTEGER = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
"""Python reads more than these: underscores, spaces, digits of other scripts."""


def equals(column: Column, text: str) -> Equals:
    """The condition that a column equals a value. Raises: BadParameter when the value is not of the column's type."""
    if column.choices and text not in column.choices:
        hint = suggestion(text, column.choices) or f"it takes one of: {', '.join(column.choices)}"
        raise BadParameter(f"{column.name} is '{text}'", hint=hint, parameter=column.name)
    return Equals(column, parse_value(column, text))


def parse_value(wanted: Column | Argument, text: str) -> Value:
    """The value of a property or an argument. Raises: BadParameter when it is not of its type"""
    parse, example = VALUE_PARSERS[wanted.type]
    try:
        return parse(text)
    except (ValueError, OverflowError) as error:
        detail, hint = f"'{text}' is no {wanted.type}", f"'{wanted.name}' takes {example}"
        raise BadParameter(detail, hint=hint, parameter=wanted.name) from error


def parse_integer(text: str) -> int:
    """A whole number that fits a bigint, digits with perhaps a sign (Common, /req/core/query-param-value-integer)."""
    number = int(text)
    if not INTEGER.fullmatch(text) or not -(2**63) <= number < 2**63:
        raise ValueError(text)
    return number


def parse_number(text: str) -> str:
    """A finite number, as the text it is: PostgreSQL reads it in the column's own type, so 0.1 finds a real of 0.1."""
    if not NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError(text)
    return text


def parse_boolean(text: str) -> bool:
    """`true` or `false`, in this case (Common, /req/core/query-param-value-boolean)."""
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def parse_text(text: str) -> str:
    """Any text that PostgreSQL can hold, which is all without U+0000."""
    if "\0" in text:
        raise ValueError(text)
    return text


def parse_moment(text: str) -> str:
    """A time as RFC 3339 has it; one without a zone is in UTC, a day alone is its midnight."""
    return parse_instant(text, zone_needed=False).value.isoformat()


# column type -> parser, what to write
VALUE_PARSERS: dict[ColumnType, tuple[Callable[[str], Value], str]] = {
    "integer": (parse_integer, "a whole number, such as 42"),
    "number": (parse_number, "a number, such as 4.2"),
    "boolean": (parse_boolean, "true or false"),
    "string": (parse_text, "a text"),
    "date": (lambda text: parse_date(text).isoformat(), "a date, such as 2024-05-01"),
    "datetime": (parse_moment, "a time, such as 2024-05-01T12:00:00Z"),
    "time": (parse_time, "a time of day, such as 12:00:00"),
}


def parse_arguments(args: Args, called: Called) -> tuple[Given, ...]:
    """What the function is to be called with; those with a default may be left out. Raises: BadParameter"""
    given: list[Given] = []
    for argument in called.arguments:
        if argument.name in args:
            given.append(Given(argument, parse_value(argument, args[argument.name])))
        elif argument.required:
            hint = f"add {argument.name}=…, {VALUE_PARSERS[argument.type][1]}"
            raise BadParameter(f"{called.id} needs '{argument.name}'", hint=hint, parameter=argument.name)
    return tuple(given)


INTEGER_BITS = {"smallint": 15, "integer": 31, "bigint": 63}


def parse_id(text: str, key: Key) -> FeatureKey | None:
    """The values of a key that an id stands for; None when no feature can have it, also where features have none.

    An id has one form only: `007` and `%41` belong to no feature.
    """
    if not key.is_id:
        return None
    if len(key.parts) == 1:
        value = parse_part(text, key.parts[0])
        return None if value is None else (value,)
    parts = [unquote(part) for part in text.split(JOINT)]
    if len(parts) != len(key.parts) or JOINT.join(map(escaped, parts)) != text:
        return None
    values = [parse_part(text, part) for text, part in zip(parts, key.parts, strict=True)]
    return tuple(value for value in values if value is not None) if None not in values else None


def escaped(part: str) -> str:
    """A part as `id_text` writes it: without the characters that have a meaning in an id or in a list of ids."""
    return part.replace("%", "%25").replace(JOINT, "%7E").replace(",", "%2C")


def parse_part(text: str, part: KeyPart) -> int | str | None:
    """The value of one column of a key, or None when it cannot have it."""
    if part.type == "text":
        return None if "\0" in text else text
    if not text.removeprefix("-").isdecimal() or len(text) > 20 or str(int(text)) != text:
        return None
    limit = 2 ** INTEGER_BITS.get(part.sql_type, 63)
    return int(text) if -limit <= int(text) < limit else None


PROFILE_REGISTER = "http://www.opengis.net/def/profile/OGC/0/"
"""Where the OGC registers profiles: an id from there, or this address of it, names one."""


def parse_profiles(text: str) -> tuple[str, ...]:
    """The profiles that a request would like, in its order. Raises: BadParameter for one that no format follows

    Source: OGC API Features Part 5, /req/profile-parameter/profile-param
    """
    names = [name.removeprefix(PROFILE_REGISTER) for name in text.split(",")]
    for name in names:
        if name not in PROFILES:
            hint = suggestion(name, PROFILES) or f"it takes one or more of: {', '.join(PROFILES)}"
            raise BadParameter(f"profile is '{text}'", hint=hint, parameter="profile")
    return tuple(dict.fromkeys(names))
