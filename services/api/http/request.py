"""A request and an answer as values, for Flask's routes and for the layer before them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qsl

from werkzeug.datastructures import MultiDict

from api.http.links import Links, quoted_path
from api.params.common import Args
from core.errors import IsthmusError

ERROR = "isthmus.error"
"""Where in the environment of a request an error waits for Flask to tell it."""

TOLD = (IsthmusError, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""Errors that Flask tells: those that we expect, and mistakes of ours, which it logs."""


def query_args(query: str) -> MultiDict[str, str]:
    """The parameters of a query in ASCII, as Werkzeug reads them."""
    return MultiDict(parse_qsl(query, keep_blank_values=True, errors="werkzeug.url_quote") if query else ())


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for. `base`: the landing page's address as the client knows it, without a slash at its end."""

    base: str
    path: str
    query: str
    args: Args

    @classmethod
    def of(cls, base: str, path: str, query: str) -> Asked:
        """That of a query in ASCII."""
        return cls(base, path, query, query_args(query))

    @property
    def links(self) -> Links:
        """Links from where the client stands."""
        return Links(self.base)

    @property
    def here(self) -> str:
        """The address of the resource, without its query."""
        return self.base + quoted_path(self.path)


class Answer(NamedTuple):
    """An answer to GET, as WSGI has it."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    @property
    def is_unchanged(self) -> bool:
        """Whether it tells a client that it has the answer."""
        return self.status.startswith("304")

    def with_headers(self, more: Iterable[tuple[str, str]]) -> Answer:
        """The answer with more headers."""
        return self._replace(headers=[*self.headers, *more])
