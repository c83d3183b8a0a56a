"""What gunicorn calls in each worker."""

from __future__ import annotations

from flask import Flask

from api.app import create_app
from api.logs import configure_logging
from core.db import Database
from core.settings import load_settings


def make_app() -> Flask:
    """The application of one worker, with its own pool of connections."""
    settings = load_settings()
    configure_logging(settings.log_level)
    return create_app(settings, Database(settings))
