"""A request as a value, for Flask's views and for the fast path before them; what it says of its host; which format it
wants; what parameters of every resource have in common.
"""

from __future__ import annotations

from collections.abc import Collection as Names, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from werkzeug.datastructures import MIMEAccept, MultiDict
from werkzeug.exceptions import NotAcceptable
from werkzeug.http import parse_accept_header
from werkzeug.sansio.utils import get_current_url, get_host

from api.http.links import Links, quoted_path
from core.errors import BadParameter, UnknownParameter, suggestion

NO_HEADERS: Mapping[str, Any] = MappingProxyType({})

Args = MultiDict[str, str]
"""The parameters of a query, or of a form."""

ALIASES = {
    "application/vnd.ogc.fg+json": ("application/fg+json",),
    "application/json": (
        "application/geo+json",
        "application/schema+json",
        "application/vnd.oai.openapi+json",
        "application/vnd.mapbox.style+json",
    ),
    "application/x-ndjson": ("application/ndjson", "application/jsonl"),
    "application/vnd.mapbox-vector-tile": (
        "application/x-protobuf",
        "application/protobuf",
        "application/octet-stream",
    ),
}
"""Other names of media types that clients send in Accept."""


def query_args(query: str) -> Args:
    """The parameters of a query in ASCII, as Werkzeug reads them."""
    return MultiDict(parse_qsl(query, keep_blank_values=True, errors="werkzeug.url_quote") if query else ())


class Request(NamedTuple):
    """A request.

    base:    the landing page's address as the client knows it, without a slash at its end
    args:    the parameters of `query`
    environ: its method and its headers, as WSGI has them
    id:      what its response and the log call it
    """

    base: str
    path: str
    query: str
    args: Args
    environ: Mapping[str, Any] = NO_HEADERS
    id: str = ""

    @classmethod
    def of(cls, base: str, path: str, query: str, environ: Mapping[str, Any], id: str = "") -> Request:
        """The request of a query in ASCII."""
        return cls(base, path, query, query_args(query), environ, id)

    @property
    def method(self) -> str:
        """The method."""
        return self.environ.get("REQUEST_METHOD", "GET")

    @property
    def accept(self) -> str:
        """The header `Accept`; empty without one."""
        return self.environ.get("HTTP_ACCEPT", "")

    @property
    def accept_encoding(self) -> str:
        """The header `Accept-Encoding`; empty without one."""
        return self.environ.get("HTTP_ACCEPT_ENCODING", "")

    @property
    def target(self) -> str:
        """The path with its query, for the log."""
        return f"{self.path}?{self.query}"

    @property
    def links(self) -> Links:
        """Links from where the client stands."""
        return Links(self.base)

    @property
    def here(self) -> str:
        """The address of the resource, without its query."""
        return self.base + quoted_path(self.path)


def path_of(environ: Mapping[str, Any]) -> str:
    """The path of a request, unquoted."""
    return environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")


def base_of(environ: Mapping[str, Any], public_url: str) -> str:
    """The landing page's address as the client knows it: the public URL where there is one, or the address called."""
    return (public_url or called(environ)).rstrip("/")


def called(environ: Mapping[str, Any]) -> str:
    """The address of the landing page that a request called, or its path where the request says no host."""
    return url_root(environ["wsgi.url_scheme"], environ.get("HTTP_HOST", ""), environ.get("SCRIPT_NAME", ""))


@lru_cache(maxsize=1000)
def url_root(scheme: str, host: str, root_path: str) -> str:
    """The same of its parts. Links without a host lead clients to where they asked.

    Docker names services with underscores, which Werkzeug takes for no hosts.
    """
    known = host[: len(get_host(scheme, host.replace("_", "-")))]
    return get_current_url(scheme, known, root_path) if known else f"{root_path.rstrip('/')}/"


def names_host(environ: Mapping[str, Any]) -> bool:
    """Whether a request says one host, as one of HTTP/1.1 has to. The server joins several with commas."""
    host = environ.get("HTTP_HOST")
    return bool(host) and "," not in host


@dataclass(frozen=True, slots=True)
class Limits:
    """How many features a page has when the request does not say, and at most."""

    default: int
    largest: int


def reject_unknown(args: Args, known: Names[str]) -> None:
    """Raise UnknownParameter for the first parameter that is not known, BadParameter for one given twice."""
    for name in args:
        if name not in known:
            listed = f"known here: {', '.join(known)}" if known else "this resource takes no parameters"
            hint = suggestion(name, known) or listed
            raise UnknownParameter(f"there is no parameter '{name}'", hint=hint, parameter=name)
        if len(args.getlist(name)) > 1:
            raise BadParameter(f"'{name}' is given more than once", hint="give it once", parameter=name)


def parse_whole(name: str, text: str, *, least: int, most: int) -> int:
    """A whole number between two limits. Raises: BadParameter"""
    if not (text.isascii() and text.isdecimal()) or len(text) > 18 or not least <= int(text) <= most:
        hint = f"it takes a whole number from {least} to {most}"
        raise BadParameter(f"{name} is '{text}'", hint=hint, parameter=name)
    return int(text)


def parse_choice(name: str, text: str, choices: Names[str]) -> str:
    """One of some words. Raises: BadParameter"""
    if text not in choices:
        hint = suggestion(text, choices) or f"it takes one of: {', '.join(choices)}"
        raise BadParameter(f"{name} is '{text}'", hint=hint, parameter=name)
    return text


@lru_cache(maxsize=1000)
def choose_format(f: str | None, accept: str, formats: tuple[tuple[str, str], ...]) -> str:
    """The name of the format that a request wants: the parameter `f` first, then the header Accept.

    formats: (name, media type), the default one first; of two names of one type Accept finds the first. Parameters of
    media types (version, charset) are not compared.
    Raises: BadParameter when `f` is none of them, NotAcceptable when the client refuses them all
    """
    types, wanted = dict(formats), parse_accept_header(accept, MIMEAccept)
    if f is not None:
        return parse_choice("f", f, types)
    if not wanted:
        return formats[0][0]
    offered: dict[str, str] = {}
    for name, type in formats:
        offered.setdefault(type.partition(";")[0], name)
    for type, others in ALIASES.items():
        if type in offered or offered.keys() & set(others):
            name = offered.get(type) or next(offered[other] for other in others if other in offered)
            offered = {**offered, type: name, **dict.fromkeys(others, name)}
    bare = MIMEAccept([(type.partition(";")[0].strip(), quality) for type, quality in wanted])
    best = bare.best_match(list(offered))
    if best is None:
        raise NotAcceptable(f"available here: {', '.join(types.values())}")
    return offered[best]


def parse_names(name: str, text: str, known: Names[str] = ()) -> list[str]:
    """Names with commas between them, none of them empty. `known`: those that may hold commas. Raises: BadParameter"""
    names = joined(text.split(","), known)
    if "" in names:
        raise BadParameter(f"{name} is '{text}'", hint="it takes names with commas between them", parameter=name)
    return names


def joined(parts: list[str], known: Names[str]) -> list[str]:
    """Parts of a list, some put together again so that all are known, with as few commas in names as that takes."""
    most = 1 + max((name.count(",") for name in known), default=0)
    ends = {len(parts): len(parts)}
    for start in reversed(range(len(parts) if most > 1 else 0)):
        for end in range(start + 1, min(start + most, len(parts)) + 1):
            if end in ends and ",".join(parts[start:end]) in known:
                ends[start] = end
                break
    return list(cut(parts, ends)) if 0 in ends else parts


def cut(parts: list[str], ends: Mapping[int, int]) -> Iterator[str]:
    """The names of a list. `ends`: of the name that begins at a part."""
    start = 0
    while start < len(parts):
        yield ",".join(parts[start : ends[start]])
        start = ends[start]
