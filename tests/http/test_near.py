"""The features nearest to a place, against all of them measured one by one."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, LiteralString
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from psycopg import sql

from api.app import create_app
from api.query.near import box_around, bulge
from core.bbox import BBox
from core.database.connections import Database as Pool
from support.cluster import Cluster, Database
from support.http import api_client, get, link
from support.publish import publish

POINTS = """
SELECT n AS fid, n % 7 AS kind, n AS distance,
  CASE WHEN n % 97 > 0 THEN ST_Point(
    CASE WHEN n % 3 = 0 THEN 179 + n * 7919 % 2000 / 1000.0 - CASE WHEN n * 7919 % 2000 > 1000 THEN 360 ELSE 0 END
      ELSE n * 7919 % 36000 / 100.0 - 180 END, n * 104729 % 18000 / 100.0 - 90) END AS geom
FROM generate_series(1, 4000) AS n UNION ALL
SELECT 5000 + n, 1, n, ST_Point(25, 60) FROM generate_series(1, 30) AS n
"""
LINES = """
SELECT n AS fid,
  ST_MakeLine(ST_Point(x, y), ST_Point(GREATEST(LEAST(x + (n * 37 % 200 - 100) ^ 3 / 1e4, 180), -180), y2))
  AS geom
FROM (SELECT n, n * 7919 % 36000 / 100.0 - 180 AS x, n * 104729 % 16000 / 100.0 - 80 AS y,
  n * 104729 % 16000 / 100.0 - 80 + n % 5 AS y2 FROM generate_series(1, 800) AS n) AS s
"""
FIELDS = """
SELECT n AS fid, ST_Transform(ST_MakeEnvelope(20 + n % 50 * 0.2, 60 + n / 50 * 0.5, 20.1 + n % 50 * 0.2,
  60.2 + n / 50 * 0.5, 4326), 3067) AS geom
FROM generate_series(1, 900) AS n
"""
PLACES = [(25.0, 60.0), (179.99, 10.0), (-180.0, -45.0), (0.0, 90.0), (12.0, -90.0), (100.0, 89.9), (0.0, 0.0)]
TABLES = {"points": "points_1", "lines": "lines_2", "fields": "fields_3"}
OWN: tuple[tuple[str, str, LiteralString], ...] = (
    ("own_points", "points", "geometry"),
    ("own_lines", "lines", "geometry"),
    ("own_globe", "points", "geography"),
)


@pytest.fixture(scope="module")
def places(cluster: Cluster) -> Iterator[Database]:
    """Points around the world and on one spot, lines up to a hundred degrees wide, areas in a grid; tables as well."""
    database = cluster.clone()
    publish(database, "points", POINTS, columns={"kind": "integer", "distance": "integer"})
    publish(database, "lines", LINES, columns={}, geometry_type="LineString")
    publish(database, "fields", FIELDS, columns={}, srid=3067, geometry_type="Polygon")
    publish(database, "plain", "SELECT 1 AS fid, 2 AS a", columns={"a": "integer"}, srid=None, geometry_type=None)
    with database.connect() as connection:
        connection.execute("CREATE SCHEMA own; GRANT USAGE ON SCHEMA own TO isthmus_reader")
        for name, table, kind in OWN:
            text = sql.SQL(
                "CREATE TABLE own.{name} AS SELECT fid AS id, geom::{kind} FROM {table};"
                " ALTER TABLE own.{name} ADD PRIMARY KEY (id); CREATE INDEX ON own.{name} USING gist (geom);"
                " GRANT SELECT ON own.{name} TO isthmus_reader"
            )
            own = sql.Identifier("data", TABLES[table])
            connection.execute(text.format(name=sql.Identifier(name), kind=sql.SQL(kind), table=own))
        connection.commit()
    yield database
    cluster.drop(database)


@pytest.fixture(scope="module")
def app_client(places: Database) -> Iterator[FlaskClient]:
    pool = Pool(places.reader)
    yield create_app(places.reader, pool).test_client()
    pool.close()


def near(client: FlaskClient, id: str, place: tuple[float, float], **args: str) -> dict[str, Any]:
    """A page of the nearest ones."""
    asked = {"near": f"{place[0]},{place[1]}", **{name.replace("_", "-"): value for name, value in args.items()}}
    return get(client, f"/collections/{id}/items?{urlencode(asked)}")


def found(answer: dict[str, Any], name: str = "distance") -> list[tuple[int, float]]:
    """Ids and distances."""
    return [(feature["id"], feature["properties"][name]) for feature in answer["features"]]


def measured(
    database: Database, table: str, place: tuple[float, float], key: str = "fid", where: LiteralString = "true"
) -> list[tuple[int, float]]:
    """All ids with their distances, as PostGIS measures them, in the order of pages."""
    with database.connect() as connection:
        text = sql.SQL(
            "SELECT {key}, ST_Distance(ST_Transform(geom::geometry, 4326)::geography, ST_Point(%s, %s)::geography) AS d"
            " FROM {table} WHERE geom IS NOT NULL AND {where} ORDER BY d, {key}"
        )
        parts = sql.Identifier(key), sql.Identifier(*table.split(".")), sql.SQL(where)
        rows = connection.execute(text.format(key=parts[0], table=parts[1], where=parts[2]), place)
        return [(row[0], row[1]) for row in rows]


def spots(number: int) -> list[tuple[float, float]]:
    """Places where it may go wrong, and some anywhere."""
    chance = random.Random(5)
    return PLACES + [(round(chance.uniform(-180, 180), 5), round(chance.uniform(-90, 90), 5)) for _ in range(number)]


@pytest.mark.parametrize(("id", "name"), [("points", "_distance"), ("lines", "distance"), ("fields", "distance")])
def test_the_nearest_are_those_of_all(app_client: FlaskClient, places: Database, id: str, name: str):
    for place in spots(25):
        assert found(near(app_client, id, place, k="12"), name) == measured(places, f"data.{TABLES[id]}", place)[:12]


@pytest.mark.parametrize("id", [name for name, _, _ in OWN])
def test_those_of_ones_own_tables_too(places: Database, id: str):
    with api_client(replace(places.reader, schemas="own")) as client:
        for place in spots(8):
            expected = measured(places, f"own.{id}", place, "id")[:12]
            answer = found(near(client, id, place, k="12"))
            assert [number for number, _ in answer] == [number for number, _ in expected], place


def test_a_walk_goes_on_where_it_was_and_back(app_client: FlaskClient, places: Database):
    place = (25.0, 60.1)
    expected = measured(places, "data.points_1", place)
    answer = near(app_client, "points", place, k="17")
    walked = found(answer, "_distance")
    for _ in range(4):
        before, answer = answer, get(app_client, link(answer, "next"))
        walked += found(answer, "_distance")
        assert found(get(app_client, link(answer, "prev")), "_distance") == found(before, "_distance")
    assert walked == expected[: 17 * 5]
    assert near(app_client, "points", place)["numberMatched"] == len(expected)
    assert len(near(app_client, "points", place)["features"]) == 10
    assert found(near(app_client, "points", place, k="5", offset="31"), "_distance") == expected[31:36]


def test_every_filter_is_one_of_the_nearest_too(app_client: FlaskClient, places: Database):
    place = (-179.5, 12.0)
    for args, condition in (
        ({"filter": "kind = 3"}, "kind = 3"),
        (
            {"kind": "2", "bbox": "170,-30,-170,40"},
            "kind = 2 AND abs(ST_X(geom)) >= 170 AND ST_Y(geom) BETWEEN -30 AND 40",
        ),
        ({"max_distance": "300000"}, "ST_DWithin(geom::geography, ST_Point(-179.5, 12)::geography, 300000)"),
        ({"ids": "7,8,9"}, "fid IN (7, 8, 9)"),
        ({"filter": "kind = 99"}, "false"),
    ):
        answer = near(app_client, "points", place, k="20", **args)
        expected = measured(places, "data.points_1", place, where=condition)
        assert found(answer, "_distance") == expected[:20], args
        assert answer["numberMatched"] == len(expected), args
        hits = near(app_client, "points", place, resultType="hits", **args)
        assert (hits["numberMatched"], hits["features"]) == (len(expected), [])


def test_other_formats_have_the_distance(app_client: FlaskClient):
    page = app_client.get("/collections/lines/items?near=24,60&k=2&f=html").text
    assert "<th>distance</th>" in page
    answer = near(app_client, "lines", (24, 60), k="1", f="jsonfg", crs="EPSG:3857", properties="")
    assert list(answer["features"][0]["properties"]) == ["distance"]
    assert answer["features"][0]["place"]
    posted = app_client.post("/collections/lines/search", json={"near": [24, 60], "k": 2}).json
    assert found(posted) == found(near(app_client, "lines", (24, 60), k="2"))
    following = next(one for one in posted["links"] if one["rel"] == "next")
    assert len(app_client.post("/collections/lines/search", json=following["body"]).json["features"]) == 2


@pytest.mark.parametrize(
    ("id", "query", "parameter"),
    [
        ("points", "near=24", "near"),
        ("points", "near=181,2", "near"),
        ("points", "near=a,b", "near"),
        ("points", "near=2,3&k=0", "k"),
        ("points", "near=2,3&k=1001", "k"),
        ("points", "near=2,3&k=3&limit=4", "limit"),
        ("points", "near=2,3&sortby=kind", "sortby"),
        ("points", "near=2,3&max-distance=-1", "max-distance"),
        ("points", "near=2,3&max-distance=far", "max-distance"),
        ("points", "near=2,3&f=csv", "near"),
    ],
)
def test_a_mistake_is_a_400(app_client: FlaskClient, id: str, query: str, parameter: str):
    response = app_client.get(f"/collections/{id}/items?{query}")
    problem = json.loads(response.data)
    assert (response.status_code, problem["parameter"]) == (400, parameter), problem
    assert problem["hint"]


def test_a_table_has_nothing_near(app_client: FlaskClient):
    assert len(get(app_client, "/collections/plain/items?near=1,2&k=3")["features"]) == 1


def test_a_cursor_is_bound_to_its_place(app_client: FlaskClient):
    following = link(near(app_client, "points", (1, 2)), "next")
    assert following
    assert app_client.get(following.replace("near=1%2C2", "near=1%2C3")).status_code == 400


def test_dwithin_is_the_distance(app_client: FlaskClient, places: Database):
    for id, shape, metres in (
        ("points", "POINT(179.9 10)", 400_000),
        ("points", "LINESTRING(-60 70, 20 70)", 90_000),
        ("lines", "POLYGON((10 50, 40 50, 40 60, 10 50))", 50_000),
        ("fields", "POINT(25 62)", 30_000),
        ("points", "POINT(0 -90)", 200_000),
        ("points", "POINT(3 3)", -1),
    ):
        numbers = [
            get(app_client, f"/collections/{id}/items?{urlencode({'filter': filter, 'limit': '1000'})}")[
                "numberMatched"
            ]
            for filter in (f"dwithin(geometry, {shape}, {metres})", f"distance(geometry, {shape}) <= {metres}")
        ]
        assert numbers[0] == numbers[1]
        assert (numbers[0] > 0) == (metres > 0)
    names = {function["name"] for function in get(app_client, "/functions")["functions"]}
    assert {"distance", "dwithin"} <= names


def test_boxes_hold_what_is_near():
    assert box_around(BBox(179, 0, 179, 0), 200_000).west > 0 > box_around(BBox(179, 0, 179, 0), 200_000).east
    assert box_around(BBox(5, 89, 5, 89), 200_000).as_list()[::2] == [-180, 180]
    assert box_around(BBox(5, 0, 5, 0), 15_000_000) == BBox(-180, -90, 180, 90)
    assert bulge(0) == 0
    assert 0.05 < bulge(10) < 0.2
