"""Sources that change while they are served: seen within seconds, by every client, without a restart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, NoReturn

import psycopg
import pytest
from flask.testing import FlaskClient

from api.catalog.live import LiveCatalog
from api.catalog.survey.watch import LiveSources
from api.query.items import WHOLE_TILE
from api.tiles.layers import Layer
from core.catalog.collections import Catalog
from core.errors import BadValue, QueryTooSlow
from support.cluster import Cluster, Database
from support.http import get, link
from support.odd import as_superuser, sources_app, wait_for
from support.publish import publish

SECONDS = 8.0


@pytest.fixture
def changing(cluster: Cluster) -> Iterator[Database]:
    """A database with a schema of a user's own."""
    database = cluster.clone()
    with as_superuser(database) as connection:
        connection.execute("CREATE SCHEMA live")
        connection.execute("GRANT USAGE ON SCHEMA live TO isthmus_reader")
        connection.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA live GRANT SELECT ON TABLES TO isthmus_reader")
        connection.execute("CREATE TABLE live.wells (id integer PRIMARY KEY, name text, geom geometry(Point, 4326))")
        connection.execute("INSERT INTO live.wells SELECT n, 'n' || n, NULL FROM generate_series(1, 30) AS n")
    yield database
    cluster.drop(database)


@pytest.fixture
def sql(changing: Database) -> Iterator[psycopg.Connection]:
    """A user's connection, each statement a transaction."""
    with as_superuser(changing) as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def client(changing: Database) -> Iterator[FlaskClient]:
    """A client of the API that serves it."""
    with sources_app(changing, "live") as app:
        client = app.test_client()
        get(client, "/collections/wells")
        yield client


def status(client: FlaskClient, url: str) -> int:
    """The status of an answer."""
    return client.get(url).status_code


def features(client: FlaskClient, name: str = "wells") -> list[dict[str, Any]]:
    """The features of a collection."""
    return get(client, f"/collections/{name}/items?limit=1000")["features"]


def names(client: FlaskClient) -> list[str]:
    """The ids of the collections."""
    return [collection["id"] for collection in get(client, "/collections")["collections"]]


def test_new_table_is_a_collection_at_once(client: FlaskClient, sql: psycopg.Connection):
    assert status(client, "/collections/roads") == 404
    sql.execute("CREATE TABLE live.roads (id integer PRIMARY KEY, geom geometry(LineString, 3067))")
    sql.execute("INSERT INTO live.roads VALUES (1, 'SRID=3067;LINESTRING(380000 6670000, 381000 6671000)')")
    assert names(client) == ["roads", "wells"]
    assert len(features(client, "roads")) == 1
    found = wait_for(lambda: get(client, "/collections/roads"), lambda found: "extent" in found, SECONDS)
    assert found["storageCrs"].endswith("/3067")


def test_new_table_is_answered_in_its_own_system_before_its_data_are_looked_at(
    client: FlaskClient, sql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(LiveSources, "_start_survey", lambda self, wait_s: None)
    sql.execute("CREATE TABLE live.roads (id integer PRIMARY KEY, geom geometry(LineString, 3067))")
    assert get(client, "/collections/roads")["storageCrs"].endswith("/3067")
    assert status(client, "/collections/roads/items?crs=EPSG:3067") == 200


def test_nobody_is_refused_while_the_first_look_at_the_data_takes_long(
    changing: Database, monkeypatch: pytest.MonkeyPatch
):
    looked = Event()

    def slow_look(*_: Any) -> NoReturn:
        looked.wait(30)
        raise QueryTooSlow("the query was given up")

    monkeypatch.setattr("api.catalog.survey.watch.survey", slow_look)
    with sources_app(changing, "live") as app, ThreadPoolExecutor(8) as threads:
        urls = ["/collections", "/collections/wells/items", "/collections/wells/items/1", "/"] * 2
        found = list(threads.map(lambda url: app.test_client().get(url).status_code, urls))
        looked.set()
    assert found == [200] * 8


def test_new_rows_are_there_with_the_next_request(client: FlaskClient, sql: psycopg.Connection):
    first = client.get("/collections/wells/items?limit=1000")
    sql.execute("INSERT INTO live.wells VALUES (31, 'new', ST_SetSRID(ST_Point(24, 60), 4326))")
    again = client.get("/collections/wells/items?limit=1000", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, json.loads(again.data)["numberMatched"]) == (200, 31)
    tile = "/collections/wells/tiles/WebMercatorQuad/0/0/0"
    assert status(client, tile) == 200
    sql.execute("DELETE FROM live.wells WHERE id = 31")
    assert status(client, tile) == 204


def test_dropped_table_is_gone(client: FlaskClient, sql: psycopg.Connection):
    sql.execute("DROP TABLE live.wells")
    assert status(client, "/collections/wells/items") == 404
    assert names(client) == []


def test_table_that_is_made_anew_is_read_anew(client: FlaskClient, sql: psycopg.Connection):
    following = link(get(client, "/collections/wells/items?limit=5"), "next")
    assert following is not None
    sql.execute("DROP TABLE live.wells")
    sql.execute("CREATE TABLE live.wells (gid bigint PRIMARY KEY, depth float8)")
    sql.execute("INSERT INTO live.wells VALUES (7, 1.5)")
    assert features(client) == [{"type": "Feature", "id": 7, "geometry": None, "properties": {"gid": 7, "depth": 1.5}}]
    response = client.get(following)
    assert (response.status_code, json.loads(response.data)["code"]) == (400, "cursor-invalid")


@pytest.mark.parametrize(
    ("change", "properties"),
    [
        ("ALTER TABLE live.wells ADD depth integer DEFAULT 5", {"id", "name", "depth"}),
        ("ALTER TABLE live.wells DROP COLUMN name", {"id"}),
        ("ALTER TABLE live.wells RENAME COLUMN name TO title", {"id", "title"}),
        ("ALTER TABLE live.wells RENAME COLUMN id TO number", {"number", "name"}),
        ("ALTER TABLE live.wells ALTER id TYPE bigint", {"id", "name"}),
        ("ALTER TABLE live.wells ALTER id TYPE text", {"id", "name"}),
        ("ALTER TABLE live.wells RENAME COLUMN geom TO place", {"id", "name"}),
        ("ALTER TABLE live.wells DROP CONSTRAINT wells_pkey", {"id", "name"}),
    ],
)
def test_altered_table_is_read_as_it_is_now(
    client: FlaskClient, sql: psycopg.Connection, change: str, properties: set[str]
):
    for _ in range(8):  # so that PostgreSQL has the statement prepared
        assert len(features(client)) == 30
    sql.execute(change)  # type: ignore[arg-type]
    found = wait_for(
        lambda: features(client), lambda found: all(set(f["properties"]) == properties for f in found), SECONDS
    )
    assert len(found) == 30
    described = wait_for(
        lambda: get(client, "/collections/wells/feature-schema")["properties"],
        lambda found: set(found["properties"]["properties"]) == properties,
        SECONDS,
    )
    wanted = {"text": "string", "wells_pkey": None}.get(change.split()[-1], "integer")
    wait_for(
        lambda: get(client, "/collections/wells/feature-schema")["properties"].get("id", {}).get("type"),
        lambda kind: kind == wanted,
        SECONDS,
    )
    assert described


def test_boxes_and_filters_meet_the_new_system_of_a_column_at_once(client: FlaskClient, sql: psycopg.Connection):
    sql.execute("UPDATE live.wells SET geom = ST_Point(id, 0, 4326)")
    asked = {"bbox=9.5,-1,11.5,1": [10, 11], "filter=S_INTERSECTS(geom,BBOX(6.5,-1,7.5,1))": [7]}
    for srid in (3857, 4326, 3067):
        for query, expected in asked.items():
            sql.execute(
                f"ALTER TABLE live.wells ALTER geom TYPE geometry(Point, {srid}) USING ST_Transform(geom, {srid})"
            )
            for format in ("geojsonl", "json"):
                response = client.get(f"/collections/wells/items?{query}&f={format}")
                assert (response.status_code, "problems" in response.text) == (200, False), response.text
                response.close()
            if srid != 3067:  # far outside of that one's area
                assert [f["id"] for f in get(client, f"/collections/wells/items?{query}")["features"]] == expected


@pytest.mark.parametrize("change", ["DROP TABLE live.wells", "REVOKE SELECT ON live.wells FROM isthmus_reader"])
@pytest.mark.parametrize(
    "path",
    ["items?bbox=0,0,1,1", "items", "items/1", "items?f=csv", "items?f=geojsonl", "tiles/WebMercatorQuad/0/0/0"],
)
def test_table_that_is_gone_or_forbidden_is_unknown_at_once(
    client: FlaskClient, sql: psycopg.Connection, change: str, path: str
):
    sql.execute(change)
    assert status(client, f"/collections/wells/{path}") == 404


def test_request_may_meet_several_changes_in_a_row(
    client: FlaskClient, sql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
):
    changes = ["ALTER TABLE live.wells RENAME depth TO name", "ALTER TABLE live.wells RENAME name TO depth"]
    fresh = LiveCatalog.fresh

    def changed_behind(live: LiveCatalog) -> Catalog:
        found = fresh(live)
        if len(changes) > 1:
            sql.execute(changes.pop(0))
        return found

    sql.execute(changes.pop())  # type: ignore[arg-type]
    changes.append("")
    monkeypatch.setattr(LiveCatalog, "fresh", changed_behind)
    assert set(features(client)[0]["properties"]) == {"id", "name"}


def test_grant_and_revoke_are_seen(client: FlaskClient, sql: psycopg.Connection):
    sql.execute("REVOKE SELECT ON live.wells FROM isthmus_reader")
    wait_for(lambda: names(client), lambda found: found == [], SECONDS)
    sql.execute("GRANT SELECT (id) ON live.wells TO isthmus_reader")
    wait_for(lambda: names(client), lambda found: found == ["wells"], SECONDS)
    assert set(features(client)[0]["properties"]) == {"id"}
    sql.execute("GRANT SELECT ON live.wells TO isthmus_reader")
    wait_for(lambda: set(features(client)[0]["properties"]), lambda found: found == {"id", "name"}, SECONDS)
    sql.execute("REVOKE USAGE ON SCHEMA live FROM isthmus_reader")
    wait_for(lambda: names(client), lambda found: found == [], SECONDS)


def test_comment_and_name_are_seen(client: FlaskClient, sql: psycopg.Connection):
    sql.execute("COMMENT ON TABLE live.wells IS 'Wells in use. @title Wells'")
    found = wait_for(lambda: get(client, "/collections/wells"), lambda found: found["title"] == "Wells", SECONDS)
    assert found["description"] == "Wells in use."
    sql.execute("ALTER TABLE live.wells RENAME TO boreholes")
    assert names(client) == ["boreholes"]


def test_functions_and_views_come_and_go(client: FlaskClient, sql: psycopg.Connection):
    sql.execute("CREATE VIEW live.deep AS SELECT * FROM live.wells WHERE id > 20")
    sql.execute(
        "CREATE FUNCTION live.some(n integer) RETURNS TABLE (a integer) LANGUAGE sql STABLE AS"
        " 'SELECT generate_series(1, n)'"
    )
    assert names(client) == ["deep", "some", "wells"]
    assert len(get(client, "/collections/some/items?n=3")["features"]) == 3
    sql.execute("DROP FUNCTION live.some(integer)")
    sql.execute("CREATE OR REPLACE VIEW live.deep AS SELECT *, 1 AS one FROM live.wells WHERE id > 25")
    wait_for(lambda: names(client), lambda found: found == ["deep", "wells"], SECONDS)
    wait_for(lambda: len(features(client, "deep")), lambda count: count == 5, SECONDS)


def test_function_whose_table_or_column_is_gone_is_broken_and_stops_nobody_else(
    client: FlaskClient, sql: psycopg.Connection
):
    sql.execute("CREATE TABLE live.more AS SELECT * FROM live.wells")
    for name, column in (("some", "*"), ("others", "id, name, geom")):
        sql.execute(
            f"CREATE FUNCTION live.{name}() RETURNS SETOF live.wells LANGUAGE plpgsql STABLE AS"
            f" $$ BEGIN RETURN QUERY SELECT {column} FROM live.more; END $$"
        )
    assert len(features(client, "some")) == 30
    for change in ("ALTER TABLE live.more RENAME COLUMN name TO title", "DROP TABLE live.more"):
        sql.execute(change)
        for url in ("items", "items?f=csv", "items?f=gpkg", "items?resultType=hits", "tiles/WebMercatorQuad/0/0/0"):
            response = client.get(f"/collections/others/{url}")
            assert (response.status_code, response.get_json()["code"]) == (500, "collection-broken"), (change, url)
        assert client.get("/tiles/WebMercatorQuad/0/0/0").status_code in (200, 204)
        assert len(features(client)) == 30


def test_view_that_fails_is_left_out_of_filtered_tiles_of_all_and_a_wrong_value_is_told(
    client: FlaskClient, sql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
):
    def refused_when_filtered(_: Any, layer: Layer, *__: Any, **___: Any) -> bytes:
        if layer.query != WHOLE_TILE:
            raise BadValue("a value of the request is out of range")
        return b""

    sql.execute("UPDATE live.wells SET geom = ST_Point(id, 0, 4326)")
    sql.execute("CREATE VIEW live.divided AS SELECT id, 1 / (id - id) AS name, geom FROM live.wells")
    tile = "/tiles/WebMercatorQuad/0/0/0"
    assert status(client, f"{tile}?datetime=2024-01-01/..") == 200
    found = client.get(f"{tile}?filter=id%3C3")
    assert (found.status_code, b"wells" in found.data, b"divided" in found.data) == (200, True, False)
    monkeypatch.setattr("api.tiles.layers.LayerMaker.make", refused_when_filtered)
    assert status(client, f"{tile}?filter=id%3C3") == 400


def test_materialised_view_is_published_once_it_is_filled(client: FlaskClient, sql: psycopg.Connection):
    sql.execute("CREATE MATERIALIZED VIEW live.sums AS SELECT count(*) AS n FROM live.wells WITH NO DATA")
    assert names(client) == ["wells"]
    sql.execute("REFRESH MATERIALIZED VIEW live.sums")
    wait_for(lambda: names(client), lambda found: found == ["sums", "wells"], SECONDS)


def test_rows_without_a_key_are_filtered_in_the_order_of_the_disk(client: FlaskClient, sql: psycopg.Connection):
    """The index of the condition has them in another one, in which a page would end somewhere else."""
    sql.execute("CREATE TABLE live.reversed AS SELECT 5000 - n AS size FROM generate_series(1, 5000) AS n")
    sql.execute("CREATE INDEX ON live.reversed (size)")
    sql.execute("ANALYZE live.reversed")
    wait_for(lambda: names(client), lambda found: found == ["reversed", "wells"], SECONDS)
    wanted = list(range(49, -1, -1))
    path = "/collections/reversed/items?filter=size%3C50"
    walked, url = [], f"{path}&limit=7"
    while url:
        page = get(client, url)
        walked += [feature["properties"]["size"] for feature in page["features"]]
        url = link(page, "next")
    assert walked == wanted
    late = get(client, f"{path}&limit=7&offset=20")["features"]
    assert [feature["properties"]["size"] for feature in late] == wanted[20:27]


def test_tables_of_the_loader_are_no_sources(changing: Database):
    publish(changing, "loaded", "SELECT 1 AS fid, ST_Point(1, 2) AS geom", columns={})
    with sources_app(changing, "data,live") as app:
        assert names(app.test_client()) == ["loaded", "wells"]


def test_schema_that_is_made_later_is_served(changing: Database, sql: psycopg.Connection):
    with sources_app(changing, "later") as app:
        client = app.test_client()
        assert names(client) == []
        sql.execute("CREATE SCHEMA later")
        sql.execute("GRANT USAGE ON SCHEMA later TO isthmus_reader")
        sql.execute("CREATE TABLE later.here (id integer PRIMARY KEY)")
        sql.execute("GRANT SELECT ON later.here TO isthmus_reader")
        wait_for(lambda: names(client), lambda found: found == ["here"], SECONDS)


def test_half_a_change_is_never_seen(client: FlaskClient, changing: Database):
    with as_superuser(changing) as connection:
        connection.execute("ALTER TABLE live.wells ADD depth integer DEFAULT 5")
        connection.execute("CREATE TABLE live.roads (id integer PRIMARY KEY)")
        assert names(client) == ["wells"]
        connection.commit()
    wait_for(lambda: names(client), lambda found: found == ["roads", "wells"], SECONDS)


def test_table_that_grows_is_found_through_its_index_again(
    changing: Database, sql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("api.catalog.survey.watch.AGAIN_S", 0.1)
    sql.execute("CREATE INDEX ON live.wells USING gist (geom)")
    sql.execute("UPDATE live.wells SET geom = ST_SetSRID(ST_Point(id, 60), 4326)")
    with sources_app(changing, "live") as app:
        client = app.test_client()
        extensions: Any = app.extensions["isthmus"]
        assert len(get(client, "/collections/wells/items?bbox=0,59,5.5,61")["features"]) == 5
        before = extensions.catalog.current()["wells"]
        sql.execute(
            "INSERT INTO live.wells SELECT n, 'n', ST_SetSRID(ST_Point(1 + n % 29, 60), 4326)"
            " FROM generate_series(31, 60000) AS n"
        )
        wait_for(
            lambda: get(client, "/collections/wells") and extensions.catalog.current()["wells"],
            lambda found: found.source.magnitude > before.source.magnitude + 3,
        )
        assert extensions.catalog.current()["wells"] is not before
        assert extensions.catalog.current()["wells"].revision == before.revision, "cursors go on"


def test_connections_forget_what_they_prepared_for_another_type(client: FlaskClient, sql: psycopg.Connection):
    page = "/collections/wells/items?limit=1000&sortby=-id"
    for _ in range(8):
        assert status(client, page) == 200
    for kind in ("bigint", "integer", "smallint"):
        sql.execute(f"ALTER TABLE live.wells ALTER id TYPE {kind}")  # type: ignore[arg-type]
        assert [status(client, page) for _ in range(8)] == [200] * 8


LARGE_TABLE = """
CREATE TABLE live.many (id integer PRIMARY KEY, note text, geom geometry(Point, 4326));
INSERT INTO live.many
    SELECT n, repeat('x', 100), ST_SetSRID(ST_Point(n % 360 - 180, 0), 4326) FROM generate_series(1, 20000) AS n;
CREATE INDEX ON live.many USING gist (geom);
ANALYZE live.many
"""


def looks_for_nothing(client: FlaskClient) -> bool:
    """Whether a box is asked for without the features that have no geometry."""
    get(client, "/collections")
    found = client.application.extensions["isthmus"].catalog.collection("many")  # type: ignore[union-attr]
    return found.null_geometries == 0


def test_boxes_of_a_large_table_look_for_features_without_geometry_when_there_may_be_some(
    client: FlaskClient, changing: Database, sql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("api.catalog.survey.watch.OFTEN", 1)
    sql.execute(LARGE_TABLE)
    wait_for(lambda: looks_for_nothing(client), bool, SECONDS)
    box = "/collections/many/items?bbox=10.5,-1,12.5,1&limit=1000"
    assert {feature["geometry"]["coordinates"][0] for feature in get(client, box)["features"]} == {11, 12}
    with as_superuser(changing) as other:  # its end makes PostgreSQL count what it wrote
        other.execute("UPDATE live.many SET geom = NULL WHERE id = 7")
    wait_for(lambda: 7 in {feature["id"] for feature in get(client, box)["features"]}, bool, SECONDS)
    assert not looks_for_nothing(client)
