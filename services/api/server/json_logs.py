"""The log as JSON lines on standard error, one line a message, so that a program can read it."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from gunicorn.config import Config
from gunicorn.glogging import Logger


class JsonLine(logging.Formatter):
    """A message as one line of JSON, with the traceback inside it when there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        members = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            members["traceback"] = self.formatException(record.exc_info)
        return json.dumps(members, ensure_ascii=False)


def configure_logging(level: str) -> None:
    """Send everything from a level on to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLine())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class JsonLogger(Logger):
    """Gunicorn's messages, sent the way of ours."""

    def setup(self, cfg: Config) -> None:
        """Once in the master, and again at each HUP."""
        super().setup(cfg)
        configure_logging(cfg.loglevel)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True
