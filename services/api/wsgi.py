"""What the server calls in each worker."""

from __future__ import annotations

import ctypes
import signal

from flask import Flask

from api.app import create_app
from api.counters import Counters, shared_folder
from api.logs import configure_logging
from core.db import Database
from core.settings import load_settings

PR_SET_PDEATHSIG = 1


def make_app() -> Flask:
    """The application of one worker, with its own pool of connections."""
    end_with_parent()
    settings = load_settings()
    configure_logging(settings.log_level)
    return create_app(settings, Database(settings), Counters(shared_folder()))


def end_with_parent() -> None:
    """Have Linux end this worker when its parent ends, also by SIGKILL: one left behind would keep the port."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
