"""No peer but a yardstick: what somebody writes first, a route of Flask with a pool of psycopg, on a server for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.peers.asks import Dialect, Feature
from bench.peers.data import Access
from bench.peers.floor import statement_for
from bench.peers.servers import Server, environment_of, http, running
from bench.peers.venvs import pinned, venv
from support.cluster import ROOT
from support.server import free_port


@contextmanager
def flask_route(access: Access, folder: Path) -> Iterator[Server]:
    """`bench.plain_app` under gunicorn with gevent, one worker."""
    port, dialect = free_port(), Dialect(items=None, tile=None, params={})
    statement, _ = statement_for(Feature("points", 0))
    settings = {
        "PYTHONPATH": str(ROOT / "tests"),
        "PLAIN_DB": access.libpq,
        "PLAIN_SQL": statement.as_string().replace("%(id)s", "%(fid)s"),
    }
    server = http("Flask route", pinned("flask", "Flask"), dialect, f"http://127.0.0.1:{port}", access.processes())
    gunicorn = [str(venv("flask") / "bin/gunicorn"), "--worker-class", "gevent", "--bind", f"127.0.0.1:{port}"]
    with running(server, [*gunicorn, "bench.plain_app:app"], environment_of(folder, **settings), "/live") as started:
        yield started
