"""WSGI layer that says and counts what each answer took: `Server-Timing` (W3C) and the metrics."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from api.http.request import ROUTE
from api.http.response import server_timing
from api.monitoring.metrics import Metrics
from core.database.connections import spent

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

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
