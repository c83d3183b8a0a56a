"""The parameter `datetime` on features that last: a start and an end, either of them open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from support.cluster import Cluster
from support.ogc import ids, items
from support.publish import publish

STAYS = """
SELECT fid, from_day::date AS from_day, to_time::timestamptz AS to_time FROM (VALUES
    (1, '2024-01-01', '2024-01-31 12:00Z'),
    (2, '2024-02-01', '2024-02-28 12:00Z'),
    (3, '2024-02-15', NULL),
    (4, NULL, '2024-01-15 12:00Z'),
    (5, NULL, NULL),
    (6, '2024-02-20', 'infinity')
) AS stays (fid, from_day, to_time)
"""


@pytest.fixture(scope="module")
def client(cluster: Cluster) -> Iterator[FlaskClient]:
    """A client of an API with features that last."""
    database = cluster.clone()
    columns = {"from_day": "date", "to_time": "datetime"}
    publish(
        database,
        "stays",
        STAYS,
        columns=columns,
        srid=None,
        geometry_type=None,
        temporal_column="from_day",
        temporal_end_column="to_time",
    )
    pool = Pool(database.reader)
    yield create_app(database.reader, pool).test_client()
    pool.close()
    cluster.drop(database)


@pytest.mark.parametrize(
    ("datetime", "expected"),
    [
        ("2024-01-10", [1, 4, 5]),
        ("2024-01-15T12:00:00Z", [1, 4, 5]),
        ("2024-01-15T12:00:01Z", [1, 5]),
        ("2024-01-31T23:59:59Z", [5]),
        ("2024-01-01T18:00:00Z", [1, 4, 5]),
        ("2024-01-20/2024-02-10", [1, 2, 5]),
        ("2024-02-15", [2, 3, 5]),
        ("2030-01-01", [3, 5, 6]),
        ("1900-01-01", [4, 5]),
        ("2024-02-16/..", [2, 3, 5, 6]),
        ("../2024-01-01", [1, 4, 5]),
        ("2023-01-01/2025-01-01", [1, 2, 3, 4, 5, 6]),
    ],
)
def test_datetime_meets_features_that_last(client: FlaskClient, datetime: str, expected: list[int]) -> None:
    """/req/core/fc-time-response: the interval of the feature and that of the parameter intersect."""
    assert ids(items(client, "stays", datetime=datetime)) == expected


def test_times_before_our_era_are_an_open_end(cluster: Cluster):
    database = cluster.clone()
    select = "SELECT 1 AS fid, timestamptz '0044-03-15 12:00 BC' AS seen, ST_Point(12.5, 41.9) AS geom"
    publish(database, "ides", select, columns={"seen": "datetime"}, temporal_column="seen")
    pool = Pool(database.reader)
    client = create_app(database.reader, pool).test_client()
    assert client.get("/collections/ides").status_code == 200
    assert client.get("/collections/ides/items").json["numberReturned"] == 1
    pool.close()
    cluster.drop(database)
