"""Aggregates: every answer against what PostgreSQL says of the same rows."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from api.aggregates.breaks import natural_breaks
from api.app import create_app
from core.database.connections import Database as Pool
from support.cluster import Cluster, Database
from support.http import api_client, get, link
from support.publish import publish

SHOPS = """
SELECT n AS fid, CASE WHEN n % 11 > 0 THEN 'kind ' || n % 5 END AS kind,
  n * 37 % 1000 AS size,
  CASE WHEN n % 50 = 0 THEN 'NaN' WHEN n % 7 > 0 THEN n * 0.37 % 91 END::float8 AS ratio,
  n % 3 = 0 AS open,
  timestamptz '2020-01-01Z' + n * interval '7 hours 13 minutes' AS seen,
  date '2019-12-30' + n % 400 AS built, n AS count,
  CASE WHEN n % 97 > 0 THEN ST_Point(n * 7919 % 36000 / 100.0 - 180, n * 104729 % 16000 / 100.0 - 80) END AS geom
FROM generate_series(1, 3000) AS n
"""
COLUMNS = {
    **{"kind": "string", "size": "integer", "ratio": "number", "open": "boolean", "seen": "datetime", "built": "date"},
    "count": "integer",
}
FIELDS = """
SELECT n AS fid, n % 4 AS crop,
  ST_Transform(ST_MakeEnvelope(24 + n * 0.01, 60, 24.02 + n * 0.01, 60.01, 4326), 3067) AS geom
FROM generate_series(1, 100) AS n
"""


@pytest.fixture(scope="module")
def shops(cluster: Cluster) -> Iterator[Database]:
    """Points around the world, fields in a grid, and a table."""
    database = cluster.clone()
    publish(database, "shops", SHOPS, columns=COLUMNS, temporal_column="seen")
    publish(database, "fields", FIELDS, columns={"crop": "integer"}, srid=3067, geometry_type="Polygon")
    publish(
        database, "plain", "SELECT 1 AS fid, 2 AS amount", columns={"amount": "integer"}, srid=None, geometry_type=None
    )
    with database.connect() as connection:
        connection.execute("CREATE SCHEMA own; GRANT USAGE ON SCHEMA own TO isthmus_reader")
        connection.execute(
            "CREATE TABLE own.towns AS SELECT n AS id, n % 3 AS kind, gen_random_uuid() AS code,"
            " ST_SetSRID(ST_Point(n % 360 - 180, n % 170 - 85), 4326) AS geom FROM generate_series(1, 500) AS n"
        )
        connection.execute("ALTER TABLE own.towns ADD PRIMARY KEY (id); GRANT SELECT ON own.towns TO isthmus_reader")
        connection.commit()
    yield database
    cluster.drop(database)


@pytest.fixture(scope="module")
def app_client(shops: Database) -> Iterator[FlaskClient]:
    pool = Pool(shops.reader)
    yield create_app(shops.reader, pool).test_client()
    pool.close()


def table(client: FlaskClient, id: str = "shops", **args: str) -> dict[str, Any]:
    """The answer in JSON."""
    return get(client, f"/collections/{id}/aggregate?{urlencode({k.replace('_', '-'): v for k, v in args.items()})}")


def rows(answer: dict[str, Any]) -> list[list[Any]]:
    """The values of the groups."""
    return [list(group.values()) for group in answer["groups"]]


def told(shops: Database, statement: str) -> list[list[Any]]:
    """What PostgreSQL says, as JSON."""
    with shops.connect() as connection:
        found = connection.execute(f"SELECT row_to_json(r) FROM ({statement}) AS r").fetchall()  # noqa: S608
    return [list(row.values()) for (row,) in found]


def test_without_groups_everything_is_one(app_client: FlaskClient):
    answer = table(app_client)
    assert answer["groups"] == [{"count": 3000}]
    assert (answer["numberMatched"], answer["groupsMatched"], answer["groupsReturned"]) == (3000, 1, 1)
    assert answer["columns"] == [{"name": "count", "type": "integer"}]
    assert "other" not in answer


FINITE = "CASE WHEN abs(ratio) < 'Infinity' THEN ratio END"
ALL = "count(),count(ratio),distinct(kind),sum(size),sum(ratio),avg(size),stddev(ratio),min(seen),max(built)"
ALL += ",median(size),p90(ratio),p5(seen)"
ALL_SQL = f"""count(*), count({FINITE}) AS b, count(DISTINCT kind) AS c, sum(size) AS d, sum({FINITE}) AS e,
  avg(size)::float8 AS f, stddev_samp({FINITE}) AS g, min(seen) AS h, max(built) AS i,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY size) AS j, percentile_cont(0.9) WITHIN GROUP (ORDER BY {FINITE}) AS k,
  percentile_disc(0.05) WITHIN GROUP (ORDER BY seen) AS l"""
FILTERS = {
    "": "true",
    "filter=size < 300": "size < 300",
    "filter=kind = 'kind 1' AND size > 200": "kind = 'kind 1' AND size > 200",
    "open=true": "open",
    "datetime=2020-06-01/..": "seen >= '2020-06-01Z'",
    "bbox=170,-60,-170,60": "(geom IS NULL OR abs(ST_X(geom)) >= 170 AND abs(ST_Y(geom)) <= 60)",
    "filter=size > 5000": "false",
}
GROUPINGS = {
    "kind": "kind",
    "open,kind": "open, kind",
    "seen:month": "date_trunc('month', seen AT TIME ZONE 'UTC')::date",
    "seen:hour": "date_trunc('hour', seen AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'",
    "built:quarter": "date_trunc('quarter', built::timestamp)::date",
    "built:week,open": "date_trunc('week', built::timestamp)::date, open",
    "count": "count",
}


@pytest.mark.parametrize("condition", FILTERS)
@pytest.mark.parametrize("grouping", GROUPINGS)
def test_groups_are_those_of_postgresql(app_client: FlaskClient, shops: Database, condition: str, grouping: str):
    given = dict([condition.split("=", 1)]) if condition else {}
    answer = table(app_client, group_by=grouping, agg=ALL, limit="10000", **given)
    keys = GROUPINGS[grouping]
    named = ", ".join(f"{key} AS k{number}" for number, key in enumerate(split_keys(keys)))
    places = ",".join(str(number + 1) for number in range(len(split_keys(keys))))
    statement = f"SELECT {named}, {ALL_SQL} FROM data.shops_1 AS t WHERE {FILTERS[condition]}"  # noqa: S608
    statement += f" GROUP BY {places} ORDER BY {places}"
    expected = told(shops, statement)
    assert_same(rows(answer), expected)
    assert answer["numberMatched"] == sum(row[len(split_keys(keys))] for row in expected)
    assert answer["groupsMatched"] == len(expected)


def split_keys(keys: str) -> list[str]:
    """Expressions with commas between them, outside of parentheses."""
    found, depth, start = [], 0, 0
    for place, letter in enumerate(keys):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            found.append(keys[start:place])
            start = place + 1
    return [*found, keys[start:]]


def assert_same(found: list[list[Any]], expected: list[list[Any]]) -> None:
    """That rows are the same; doubles to 12 digits, as sums come in any order."""
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        for one, other in zip(mine, theirs, strict=True):
            is_near = (
                isinstance(one, float) and isinstance(other, int | float) and math.isclose(one, other, rel_tol=1e-9)
            )
            assert one == other or is_near, (mine, theirs)


def test_a_name_that_is_taken_gets_an_underscore(app_client: FlaskClient):
    assert [column["name"] for column in table(app_client, group_by="count")["columns"]] == ["count", "count_"]


def test_groups_are_chosen_sorted_and_paged(app_client: FlaskClient, shops: Database):
    answer = table(app_client, group_by="size", having="count > 2 AND size >= 10", sortby="-count,size", limit="7")
    every = told(
        shops,
        "SELECT size, count(*) AS n FROM data.shops_1 GROUP BY 1 HAVING count(*) > 2 AND size >= 10 ORDER BY 2 DESC, 1",
    )
    assert rows(answer) == every[:7]
    assert answer["other"] == {"groups": len(every) - 7, "features": sum(count for _, count in every[7:])}
    assert answer["numberMatched"] == 3000
    walked, following = rows(answer), link(answer, "next")
    while following:
        page = get(app_client, following)
        walked += rows(page)
        following = link(page, "next")
    assert walked == every


def test_having_that_no_group_meets_leaves_none(app_client: FlaskClient):
    answer = table(app_client, group_by="kind", having="count > 100000", filter="open = true")
    assert (answer["groups"], answer["numberMatched"], answer["groupsMatched"]) == ([], 1000, 0)


@pytest.mark.parametrize("classes", ["hist(10)", "quantile(4)", "jenks(5)", "hist(1)"])
@pytest.mark.parametrize("name", ["size", "ratio", "seen", "built"])
def test_classes_hold_every_value_once(app_client: FlaskClient, shops: Database, name: str, classes: str):
    answer = table(app_client, group_by=f"{name}:{classes}", agg=f"count(),min({name}),max({name})", open="true")
    finite = FINITE if name == "ratio" else name
    [[known, missing]] = told(
        shops, f"SELECT count({finite}) AS a, count(*) - count({finite}) AS b FROM data.shops_1 WHERE open"
    )  # noqa: S608
    full = [group for group in answer["groups"] if group[f"{name}_from"] is not None]
    assert sum(group["count"] for group in full) == known
    assert sum(group["count"] for group in answer["groups"]) == known + missing
    assert 1 <= len(full) <= int("".join(filter(str.isdigit, classes)))
    for group, following in itertools.zip_longest(full, full[1:]):
        start, end, _, least, most = map(moment, group.values())
        assert start <= least <= most <= end
        assert following is None or most < end or least == most
    if classes.startswith("quantile") and name == "size":
        counts = [group["count"] for group in full]
        assert max(counts) - min(counts) < 20


def moment(value: Any) -> Any:
    """A value that compares: days and times as times."""
    if not isinstance(value, str):
        return value
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def test_natural_breaks_part_what_lies_apart():
    assert natural_breaks([1, 2, 3, 50, 51, 52, 900, 901], 3) == [50, 900]
    assert natural_breaks([1, 2], 5) == [2]
    assert natural_breaks([4], 3) == []


@pytest.mark.parametrize("cell", ["square:0", "square:3", "square:9", "geohash:1", "geohash:4"])
def test_cells_hold_what_a_request_for_their_box_counts(app_client: FlaskClient, cell: str):
    answer = get(
        app_client, f"/collections/shops/aggregate?f=geojson&cell={cell}&filter=size<500&sortby=-count&limit=10000"
    )
    counts = Counter[str]()
    for feature in answer["features"]:
        counts[feature.get("id", "")] = feature["properties"]["count"]
        assert feature["properties"]["cell"] == feature.get("id")
    features = get(app_client, "/collections/shops/items?limit=10000&filter=size<500")["features"]
    assert sum(counts.values()) == len(features)
    boxes = {feature.get("id"): box(feature) for feature in answer["features"]}
    for feature in features[:300]:
        if feature["geometry"] is None:
            assert boxes[None] is None
        else:
            x, y = feature["geometry"]["coordinates"]
            holds = [
                id for id, sides in boxes.items() if sides and sides[0] <= x <= sides[2] and sides[1] <= y <= sides[3]
            ]
            assert 1 <= len(holds) <= 4, (x, y)
    largest = next(feature for feature in answer["features"] if feature["geometry"])
    sides = ",".join(map(str, box(largest)))
    matched = get(app_client, f"/collections/shops/items?bbox={sides}&filter=size<500&resultType=hits")["numberMatched"]
    assert matched >= largest["properties"]["count"]


def box(feature: dict[str, Any]) -> tuple[float, float, float, float] | None:
    """The sides of a cell."""
    if feature["geometry"] is None:
        return None
    [ring] = feature["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    return min(x for x, _ in ring), min(y for _, y in ring), max(x for x, _ in ring), max(y for _, y in ring)


def test_shapes_are_where_their_centroids_are(app_client: FlaskClient):
    answer = table(app_client, "fields", group_by="crop", cell="square:8", agg="count(),extent(),centroid()")
    assert sum(group["count"] for group in answer["groups"]) == 100
    for group in answer["groups"]:
        west, south, east, north = group["extent"]
        x, y = group["centroid"]
        assert 24 < west < x < east < 25.1
        assert 59.9 < south < y < north < 60.1
    geojson = get(app_client, "/collections/fields/aggregate?f=geojson&group-by=crop&agg=centroid()")
    assert {feature["geometry"]["type"] for feature in geojson["features"]} == {"Point"}
    geojson = get(app_client, "/collections/fields/aggregate?f=geojson&agg=extent()")
    assert [feature["geometry"]["type"] for feature in geojson["features"]] == ["Polygon"]
    assert geojson["features"][0]["properties"] == {}


def test_csv_is_the_table(app_client: FlaskClient):
    response = app_client.get("/collections/shops/aggregate?f=csv&group-by=kind,open&agg=count(),avg(size),extent()")
    assert response.content_type == "text/csv; charset=utf-8"
    read = list(csv.DictReader(io.StringIO(response.text)))
    answer = table(app_client, group_by="kind,open", agg="count(),avg(size),extent()")
    assert [int(row["count"]) for row in read] == [group["count"] for group in answer["groups"]]
    assert [float(row["avg_size"]) for row in read] == [group["avg_size"] for group in answer["groups"]]
    assert {row["open"] for row in read} == {"true", "false"}
    assert json.loads(read[0]["extent"]) == answer["groups"][0]["extent"]
    assert "" in {row["kind"] for row in read}


def test_a_body_asks_for_the_same(app_client: FlaskClient):
    asked = {
        "group-by": ["kind"],
        "agg": ["count()", "sum(size)"],
        "filter": {"op": "<", "args": [{"property": "size"}, 300]},
    }
    answer = app_client.post("/collections/shops/aggregate", json=asked)
    assert answer.status_code == 200, answer.text
    assert (
        answer.json["groups"]
        == table(app_client, group_by="kind", agg="count(),sum(size)", filter="size < 300")["groups"]
    )
    form = app_client.post("/collections/shops/aggregate", data={"group-by": "kind", "having": "count > 560"})
    assert len(form.json["groups"]) < 6
    assert app_client.post("/collections/nothing/aggregate", json={}).status_code == 404


def test_tables_of_ones_own_have_aggregates(shops: Database):
    with api_client(replace(shops.reader, schemas="own")) as client:
        answer = table(client, "towns", group_by="kind", agg="count(),distinct(code),min(code)")
        assert [group["count"] for group in answer["groups"]] == [166, 167, 167]
        assert all(group["distinct_code"] == group["count"] for group in answer["groups"])
        assert len(table(client, "towns", group_by="code")["groups"]) == 500
        cells = table(client, "towns", cell="square:2")
        assert sum(group["count"] for group in cells["groups"]) == 500


MISTAKES = {
    "group-by=knid": ("group-by", "kind"),
    "group-by=kind:year": ("group-by", "no time"),
    "group-by=seen:yaer": ("group-by", "year"),
    "group-by=built:hour": ("group-by", "day"),
    "group-by=kind,kind": ("group-by", "once"),
    "group-by=size:hist(0)": ("group-by", "hist(n)"),
    "group-by=size:hist(101)": ("group-by", "hist(n)"),
    "group-by=size:jenks(99)": ("group-by", "jenks(n)"),
    "group-by=kind:hist(3)": ("group-by", "numbers and times"),
    "group-by=size:pie(3)": ("group-by", "hist(n)"),
    "agg=sum(kind)": ("agg", "known"),
    "agg=sum()": ("agg", "size"),
    "agg=summ(size)": ("agg", "sum"),
    "agg=p0(size)": ("agg", "p1"),
    "agg=p100(size)": ("agg", "p99"),
    "agg=": ("agg", "count()"),
    "agg=count": ("agg", "count()"),
    "agg=min(open)": ("agg", "known"),
    "cell=square": ("cell", "24"),
    "cell=square:25": ("cell", "24"),
    "cell=geohash:0": ("cell", "12"),
    "cell=hexagon:3": ("cell", "square"),
    "having=total > 3": ("having", "count"),
    "having=count >": ("having", "count"),
    "sortby=size": ("sortby", "count"),
    "limit=0": ("limit", "10000"),
    "limit=10001": ("limit", "10000"),
    "offset=-1": ("offset", "whole"),
    "filter=nmae = 1": ("filter", "queryables"),
    "groupby=kind": ("groupby", "group-by"),
    "f=xml": ("f", "json"),
    "crs=EPSG:3857": ("crs", "known"),
}


@pytest.mark.parametrize("query", MISTAKES)
def test_a_mistake_is_a_400_that_says_what_to_do(app_client: FlaskClient, query: str):
    parameter, hint = MISTAKES[query]
    response = app_client.get(f"/collections/shops/aggregate?{query}")
    problem = json.loads(response.data)
    assert (response.status_code, problem["parameter"]) == (400, parameter), problem
    assert hint in problem["hint"], problem


def test_a_table_has_no_places(app_client: FlaskClient):
    for query in ("cell=square:3", "agg=extent()", "agg=centroid()"):
        assert app_client.get(f"/collections/plain/aggregate?{query}").status_code == 400
    assert table(app_client, "plain", agg="sum(amount)")["groups"] == [{"sum_amount": 2}]


def test_what_costs_too_much_is_refused_with_what_would_help(shops: Database):
    with api_client(replace(shops.reader, aggregate_cost=50)) as client:
        response = client.get("/collections/shops/aggregate?group-by=kind&agg=p50(size)")
        problem = json.loads(response.data)
        assert (response.status_code, problem["code"]) == (422, "too-expensive")
        assert "bbox" in problem["hint"]
        assert client.get("/collections/shops/facets").status_code == 200


def test_a_copy_that_is_right_is_not_sent_again(app_client: FlaskClient):
    url = "/collections/shops/aggregate?group-by=kind"
    tag = app_client.get(url).headers["ETag"]
    assert app_client.get(url, headers={"If-None-Match": tag}).status_code == 304
    assert app_client.get(f"{url}&agg=sum(size)", headers={"If-None-Match": tag}).status_code == 200


def test_years_are_in_utc(app_client: FlaskClient):
    [first, *_] = table(app_client, group_by="seen:day")["groups"]
    start = datetime(2020, 1, 1, tzinfo=UTC)
    day = [n for n in range(1, 10) if (start + n * timedelta(hours=7, minutes=13)).day == 1]
    assert first == {"seen_day": "2020-01-01", "count": len(day)}


def test_the_collection_links_to_them(app_client: FlaskClient):
    found = [one["href"] for one in get(app_client, "/collections/shops")["links"] if one["rel"] == "related"]
    assert [href.rpartition("/")[2] for href in found] == ["aggregate", "facets"]


def test_sums_that_no_double_holds_are_the_clients_to_change(shops: Database):
    huge = "SELECT * FROM (VALUES (1, 1.7e308::float8), (2, 1.7e308), (3, -1.7e308), (4, -1.7e308)) AS v (fid, ratio)"
    publish(shops, "huge", huge, columns={"ratio": "number"}, srid=None, geometry_type=None)
    with api_client(shops.reader) as client:
        for query in ("agg=sum(ratio)", "agg=avg(ratio)", "agg=stddev(ratio)"):
            assert client.get(f"/collections/huge/aggregate?{query}").status_code in (200, 400), query
        for classes in ("hist(5)", "quantile(2)", "jenks(3)"):
            assert client.get(f"/collections/huge/aggregate?group-by=ratio:{classes}").status_code == 200, classes
        assert client.get("/collections/huge/facets").status_code == 200
