"""A request and its response as values, for Flask's views and for the fast path before them; what a request says of its
host; the keys of ours in its WSGI environment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from werkzeug.datastructures import MultiDict
from werkzeug.sansio.utils import get_current_url, get_host

from api.http.links import Links, quoted_path
from core.errors import IsthmusError

Args = MultiDict[str, str]
"""The parameters of a query, or of a form."""

ROUTE = "isthmus.route"
"""Where in the environment of a request its route is noted, as Flask writes it, for metrics."""

ERROR = "isthmus.error"
"""Where in the environment of a request an error waits for Flask to tell it."""

TOLD = (IsthmusError, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""Errors that Flask tells: those that we expect, and mistakes of ours, which it logs."""


def query_args(query: str) -> Args:
    """The parameters of a query in ASCII, as Werkzeug reads them."""
    return MultiDict(parse_qsl(query, keep_blank_values=True, errors="werkzeug.url_quote") if query else ())


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `base`: the landing page's address as the client knows it, without a slash at its end."""

    base: str
    path: str
    query: str
    args: Args

    @classmethod
    def of(cls, base: str, path: str, query: str) -> Request:
        """The request of a query in ASCII."""
        return cls(base, path, query, query_args(query))

    @property
    def links(self) -> Links:
        """Links from where the client stands."""
        return Links(self.base)

    @property
    def here(self) -> str:
        """The address of the resource, without its query."""
        return self.base + quoted_path(self.path)


class ApiResponse(NamedTuple):
    """The response to a GET, as WSGI has it."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    @property
    def is_unchanged(self) -> bool:
        """Whether it is a 304: the client has the response already."""
        return self.status.startswith("304")

    def with_headers(self, more: Iterable[tuple[str, str]]) -> ApiResponse:
        """The response with more headers."""
        return self._replace(headers=[*self.headers, *more])


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
