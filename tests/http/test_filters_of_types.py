"""Filters over tables of somebody else's, whose columns have types that no file has."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from support.cluster import Database
from support.http import fids, get
from support.odd import as_superuser, sources_app

TABLES = """
CREATE SCHEMA types;
GRANT USAGE ON SCHEMA types TO isthmus_reader;
CREATE TABLE types.lists (
    id integer PRIMARY KEY, zoned timestamptz[], local timestamp[], days date[], texts jsonb, seen timestamp
);
INSERT INTO types.lists VALUES
    (1, '{2024-05-01 12:00Z, 2024-05-01 12:00:00.5Z}', '{2024-05-01 12:00}', '{2024-05-01}',
     '["2024-05-01T12:00:00Z", "2024-05-01T12:00:00.500Z"]', '2024-05-01 12:00'),
    (2, '{2024-05-02 12:00+02}', '{2024-05-02 10:00:00.25}', '{2024-05-02, 2024-05-01}',
     '["2024-05-02T10:00:00.000+00:00"]', '2024-05-02 10:00'),
    (3, '{}', NULL, '{NULL}', '[]', NULL);
GRANT SELECT ON ALL TABLES IN SCHEMA types TO isthmus_reader;
"""


@pytest.fixture(scope="module")
def typed(module_database: Database) -> Iterator[FlaskClient]:
    """A client of the API over these tables."""
    with as_superuser(module_database) as connection:
        connection.execute(TABLES)
        connection.commit()
    with sources_app(module_database, "types") as app:
        yield app.test_client()


def found(client: FlaskClient, collection: str, text: str) -> list[int]:
    """The ids of what a filter finds."""
    return fids(get(client, f"/collections/{collection}/items?{urlencode({'filter': text})}"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A_CONTAINS(zoned, (TIMESTAMP('2024-05-01T12:00:00Z')))", [1]),
        ("A_CONTAINS(zoned, (TIMESTAMP('2024-05-01T12:00:00.500Z')))", [1]),
        ("A_EQUALS(zoned, (TIMESTAMP('2024-05-02T10:00:00Z')))", [2]),
        ("A_OVERLAPS(zoned, (TIMESTAMP('2024-05-01T12:00:00Z'), TIMESTAMP('2024-05-02T10:00:00Z')))", [1, 2]),
        ("A_CONTAINEDBY(zoned, (TIMESTAMP('2024-05-02T10:00:00Z')))", [2, 3]),
        ("A_CONTAINS(local, (TIMESTAMP('2024-05-01T12:00:00Z')))", [1]),
        ("A_CONTAINS(local, (TIMESTAMP('2024-05-02T10:00:00.25Z')))", [2]),
        ("NOT A_CONTAINS(local, (TIMESTAMP('2024-05-01T12:00:00Z')))", [2]),
        ("A_CONTAINS(texts, (TIMESTAMP('2024-05-01T12:00:00.5Z')))", [1]),
        ("A_CONTAINS(texts, (TIMESTAMP('2024-05-02T10:00:00Z')))", [2]),
        ("A_CONTAINS(zoned, (seen))", [1, 2]),
        ("A_CONTAINS(texts, (seen))", [1, 2]),
        ("A_CONTAINS(days, (DATE('2024-05-01')))", [1, 2]),
        ("A_CONTAINS(days, (DATE('2024-05-01'), TIMESTAMP('2024-05-01T00:00:00Z')))", []),
    ],
)
def test_times_in_lists_are_compared_as_times(typed: FlaskClient, text: str, expected: list[int]):
    assert found(typed, "lists", text) == expected
