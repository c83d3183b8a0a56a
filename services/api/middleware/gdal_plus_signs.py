"""Filters in addresses of GDAL and QGIS: they write spaces as %20, and plus signs as they are, which elsewhere stand
for spaces.

Without this `name = 'A + B'` would find nothing, and `size > 1e+20` could not be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class PlusSigns:
    """WSGI layer that spells them out. Cost for other requests: 0.05 µs"""

    def __init__(self, app: WSGIApplication) -> None:
        """`app` answers."""
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        query = environ.get("QUERY_STRING", "")
        if "+" in query and "filter=" in query:
            environ["QUERY_STRING"] = spelt_out(query)
        return self._app(environ, start_response)


def spelt_out(query: str) -> str:
    """The query with the plus signs of its filter as %2B, where that has spaces as %20: who means them has none."""
    parts = query.split("&")
    return "&".join(
        part.replace("+", "%2B") if part.startswith("filter=") and "%20" in part else part for part in parts
    )
