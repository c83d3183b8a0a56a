"""What is told of requests: the id of each, what its response took, and what the API counts for Prometheus."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from core.database.connections import spent

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ROUTE, NO_ROUTE = "isthmus.route", "other"
"""Where in the environment of a request its route is noted, as Flask writes it; and what those without one have."""

BUILD_BUCKETS_S = (0.005, 0.02, 0.1, 0.5, 1.0, 5.0)
"""Upper bounds of the classes of a tile's making."""


class Metrics:
    """The counters by what they mean. Safe for threads; one of them costs 2 µs where workers share them."""

    def __init__(self, *, shared: bool = False) -> None:
        """`shared`: by the workers of a server, in the folder that PROMETHEUS_MULTIPROC_DIR names, as the library has
        it; else this process counts for itself.
        """
        disable_created_metrics()  # times at which counters began, in lines of their own
        self._registry = CollectorRegistry()
        self._read = self._registry
        if shared:
            self._read = CollectorRegistry()
            MultiProcessCollector(self._read)
        counter = self._counter
        self._requests = counter("requests", "Answers by route and status.", "route", "status")
        self._seconds = counter("request_seconds", "Seconds until answers began, by route.", "route")
        self._db_seconds = counter(
            "database_seconds", "Of these, seconds that requests waited for the database.", "route"
        )
        self._hits = counter("tile_hits", "Tiles that were kept, by zoom.", "zoom")
        self._misses = counter("tile_misses", "Tiles that had to be made, by zoom.", "zoom")
        self._bytes = counter("tile_bytes", "Compressed bytes of the tiles that were asked for, by zoom.", "zoom")
        name, meaning = "isthmus_tile_build_seconds", "What the making of a tile took."
        self._builds = Histogram(name, meaning, buckets=BUILD_BUCKETS_S, registry=self._registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"isthmus_{name}_total", meaning, labels, registry=self._registry)

    def answered(self, route: str, status: int, took_s: float, db_s: float) -> None:
        """A request was answered."""
        self._requests.labels(route, status).inc()
        self._seconds.labels(route).inc(took_s)
        if db_s:
            self._db_seconds.labels(route).inc(db_s)

    def tile(self, zoom: int, size: int, made_s: float | None) -> None:
        """A tile was asked for. `made_s`: what its making took; None: it was kept."""
        self._bytes.labels(zoom).inc(size)
        (self._hits if made_s is None else self._misses).labels(zoom).inc()
        if made_s is not None:
            self._builds.observe(made_s)

    def text(self) -> str:
        """All that was counted, in the exposition format 0.0.4."""
        return generate_latest(self._read).decode()


class Timing:
    """WSGI layer that says and counts what each response took until it began: an export goes on after that."""

    def __init__(self, app: WSGIApplication, metrics: Metrics) -> None:
        """`app` responds."""
        self._app = app
        self._metrics = metrics

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to a request."""
        began = time.perf_counter()
        spent.begin()

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            took_s = time.perf_counter() - began
            self._metrics.answered(environ.get(ROUTE, NO_ROUTE), int(status[:3]), took_s, spent.db_s)
            return start_response(status, [*headers, ("Server-Timing", server_timing(took_s))], exc_info)

        return self._app(environ, start)


def server_timing(took_s: float) -> str:
    """The value of `Server-Timing` (W3C): milliseconds by kind, and whether tiles were cached."""
    parts: list[str] = []
    if spent.found or spent.made:
        parts.append("cache;desc=miss" if spent.made else "cache;desc=hit")
    if spent.db_s:
        parts.append(f"db;dur={spent.db_s * 1e3:.2f}")
    if spent.made:
        parts.append(f"make;dur={spent.make_s * 1e3:.2f}")
    return ", ".join([*parts, f"total;dur={took_s * 1e3:.2f}"])


def new_request_id() -> str:
    """An id for a request, which its response and the log carry."""
    return os.urandom(6).hex()
