"""A client of the API, and what tests read from its answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database
from core.settings import Settings

HERE = "http://localhost"
"""Where Flask's test client stands."""


@contextmanager
def api_client(settings: Settings) -> Iterator[FlaskClient]:
    """A client of the API as it is with some settings, for as long as the block."""
    database = Database(settings)
    yield create_app(settings, database).test_client()
    database.close()


def get(client: FlaskClient, url: str) -> dict[str, Any]:
    """The JSON of an answer that must be a 200."""
    response = client.get(url)
    assert response.status_code == 200, response.text
    return json.loads(response.data)


def arrays_without_items(found: object, place: str = "") -> list[str]:
    """The places of schemas of arrays that do not say of what."""
    if isinstance(found, list):
        return [one for number, part in enumerate(found) for one in arrays_without_items(part, f"{place}/{number}")]
    if not isinstance(found, dict):
        return []
    is_array = "array" in (found.get("type"), *(found["type"] if isinstance(found.get("type"), list) else ()))
    lacks = [place] if is_array and "items" not in found else []
    return lacks + [one for name, part in found.items() for one in arrays_without_items(part, f"{place}/{name}")]


def fids(page: dict[str, Any]) -> list[int]:
    """The ids of a page of features."""
    return [feature["id"] for feature in page["features"]]


def link(document: dict[str, Any], rel: str) -> str | None:
    """The path and query of the first link of a relation, or None."""
    found = [link["href"] for link in document["links"] if link["rel"] == rel]
    return found[0].removeprefix(HERE) if found else None


def walk(client: FlaskClient, path: str | None, rel: str) -> Iterator[dict[str, Any]]:
    """The pages along the links of a relation."""
    while path is not None:
        page = get(client, path)
        yield page
        path = link(page, rel)
