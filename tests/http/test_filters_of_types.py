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
CREATE TABLE types.numbers (
    id integer PRIMARY KEY, single real, double float8, exact numeric, whole bigint, price money
);
INSERT INTO types.numbers VALUES
    (1, 0.1, 0.1, 0.1, 0, 0.1), (2, 1.5, 1.5, 1.5, 1, 1.5),
    (3, 2, 9007199254740992, 9007199254740993, 9007199254740993, 2),
    (4, 'NaN', 'NaN', 'NaN', 4, NULL), (5, 'Infinity', 'Infinity', 'Infinity', 5, 5), (6, NULL, 0.1, 0.2, NULL, 0.2);
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("single = double", [1, 2, 4, 5]),
        ("single = exact", [1, 2, 4, 5]),
        ("double = exact", [1, 2, 4, 5]),
        ("double < exact", [3, 6]),
        ("double < whole", [3]),
        ("whole = exact", [3]),
        ("single <> double", [3]),
        ("double IN (single, exact)", [1, 2, 4, 5]),
        ("NOT double IN (single, exact)", [3]),
        ("exact BETWEEN single AND double", [1, 2, 4, 5]),
        ("price = single", [1, 2, 3]),
        ("price = exact", [1, 2, 6]),
        ("single = 0.1 AND double = 0.1 AND exact = 0.1 AND price = 0.1", [1]),
        ("single = single", [1, 2, 3, 4, 5]),
    ],
)
def test_numbers_of_two_columns_are_compared_as_they_are_shown(typed: FlaskClient, text: str, expected: list[int]):
    assert found(typed, "numbers", text) == expected
