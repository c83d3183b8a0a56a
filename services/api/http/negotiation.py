"""Which format a request wants: the parameter `f` first, then the Accept header."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotAcceptable
from werkzeug.http import parse_accept_header

from core.errors import BadParameter, suggestion

# Other names of a media type that clients send in Accept
ALIASES = {
    "application/vnd.ogc.fg+json": ("application/fg+json",),
    "application/json": (
        "application/geo+json",
        "application/schema+json",
        "application/vnd.oai.openapi+json",
        "application/vnd.mapbox.style+json",
    ),
    "application/vnd.mapbox-vector-tile": (
        "application/x-protobuf",
        "application/protobuf",
        "application/octet-stream",
    ),
}


def choose_format(f: str | None, accept: MIMEAccept, formats: Mapping[str, str]) -> str:
    """The name of the format to answer with. Parameters of media types (version, charset) are not compared.

    formats: name -> media type, the default one first; of two names of one type Accept finds the first
    Raises: BadParameter when `f` is none of them, NotAcceptable when the client refuses them all
    """
    if f is not None:
        if f not in formats:
            hint = suggestion(f, formats) or f"it takes one of: {', '.join(formats)}"
            raise BadParameter(f"f is '{f}'", hint=hint, parameter="f")
        return f
    if not accept:
        return next(iter(formats))
    offered: dict[str, str] = {}
    for name, type in formats.items():
        offered.setdefault(type.partition(";")[0], name)
    for type, others in ALIASES.items():
        if type in offered or offered.keys() & set(others):
            name = offered.get(type) or next(offered[other] for other in others if other in offered)
            offered = {**offered, type: name, **dict.fromkeys(others, name)}
    bare = MIMEAccept([(type.partition(";")[0].strip(), quality) for type, quality in accept])
    best = bare.best_match(list(offered))
    if best is None:
        raise NotAcceptable(f"available here: {', '.join(formats.values())}")
    return offered[best]


@lru_cache(maxsize=1000)
def format_for(f: str | None, accept: str, formats: tuple[tuple[str, str], ...]) -> str:
    """The same for the text of the header and the items of the table. Raises: as `choose_format`"""
    return choose_format(f, parse_accept_header(accept, MIMEAccept), dict(formats))
