"""The log as JSON lines."""

from __future__ import annotations

import json
import logging
import sys

from api.server.json_logs import JsonLine


def record(message: str, *args: object, exc_info: object = None) -> logging.LogRecord:
    """A record as the logging module makes it."""
    return logging.LogRecord("isthmus.api", logging.INFO, __file__, 1, message, args, exc_info)  # type: ignore[arg-type]


def test_message_is_one_line_of_json_whatever_it_holds():
    line = JsonLine().format(record("%s said\n%s", "京都", 'a "quote"'))
    assert "\n" not in line
    members = json.loads(line)
    assert (members["level"], members["logger"]) == ("info", "isthmus.api")
    assert members["message"] == '京都 said\na "quote"'
    assert members["time"].endswith("+00:00")


def test_traceback_stays_inside_the_line():
    try:
        int("broken")
    except ValueError:
        line = JsonLine().format(record("failed", exc_info=sys.exc_info()))
    assert "\n" not in line
    assert "ValueError: invalid literal" in json.loads(line)["traceback"]
