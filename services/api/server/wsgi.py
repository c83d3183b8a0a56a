"""What the server calls in each worker."""

from __future__ import annotations

import ctypes
import signal

from flask import Flask

from api.app import create_app
from api.monitoring.in_flight import Attended
from api.monitoring.shared_counters import Counters, shared_folder
from api.server.cpu_pinning import Home
from api.server.disconnect_watch import Watch
from api.server.json_logs import configure_logging
from core.db import Database
from core.settings import load_settings

PR_SET_PDEATHSIG = 1


def make_app() -> Flask:
    """The application of one worker, with its own pool of connections, for any server."""
    return make()[0]


def make() -> tuple[Flask, Database]:
    """The application and its database."""
    end_with_parent()
    settings = load_settings()
    configure_logging(settings.log_level)
    if settings.pin_workers == "on":
        Home(settings.workers).start()
    database = Database(settings)
    return create_app(settings, database, Counters(shared_folder())), database


def make_watched_app() -> Flask:
    """The same for Granian, which closes a connection as soon as its client does: whose client left is given up."""
    app, database = make()
    watch = Watch(database)
    app.wsgi_app = Attended(app.wsgi_app, watch.comes)  # type: ignore[method-assign]
    watch.start()
    return app


def end_with_parent() -> None:
    """Have Linux end this worker when its parent ends, also by SIGKILL: one left behind would keep the port."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
