"""Parameters in the body of a POST, for filters that are too long for an address: JSON, or a form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from werkzeug.datastructures import MultiDict

from api.params.common import Args
from core.errors import BadParameter

HINT = 'send {"filter": {...}, "limit": 10} as application/json, or the same parameters as a form'


def parse_body(body: bytes, media_type: str, form: Args) -> Args:
    """The parameters, named as in an address. A JSON `filter` may be CQL2 JSON itself; lists stand for commas.

    Raises: BadParameter
    """
    if media_type == "application/x-www-form-urlencoded":
        return form
    if media_type != "application/json":
        raise BadParameter(f"the body is '{media_type or 'nothing'}'", hint=HINT, parameter="body")
    try:
        members = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadParameter("the body is no JSON", hint=HINT, parameter="body") from error
    if not isinstance(members, dict):
        raise BadParameter("the body is no JSON object", hint=HINT, parameter="body")
    return parse_members(cast("dict[str, Any]", members))


def parse_members(members: Mapping[str, Any]) -> Args:
    """The members of a JSON object as parameters. Raises: BadParameter"""
    if not all(map(is_unicode, texts_of([*members, *members.values()]))):
        raise BadParameter("the body has half of a surrogate pair", hint="send whole characters", parameter="body")
    given = {name: parameter_text(name, value) for name, value in members.items() if value is not None}
    if isinstance(members.get("filter"), dict):
        given.setdefault("filter-lang", "cql2-json")
    return MultiDict(given)


def texts_of(values: Iterable[Any]) -> Iterator[str]:
    """The texts among values and in lists of them. A filter's objects are left to the reader of CQL2."""
    for value in values:
        if isinstance(value, list):
            yield from texts_of(cast("list[Any]", value))
        elif isinstance(value, str):
            yield value


def is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8. JSON may name half of a surrogate pair, which is no character."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def parameter_text(name: str, value: Any) -> str:
    """A value as it would stand in an address. Raises: BadParameter"""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case list():
            return ",".join(parameter_text(name, part) for part in cast("list[Any]", value))
        case dict() if name == "filter":
            return json.dumps(value)
        case _:
            raise BadParameter(f"'{name}' has a value that is no parameter", hint=HINT, parameter=name)
