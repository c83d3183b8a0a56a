"""WSGI layer that says and counts what each answer took: `Server-Timing` (W3C) and the metrics."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from api.monitoring.metrics import Metrics
from core.spent import spent

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ROUTE = "isthmus.route"
"""Where in the environment of a request its route is noted, as Flask writes it."""

NO_ROUTE = "other"


class Timing:
    """The time is that until an answer begins: an export goes on after that."""

    def __init__(self, app: WSGIApplication, metrics: Metrics) -> None:
        """`app` answers."""
        self._app = app
        self._metrics = metrics

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        began = time.perf_counter()
        spent.begin()

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            took_s = time.perf_counter() - began
            self._metrics.answered(environ.get(ROUTE, NO_ROUTE), int(status[:3]), took_s, spent.db_s)
            return start_response(status, [*headers, ("Server-Timing", server_timing(took_s))], exc_info)

        return self._app(environ, start)


def server_timing(took_s: float) -> str:
    """The value of the header: milliseconds by kind, and whether tiles were kept."""
    parts: list[str] = []
    if spent.found or spent.made:
        parts.append("cache;desc=miss" if spent.made else "cache;desc=hit")
    if spent.db_s:
        parts.append(f"db;dur={spent.db_s * 1e3:.2f}")
    if spent.made:
        parts.append(f"make;dur={spent.make_s * 1e3:.2f}")
    return ", ".join([*parts, f"total;dur={took_s * 1e3:.2f}"])
