"""What the server calls in each worker."""

from __future__ import annotations

import atexit

from flask import Flask, Response
from gunicorn.http.errors import ParseException

from api.app import answer_error, create_app
from api.monitoring.metrics import Metrics
from api.server.json_logs import configure_logging
from core.database.connections import Database
from core.errors import BadParameter
from core.settings import load_settings


def make_app() -> Flask:
    """The application of one worker, with its own pool of connections."""
    settings = load_settings()
    configure_logging(settings.log_level)
    database = Database(settings)
    atexit.register(database.close)  # else the end of this process waits for threads of the pool
    app = create_app(settings, database, Metrics(shared=True))
    app.register_error_handler(ParseException, answer_unreadable)
    return app


def answer_unreadable(error: ParseException) -> Response:
    """A body that gunicorn's own worker cannot take apart, such as chunks without their sizes."""
    return answer_error(BadParameter(f"the body cannot be read: {error}", parameter="body"))
