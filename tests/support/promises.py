"""What every answer of the API promises, whatever was sent."""

from __future__ import annotations

import json
import re

from werkzeug.test import TestResponse

BASE = "http://localhost"

LEAKS = re.compile(
    rb'Traceback|psycopg|\.py\b|werkzeug|LINE 1|geom_3857|isthmus\.[a-z]|\bdata\."|SELECT t\.|relation "'
)
"""Words of our own that no request of these tests contains, so an answer has them only from the inside."""


def is_complete(response: TestResponse) -> None:
    """Assert that an error tells all that a problem document promises, or the page that browsers get of it."""
    if response.content_type == "text/html; charset=utf-8":
        told = re.findall(r"<p class=\"crumbs\">(\d+) · <a href=\"(\S+)\?f=html\">([a-z0-9-]+)</a>", response.text)
        assert [(status, code) for status, _, code in told] == [(str(response.status_code), told[0][2])]
        assert told[0][1].endswith(f"/problems/{told[0][2]}")
        assert response.headers["X-Request-Id"] in response.text
        return
    assert response.content_type == "application/problem+json"
    problem = json.loads(response.data)
    assert {"type", "title", "status", "code", "detail", "request_id"} <= problem.keys()
    assert all(problem[member] for member in ("type", "title", "status", "code", "detail", "request_id"))
    assert problem["status"] == response.status_code
    assert problem["type"].startswith("http")
    assert problem["type"].endswith(f"/problems/{problem['code']}")
    assert problem["request_id"] == response.headers["X-Request-Id"]
    assert re.fullmatch(r"[a-z0-9-]+", problem["code"])
