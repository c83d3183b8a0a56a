"""Parameters in the body of a POST, for filters that are too long for an address: JSON, or a form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, cast

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import UnsupportedMediaType

from api.cql2.json_encoding.parser import no_number
from api.cql2.json_encoding.writer import dumps
from api.cql2.tree.literals import check_json_depth
from api.http.request import Args
from core.errors import BadParameter

HINT = 'send CQL2 JSON, or {"filter": {...}, "limit": 10}, as application/json; or the parameters as a form'
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def parse_body(body: bytes, media_type: str, form: Args) -> Args:
    """The parameters, named as in an address. Lists stand for commas; a `filter` may be CQL2 JSON, and so may the body.

    Raises: BadParameter; BadFilter when it is too deep; UnsupportedMediaType when it is neither JSON nor a form
    """
    if media_type == FORM:
        return form
    if media_type != JSON:
        raise UnsupportedMediaType(f"the body is '{media_type or 'nothing'}'; this resource takes {JSON} and {FORM}")
    check_json_depth(body.decode(errors="replace"))
    try:
        members = json.loads(body, parse_float=Decimal, parse_constant=no_number)
    except (ValueError, RecursionError) as error:
        raise BadParameter("the body is no JSON", hint=HINT, parameter="body") from error
    if not isinstance(members, dict):
        raise BadParameter("the body is no JSON object", hint=HINT, parameter="body")
    given = cast("dict[str, Any]", members)
    return parse_members({"filter": given} if given.keys() == {"op", "args"} else given)


def merged(address: Args, body: Args) -> Args:
    """The parameters of the address and those of the body. Raises: BadParameter for one that is in both"""
    for name in body:
        if name in address:
            hint = "give it in one of them"
            raise BadParameter(f"'{name}' is in the address and in the body", hint=hint, parameter=name)
    return MultiDict([*address.items(multi=True), *body.items(multi=True)])


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
        case int() | Decimal():
            return str(value)
        case list():
            return ",".join(element_text(name, part) for part in cast("list[Any]", value))
        case dict() if name == "filter":
            return dumps(value)
        case _:
            raise BadParameter(f"'{name}' has a value that is no parameter", hint=HINT, parameter=name)


def element_text(name: str, value: Any) -> str:
    """An element of a list as it would stand in an address: an id that holds commas in quotes. Raises: BadParameter"""
    text = parameter_text(name, value)
    doubled = text.replace('"', '""')
    return f'"{doubled}"' if name == "ids" and "," in text else text
