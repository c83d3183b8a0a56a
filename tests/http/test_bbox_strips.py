"""Pages of a box over tables of somebody else's: every feature once, in one list, by few rows each."""

from __future__ import annotations

import csv
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient

from api.params.conditions import in_mercator
from core.bbox import BBox
from support.cluster import Cluster, Database
from support.http import get, link, walk
from support.odd import as_superuser, database_with, sources_app, wait_for

TABLES = """
CREATE SCHEMA theirs;
SELECT setseed(0.5);

CREATE TABLE theirs.places (id integer PRIMARY KEY, name text, geom geometry(Point, 4326) NOT NULL);
INSERT INTO theirs.places
SELECT n, 'n' || n, ST_SetSRID(CASE n % 4
    WHEN 0 THEN ST_Point(random() * 40, random() * 40)
    WHEN 1 THEN ST_Point(10 + random() * random() * 0.1, 20 + random() * random() * 0.1)
    WHEN 2 THEN ST_Point(round(random() * 16) * 2.5, round(random() * 16) * 2.5)
    ELSE ST_Point(17.25, 3.5) END, 4326)
FROM generate_series(1, 6000) AS n ORDER BY random();
INSERT INTO theirs.places VALUES (6001, 'a', 'SRID=4326;POINT(-170 -80)'), (6002, 'z', 'SRID=4326;POINT(170 80)');
CREATE INDEX ON theirs.places USING gist (geom);
CREATE TABLE theirs.without_index AS TABLE theirs.places;
ALTER TABLE theirs.without_index ADD PRIMARY KEY (id), ALTER geom SET NOT NULL;
CREATE TABLE theirs.not_filled AS SELECT id, repeat(name, 50) AS name, geom FROM theirs.places;
ALTER TABLE theirs.not_filled ADD PRIMARY KEY (id);
CREATE INDEX ON theirs.not_filled USING gist (geom);

CREATE TABLE theirs.areas (code text, number integer, band text, west integer, geom geometry(Polygon, 4326) NOT NULL,
    PRIMARY KEY (code, number));
INSERT INTO theirs.areas
SELECT 'c~' || n % 7, n, 'b', n, ST_SetSRID(ST_Envelope(ST_Expand(ST_Point(random() * 40, random() * 40),
    CASE WHEN n % 50 = 0 THEN 15 ELSE 0.3 END * random())), 4326)
FROM generate_series(1, 4000) AS n;
INSERT INTO theirs.areas
SELECT 'far', n, 'b', n, ST_MakeEnvelope(n, n / 2, n + 1, n / 2 + 1, 4326) FROM unnest(ARRAY[-170, 160]) AS n;
CREATE INDEX ON theirs.areas USING gist (geom);

CREATE TABLE theirs.paths (id uuid PRIMARY KEY, geom geometry NOT NULL);
INSERT INTO theirs.paths
SELECT md5(n::text)::uuid, ST_SetSRID(ST_MakeLine(ST_Point(x, y), ST_Point(x + random(), y - random())), 3857)
FROM (SELECT n, random() * 4e6 AS x, random() * 4e6 AS y FROM generate_series(1, 3000) AS n) AS starts;
INSERT INTO theirs.paths
SELECT md5(x::text)::uuid, ST_SetSRID(ST_MakeLine(ST_Point(x, x), ST_Point(x, x + 9)), 3857)
FROM unnest(ARRAY[-1.9e7, 1.9e7]) AS x;
CREATE INDEX ON theirs.paths USING spgist (geom);

CREATE TABLE theirs.parts (number integer, part integer, name text, geom geometry(Point, 4326) NOT NULL,
    PRIMARY KEY (number, part)) PARTITION BY LIST (part);
CREATE TABLE theirs.parts_0 PARTITION OF theirs.parts FOR VALUES IN (0);
CREATE TABLE theirs.parts_others PARTITION OF theirs.parts DEFAULT PARTITION BY RANGE (number);
CREATE TABLE theirs.parts_low PARTITION OF theirs.parts_others FOR VALUES FROM (0) TO (3000);
CREATE TABLE theirs.parts_high PARTITION OF theirs.parts_others DEFAULT;
CREATE INDEX ON theirs.parts USING gist (geom);
INSERT INTO theirs.parts SELECT id, id % 3, name, geom FROM theirs.places;

CREATE TABLE theirs.keyless AS SELECT id AS number, name, geom FROM theirs.places;
ALTER TABLE theirs.keyless ALTER geom SET NOT NULL;
CREATE INDEX ON theirs.keyless USING gist (geom);
CREATE TABLE theirs.keyless_parts (number integer, geom geometry(Point, 4326) NOT NULL) PARTITION BY RANGE (number);
CREATE TABLE theirs.keyless_low PARTITION OF theirs.keyless_parts FOR VALUES FROM (0) TO (3000);
CREATE TABLE theirs.keyless_high PARTITION OF theirs.keyless_parts DEFAULT;
CREATE INDEX ON theirs.keyless_parts USING gist (geom);
INSERT INTO theirs.keyless_parts SELECT id, geom FROM theirs.places;
CREATE TABLE theirs.holes AS
SELECT id, repeat('long ', 40) || name AS name, CASE WHEN id % 40 <> 0 THEN geom END AS geom FROM theirs.places;
ALTER TABLE theirs.holes ADD PRIMARY KEY (id), ALTER geom TYPE geometry(Point, 4326);
CREATE INDEX ON theirs.holes USING gist (geom);
CREATE TABLE theirs.grid (id integer PRIMARY KEY, name text, geom geometry(Point, 28992) NOT NULL);
INSERT INTO theirs.grid
SELECT id, name, ST_Transform(ST_Translate(ST_Scale(geom, 0.025, 0.025), 5, 51.5), 28992)
FROM theirs.places WHERE id <= 6000;
INSERT INTO theirs.grid
SELECT 6000 + n, 'a', ST_Transform(ST_SetSRID(ST_Point(2 + 1.3 * n, 49.5 + n), 4326), 28992)
FROM unnest(ARRAY[1, 4]) AS n;
CREATE INDEX ON theirs.grid USING gist (geom);
CREATE TABLE theirs.grid_areas (id bigint PRIMARY KEY, west integer, geom geometry(Polygon, 3035) NOT NULL);
INSERT INTO theirs.grid_areas SELECT number, west, ST_Transform(geom, 3035) FROM theirs.areas WHERE code <> 'far';
INSERT INTO theirs.grid_areas
SELECT 9000 + n, n, ST_Transform(ST_MakeEnvelope(n, n, n + 1, n + 1, 4326), 3035) FROM unnest(ARRAY[-60, 75]) AS n;
CREATE INDEX ON theirs.grid_areas USING gist (geom);
CREATE TABLE theirs.degrees (id integer PRIMARY KEY, name text, geom geometry(Point, 4258) NOT NULL);
INSERT INTO theirs.degrees SELECT id, name, ST_SetSRID(geom, 4258) FROM theirs.places;
CREATE INDEX ON theirs.degrees USING gist (geom);

GRANT USAGE ON SCHEMA theirs TO isthmus_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA theirs TO isthmus_reader;
ANALYZE;
"""

MERCATOR = "http://www.opengis.net/def/crs/EPSG/0/3857"

SRIDS = {"paths": 3857, "grid": 28992, "grid_areas": 3035, "degrees": 4258}
"""Tables whose numbers are no degrees of WGS 84."""

BOXES = [
    ("places", "bbox=0,0,40,40", 40),
    ("places", "bbox=5,2.5,37.5,32.5", 100),
    ("places", "bbox=9,19,11,21", 50),
    ("places", "bbox=17.25,3.5,17.26,3.6", 70),
    ("places", "bbox=-180,-90,180,90&bbox-crs=http://www.opengis.net/def/crs/OGC/1.3/CRS84", 1000),
    ("places", "bbox=-170,-80,12,21", 300),
    ("without_index", "bbox=0,0,30,30", 100),
    ("holes", "bbox=0,0,40,40", 100),
    ("holes", "bbox=0,0,40,40", 60),
    ("holes", "bbox=9,19,11,21", 50),
    ("holes", "bbox=9,19,9.1,19.1", 50),
    ("holes", "bbox=0,0,40,40&filter=id > 1500", 90),
    ("holes", "bbox=0,0,40,40&filter=id < 1500", 40),
    ("keyless", "bbox=0,0,40,40", 100),
    ("keyless", "bbox=9,19,11,21", 50),
    ("keyless", "bbox=0,0,40,40&filter=name > 'n3'", 90),
    ("keyless_parts", "bbox=0,0,40,40", 100),
    ("parts", "bbox=0,0,40,40", 100),
    ("parts", "bbox=9,19,11,21", 50),
    ("areas", "bbox=10,10,30,30", 13),
    ("areas", "bbox=0,0,40,40", 500),
    ("paths", f"bbox=500000,500000,3000000,3900000&bbox-crs={MERCATOR}", 60),
    ("paths", "bbox=10.25,10,30,30.5", 60),
    ("areas", "bbox=0,0,40,40&filter=west > 1000", 100),
    ("areas", "bbox=0,0,40,40&filter=west > 3800", 50),
    ("areas", "bbox=-180,-90,180,90&filter=west > 900&filter-lang=cql2-text", 100),
    ("places", "bbox=0,0,40,40&filter=name > 'n3'", 90),
    ("grid", "bbox=5,51.5,6,52.5", 100),
    ("grid", "bbox=5.125,51.5625,5.9375,52.3125", 40),
    ("grid", "bbox=5.225,51.975,5.275,52.025", 50),
    ("grid", "bbox=3,50,8,54", 700),
    ("grid", "bbox=5,51.5,6,52.5&filter=name > 'n3'", 90),
    ("grid_areas", "bbox=0,0,40,40", 300),
    ("grid_areas", "bbox=10,10,30,30", 13),
    ("grid_areas", "bbox=0,0,40,40&filter=west > 3000", 60),
    ("degrees", "bbox=0,0,40,40", 500),
    ("degrees", "bbox=9,19,11,21", 50),
    ("places", "filter=S_INTERSECTS(geom, POLYGON((5 5,35 8,30 35,5 5)))", 100),
    ("places", "filter=S_INTERSECTS(geom, BBOX(10, 10, 40, 40)) AND name > 'n3'", 90),
    ("areas", "filter=S_WITHIN(geom, POLYGON((5 5,35 8,30 35,5 5))) AND west > 500", 20),
    ("holes", "filter=S_INTERSECTS(geom, POLYGON((5 5,35 8,30 35,5 5)))", 60),
    ("keyless", "filter=number > 50 AND S_INTERSECTS(geom, BBOX(10, 10, 40, 40))", 100),
    ("grid", "filter=S_INTERSECTS(geom, POLYGON((5.1 51.6,5.9 51.7,5.5 52.4,5.1 51.6)))", 100),
    ("paths", "filter=S_INTERSECTS(geom, POLYGON((5 5,35 8,30 35,5 5)))", 60),
    ("places", "bbox=0,0,40,40&filter=id > 1500 AND S_INTERSECTS(geom, BBOX(10, 10, 40, 40))", 200),
]
"""Collection, query and a limit. A filter may be read by PostgreSQL as it is."""


@pytest.fixture(scope="module")
def theirs(cluster: Cluster) -> Iterator[Database]:
    """A database with tables of a user's."""
    with database_with(cluster, TABLES) as database:
        yield database


@pytest.fixture
def sql(theirs: Database) -> Iterator[psycopg.Connection]:
    """A user's connection, each statement a transaction."""
    with as_superuser(theirs) as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture(scope="module")
def client(theirs: Database) -> Iterator[FlaskClient]:
    """A client of the API that serves them, once their data were looked at."""
    with sources_app(theirs, "theirs") as app:
        client = app.test_client()
        for name in ("places", "without_index", "areas", "parts", "keyless", "keyless_parts", "holes", *SRIDS):
            wait_for(lambda name=name: get(client, f"/collections/{name}"), lambda found: "extent" in found)
        yield client


Pages = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def pages_of(client: FlaskClient) -> Pages:
    """All pages from an address on, of tables that no test has changed yet. Each is walked once."""
    return cache(lambda url: list(walk(client, url, "next")))


def ids(page: dict[str, Any]) -> list[Any]:
    """The ids of a page, in order; numbers where there are none."""
    return [feature["id"] if "id" in feature else feature["properties"]["number"] for feature in page["features"]]


def walked(client: FlaskClient, url: str, rel: str = "next") -> list[list[Any]]:
    """The ids of every page."""
    return [ids(page) for page in walk(client, url, rel)]


def matches(sql: psycopg.Connection, name: str, query: str) -> set[Any]:
    """The ids of all that PostGIS finds in a box."""
    box = query.split("&")[0].removeprefix("bbox=") if query.startswith("bbox=") else ""
    ids = {"areas": "replace(code, '~', '%7E') || '~' || number", "parts": "number || '~' || part", "paths": "id::text"}
    ids |= {"keyless": "number", "keyless_parts": "number"}
    id = ids.get(name, "id")
    box = f"ST_MakeEnvelope({box}, {3857 if MERCATOR in query else 4326})"
    box = f"ST_Transform(ST_Segmentize({box}, 0.01), {SRIDS[name]})" if name in SRIDS and MERCATOR not in query else box
    area = "ST_MakeEnvelope(10, 10, 40, 40, 4326)"
    condition = query.partition("filter=")[2].partition("&")[0] or "true"
    condition = condition.replace("S_INTERSECTS", "ST_Intersects").replace("BBOX(10, 10, 40, 40)", area)
    shape = f"ST_Transform(ST_Segmentize('SRID=4326;\\1'::geometry, 0.01), {SRIDS.get(name, 4326)})"
    condition = re.sub(r"(POLYGON\(\(.*?\)\))", shape, condition.replace("S_WITHIN", "ST_Within"))
    in_box = f"(ST_Intersects(geom, {box}) OR geom IS NULL)" if query.startswith("bbox=") else "true"
    text = f"SELECT {id} FROM theirs.{name} WHERE {in_box} AND {condition}"
    return {id for (id,) in sql.execute(text)}  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "query", "limit"), BOXES)
def test_a_walk_meets_every_match_once_and_goes_back_the_same_way(
    client: FlaskClient, pages_of: Pages, sql: psycopg.Connection, name: str, query: str, limit: int
):
    expected = matches(sql, name, query)
    limit = max(limit, len(expected) // 25)
    walked_pages = pages_of(f"/collections/{name}/items?{query}&limit={limit}")
    pages = [ids(page) for page in walked_pages]
    met = [id for page in pages for id in page]
    assert len(met) == len(set(met))
    assert set(met) == expected
    assert walked(client, link(walked_pages[-1], "prev"), "prev")[::-1] == pages[:-1]  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "query", "limit"), BOXES)
def test_every_limit_and_offset_is_a_part_of_one_list(
    client: FlaskClient, pages_of: Pages, sql: psycopg.Connection, name: str, query: str, limit: int
):
    limit = max(limit, len(matches(sql, name, query)) // 25)
    url = f"/collections/{name}/items?{query}"
    whole = [id for page in pages_of(f"{url}&limit={limit}") for id in ids(page)]
    assert ids(get(client, f"{url}&limit=10000")) == whole
    for offset in (1, limit, len(whole) // 2, len(whole) - 1, len(whole)):
        page = get(client, f"{url}&limit={limit}&offset={offset}")
        assert ids(page) == whole[offset : offset + limit]
    after = get(client, f"{url}&limit=5&offset={len(whole) // 2}")
    assert ids(get(client, str(link(after, "next"))))[:5] == whole[len(whole) // 2 + 5 :][:5]
    rows = csv.DictReader(client.get(f"{url}&limit=9&offset=20&f=csv").text.splitlines())
    assert [row.get("id", row.get("number")) for row in rows] == [str(id) for id in whole[20:29]]


NEIGHBOURS = [
    ("grid", "5,51.5,6,52.5"),
    ("degrees", "0,0,40,40"),
    ("keyless", "0,0,40,40"),
    ("keyless_parts", "0,0,40,40"),
]


@pytest.mark.parametrize(("name", "box"), NEIGHBOURS)
def test_pages_in_other_systems_and_without_a_key_are_of_neighbours_too(client: FlaskClient, name: str, box: str):
    """Of nearly those that the same box in degrees has first: the bands of a grid are not quite parallel to these."""
    found, expected = (
        ids(get(client, f"/collections/{at}/items?bbox={there}&limit=200"))
        for at, there in ((name, box), ("places", "0,0,40,40"))
    )
    assert found != sorted(found)
    assert len(set(found) & set(expected)) > 100


@pytest.mark.parametrize(
    "box", ["100,0,101,1", "170,50,-170,52", "5.2,52,5.2,52.5", "-180,-90,180,90", "7.5,53.9,7.6,54"]
)
@pytest.mark.parametrize("more", ["", "&offset=1", "&f=csv&offset=1", "&filter=id > 7"])
def test_a_box_without_an_image_in_a_grid_has_an_answer(client: FlaskClient, box: str, more: str):
    assert client.get(f"/collections/grid/items?bbox={box}{more}").status_code == 200


def test_a_shape_has_the_bands_of_the_box_around_it(client: FlaskClient):
    shape = "filter=S_INTERSECTS(geom, POLYGON((0 0,40 0,40 40,0 40,0 0)))"
    for name in ("places", "parts", "keyless"):
        found, expected = (
            walked(client, f"/collections/{name}/items?{query}&limit=500") for query in (shape, "bbox=0,0,40,40")
        )
        assert found == expected
        assert found[0] != sorted(found[0])


def test_a_shape_may_be_in_the_tables_own_system(client: FlaskClient):
    crs, numbers = "http://www.opengis.net/def/crs/EPSG/0/28992", "110000,380000,170000,450000"
    shape = f"filter=S_INTERSECTS(geom, BBOX({numbers}))&filter-crs={crs}"
    found, expected = (
        walked(client, f"/collections/grid/items?{query}&limit=500")
        for query in (shape, f"bbox={numbers}&bbox-crs={crs}")
    )
    assert found == expected
    assert len(found) > 2
    assert found[0] != sorted(found[0])


@pytest.mark.parametrize(
    "shape",
    [
        "BBOX(170, 0, -170, 40)",
        "POINT(17.25 3.5)",
        "POLYGON((-179 -89,179 -89,0 89,-179 -89))",
        "LINESTRING(0 3.5,40 3.5)",
    ],
)
@pytest.mark.parametrize("name", ["places", "grid"])
def test_shapes_without_bands_have_an_answer(client: FlaskClient, name: str, shape: str):
    page = get(client, f"/collections/{name}/items?limit=300&filter=S_INTERSECTS(geom, {shape})")
    assert ids(page) == sorted(ids(page))


def test_a_table_of_partitions_goes_by_bands(client: FlaskClient):
    own = [id.partition("~")[0] for id in ids(get(client, "/collections/parts/items?bbox=0,0,40,40&limit=20"))]
    assert own == [str(id) for id in order_of(client, "places")]


def test_rows_that_are_written_again_are_met_once(client: FlaskClient, sql: psycopg.Connection):
    url: str | None = "/collections/places/items?bbox=0,0,40,40&limit=500"
    met: list[int] = []
    while url is not None:
        page = get(client, url)
        met += ids(page)
        sql.execute("UPDATE theirs.places SET name = name || '!' WHERE id % 3 = 0")
        url = link(page, "next")
    assert sorted(met) == list(range(1, 6001))


def test_a_walk_goes_on_as_it_began_when_a_feature_without_place_appears(client: FlaskClient, sql: psycopg.Connection):
    wait_for(lambda: order_of(client, "not_filled"), lambda found: found == order_of(client, "places"))
    url = "/collections/not_filled/items?bbox=0,0,40,40&limit=3000"
    first = get(client, url)
    sql.execute("INSERT INTO theirs.not_filled VALUES (0, 'nowhere', NULL)")
    sql.execute("SELECT pg_stat_force_next_flush()")
    wait_for(lambda: 0 in ids(get(client, "/collections/not_filled/items?bbox=50,0,51,1")), bool, 40)
    rest = walked(client, str(link(first, "next")))
    assert sorted(ids(first) + [id for page in rest for id in page]) == list(range(6001))
    assert rest[-1][-1] == 0, "behind all others"


def order_of(client: FlaskClient, name: str) -> list[int]:
    """The first ids of a collection in a box."""
    return ids(get(client, f"/collections/{name}/items?bbox=0,0,40,40&limit=20"))


def test_boxes_in_web_mercator_are_those_of_postgis(sql: psycopg.Connection):
    for west, south, east, north in [(-180, -85, 180, 85), (10.1, -0.3, 24.9, 60.2), (-179.9999999, 1e-9, 0, 84.7)]:
        text = "SELECT ST_Transform(ST_SetSRID(ST_MakeBox2D(ST_Point(%s, %s), ST_Point(%s, %s)), 4326), 3857)"
        corners = f"SELECT ST_XMin(g), ST_YMin(g), ST_XMax(g), ST_YMax(g) FROM ({text}) AS box (g)"
        [found] = sql.execute(corners, (west, south, east, north))  # type: ignore[arg-type]
        box = in_mercator(BBox(west, south, east, north))
        assert (box.west, box.south, box.east, box.north) == found


WITHOUT_BANDS = ["170,0,20,40", "10,20,10,21", "17.25,3.5,17.25,3.5", "-180,-90,180,90", "-170,-80,0,80&filter=id > 9"]


@pytest.mark.parametrize("box", WITHOUT_BANDS)
def test_boxes_without_bands_go_by_the_key(client: FlaskClient, box: str):
    url = "/collections/places/items?limit=300&bbox="
    in_bands = walked(client, f"{url}0,0,40,40")
    met = [id for page in walked(client, f"{url}{box}") for id in page]
    assert met == sorted(set(met))
    assert walked(client, f"{url}0,0,40,40") == in_bands
    assert in_bands[0] != sorted(in_bands[0])


FORGED = [
    ["x", "1", 1],
    [1, "x", 1],
    [1, "NaN", 1],
    [1, "1e999", 1],
    [1, 1, 1],
    [1, "1", "x"],
    [1, "1"],
    [1, "1", 1, 1],
    [True, "1", 1],
    [2**63, "1", 1],
]


@pytest.mark.parametrize("key", FORGED)
def test_a_forged_place_is_refused(client: FlaskClient, key: list[Any]):
    assert client.get(with_key(client, key)).status_code == 400


@pytest.mark.parametrize("key", [[-5, "1", 1], [2**31, "1", 1], [99, "1", 1], [3, "-1e300", 1], [3, "1e300", 1]])
@pytest.mark.parametrize("direction", ["next", "prev"])
def test_a_place_where_nothing_is_has_an_answer(client: FlaskClient, key: list[Any], direction: str):
    assert client.get(with_key(client, key, direction)).status_code in (200, 400)


def with_key(client: FlaskClient, key: list[Any], direction: str = "next") -> str:
    """The address of a page whose cursor has another key."""
    first = get(client, "/collections/places/items?bbox=0,0,40,40&limit=10")
    before, cursor = str(link(first, "next")).split("cursor=")
    parts = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    parts[3:5] = [direction, key]
    return f"{before}cursor={urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip('=')}"


def test_the_number_of_matches_is_told_as_exactly_as_it_was_asked_for(client: FlaskClient):
    url = "/collections/places/items?bbox=0,0,30,30&limit=10"
    modes = ("auto", "exact", "estimated", "none")
    auto, exact, estimated, none = (get(client, f"{url}&count={mode}").items() for mode in modes)
    number = dict(exact)["numberMatched"]
    assert number > 100
    assert {name for name, _ in estimated if name.startswith("numberMatched")} == {"numberMatchedEstimate"}
    assert not [name for name, _ in none if name.startswith("numberMatched")]
    assert ("numberMatched", number) in auto or "numberMatchedEstimate" in dict(auto)
    few = get(client, "/collections/areas/items?bbox=20,20,22,22&limit=10")
    assert few["numberMatched"] > 10
