"""A request as a value, for Flask's views and for the fast path before them; what it says of its host; the keys of ours
in the environment of WSGI.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from werkzeug.datastructures import MultiDict
from werkzeug.sansio.utils import get_current_url, get_host

from api.http.links import Links, quoted_path
from core.errors import IsthmusError

NO_HEADERS: Mapping[str, Any] = MappingProxyType({})

Args = MultiDict[str, str]
"""The parameters of a query, or of a form."""

ROUTE = "isthmus.route"
"""Where in the environment of a request its route is noted, as Flask writes it, for metrics."""

TOLD = (IsthmusError, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""Errors that Flask tells: those that we expect, and mistakes of ours, which it logs."""


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
