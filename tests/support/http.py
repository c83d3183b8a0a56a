"""What tests of the API read from its answers."""

from __future__ import annotations

import json
from typing import Any

from flask.testing import FlaskClient

HERE = "http://localhost"
"""Where Flask's test client stands."""


def get(client: FlaskClient, url: str) -> dict[str, Any]:
    """The JSON of an answer that must be a 200."""
    response = client.get(url)
    assert response.status_code == 200, response.text
    return json.loads(response.data)


def fids(page: dict[str, Any]) -> list[int]:
    """The ids of a page of features."""
    return [feature["id"] for feature in page["features"]]


def link(document: dict[str, Any], rel: str) -> str | None:
    """The path and query of the first link of a relation, or None."""
    found = [link["href"] for link in document["links"] if link["rel"] == rel]
    return found[0].removeprefix(HERE) if found else None
