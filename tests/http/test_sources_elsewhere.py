"""Databases that Isthmus never set up: without its schema, PostGIS elsewhere or missing, and a read-only replica."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from flask.testing import FlaskClient
from psycopg import sql

from core.database.connections import conninfo
from core.errors import DatabaseUnavailable
from support.cluster import PASSWORD, Cluster, Database
from support.http import get
from support.odd import as_superuser, sources_app, superuser, wait_for
from support.publish import publish
from support.replica import replicated_cluster
from support.server import running_api

LAKES = """
CREATE TABLE gis.lakes (id integer PRIMARY KEY, name text, depth numeric, geom {postgis}geometry(Polygon, 3067));
INSERT INTO gis.lakes SELECT n, 'järvi ' || n, n / 4.0,
    {postgis}ST_Transform({postgis}ST_MakeEnvelope(24 + n * 0.01, 60, 24.01 + n * 0.01, 60.01, 4326), 3067)
FROM generate_series(1, 40) AS n;
CREATE INDEX ON gis.lakes USING gist (geom);
CREATE FUNCTION gis.lakes_from(lowest integer) RETURNS SETOF gis.lakes LANGUAGE sql STABLE AS
    'SELECT * FROM gis.lakes WHERE id >= $1';
GRANT USAGE ON SCHEMA gis TO own_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA gis TO own_reader;
"""


def make_own_database(cluster: Cluster, name: str, options: str, extensions: str) -> Database:
    """A database with a schema `gis`, and a reader of its own."""
    with psycopg.connect(
        conninfo(cluster.settings_of_template(), dbname="postgres", user="isthmus_tests"), autocommit=True
    ) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 {options}")  # type: ignore[arg-type]
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'own_reader'").fetchone() is None:
            create = sql.SQL("CREATE ROLE own_reader LOGIN PASSWORD {}")
            connection.execute(create.format(sql.Literal(PASSWORD)))
    database = cluster.database(name)
    with as_superuser(database) as connection:
        connection.execute(f"CREATE SCHEMA gis; {extensions}")  # type: ignore[arg-type]
        connection.commit()
    return Database(database.owner, replace(database.reader, db_user="own_reader"))


def fill(database: Database, text: str) -> None:
    """Run SQL as a superuser."""
    with as_superuser(database) as connection:
        connection.execute(text)  # type: ignore[arg-type]
        connection.commit()


def check_lakes(client: FlaskClient) -> None:
    """Everything that a collection can do works."""
    assert get(client, "/health/ready")["status"] == "ready"
    ids = [collection["id"] for collection in get(client, "/collections")["collections"]]
    assert ids == ["lakes", "lakes_from"]
    url = "/collections/lakes/items"
    assert get(client, f"{url}?limit=3")["features"][0]["properties"]["name"] == "järvi 1"
    assert len(get(client, f"{url}?bbox=24.05,60,24.08,61&limit=100")["features"]) == 5
    assert len(get(client, f"{url}?filter=depth > 9 AND name LIKE 'j%25'")["features"]) == 4
    assert get(client, f"{url}?filter=CASEI(name) = casei('JÄRVI 7')")["features"][0]["id"] == 7
    assert get(client, f"{url}/12")["id"] == 12
    assert len(get(client, "/collections/lakes_from/items?lowest=39")["features"]) == 2
    assert "järvi 40" in client.get(f"{url}?f=csv").data.decode()
    gpkg = client.get(f"{url}?f=gpkg")
    assert gpkg.status_code == 200, gpkg.text
    gpkg.close()
    wait_for(lambda: get(client, "/collections/lakes"), lambda found: "extent" in found)
    tiles = [client.get(f"/collections/lakes/tiles/WebMercatorQuad/10/{row}/580") for row in range(296, 299)]
    assert {tile.status_code for tile in tiles} <= {200, 204}
    assert any(tile.status_code == 200 for tile in tiles)
    for page in ("/", "/api", "/map", "/conformance", "/collections/lakes?f=html"):
        assert client.get(page).status_code == 200, page


def test_database_without_isthmus_in_it_is_served(cluster: Cluster):
    database = make_own_database(cluster, "own_plain", "", "CREATE EXTENSION postgis")
    fill(database, LAKES.format(postgis=""))
    with sources_app(database, "public,gis") as app:
        check_lakes(app.test_client())
    with as_superuser(database) as connection:
        names = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_'").fetchall()
        assert {name for (name,) in names} == {"public", "gis", "information_schema"}, "nothing was made there"
    cluster.drop(database)


def test_postgis_may_be_in_another_schema(cluster: Cluster):
    extensions = (
        'CREATE SCHEMA "Ext 1"; CREATE EXTENSION postgis SCHEMA "Ext 1"; GRANT USAGE ON SCHEMA "Ext 1" TO own_reader'
    )
    database = make_own_database(cluster, "own_elsewhere", "", extensions)
    fill(database, LAKES.format(postgis='"Ext 1".'))
    with sources_app(database, "gis") as app:
        check_lakes(app.test_client())
    cluster.drop(database)


def test_database_in_another_encoding_is_answered_in_utf_8(cluster: Cluster):
    options = "ENCODING 'LATIN1' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"
    database = make_own_database(cluster, "own_latin", options, "CREATE EXTENSION postgis")
    fill(database, LAKES.format(postgis=""))
    with sources_app(database, "gis") as app:
        client = app.test_client()
        assert get(client, "/collections/lakes/items?name=j%C3%A4rvi%207")["features"][0]["id"] == 7
        assert "järvi 40" in client.get("/collections/lakes/items?f=csv").data.decode()
        assert client.get("/collections/lakes/items?name=%E4%BA%AC").status_code in (200, 400)
        folded = get(client, "/collections/lakes/items?filter=CASEI(name) = casei('JÄRVI 7')")
        assert folded["features"][0]["id"] == 7
    cluster.drop(database)


def test_database_without_postgis_has_tables_without_geometry(cluster: Cluster):
    database = make_own_database(cluster, "own_tables", "", "")
    fill(
        database,
        "CREATE TABLE gis.people (id integer PRIMARY KEY, name text); INSERT INTO gis.people VALUES (1, 'Ada');"
        "GRANT USAGE ON SCHEMA gis TO own_reader; GRANT SELECT ON gis.people TO own_reader",
    )
    with sources_app(database, "gis") as app:
        client = app.test_client()
        assert get(client, "/collections/people/items?name=Ada&bbox=0,0,1,1")["features"][0]["id"] == 1
        assert client.get("/collections/people/items?f=csv").text.splitlines()[1].endswith("1,Ada")
        assert client.get("/collections/people/tiles").status_code == 404
    cluster.drop(database)


def test_extension_that_a_filter_needs_and_nobody_made_is_named(cluster: Cluster):
    database = make_own_database(cluster, "own_accents", "", "CREATE EXTENSION postgis")
    fill(database, LAKES.format(postgis=""))
    with sources_app(database, "gis") as app:
        response = app.test_client().get("/collections/lakes/items?filter=ACCENTI(name) = accenti('jarvi 7')")
        assert response.status_code == 400, response.text
        assert "unaccent" in json.loads(response.data)["hint"]
    cluster.drop(database)


def test_start_before_the_database_is_there_is_survived(cluster: Cluster):
    database = Database(cluster.database("own_later").owner, cluster.database("own_later").reader)
    with sources_app(database, "gis") as app:
        client = app.test_client()
        assert client.get("/collections").status_code == 503
        assert client.get("/health/live").status_code == 200
        made = make_own_database(cluster, "own_later", "", "CREATE EXTENSION postgis")
        fill(
            made,
            LAKES.format(postgis="") + "GRANT USAGE ON SCHEMA gis TO isthmus_reader;"
            "GRANT SELECT ON ALL TABLES IN SCHEMA gis TO isthmus_reader",
        )
        wait_for(lambda: client.get("/collections").status_code, lambda status: status == 200, 20)
        check_lakes(client)
    cluster.drop(database)


@pytest.fixture(scope="module")
def replica() -> Iterator[tuple[Database, Database]]:
    """The same database on a primary and on its streaming replica."""
    with replicated_cluster() as (primary, socket):
        database = primary.clone()
        publish(database, "places", "SELECT 1 AS fid, ST_Point(1, 2) AS geom", columns={})
        fill(database, "CREATE SCHEMA gis; CREATE ROLE own_reader")
        fill(
            database,
            LAKES.format(postgis="") + "GRANT USAGE ON SCHEMA gis TO isthmus_reader;"
            "ALTER DEFAULT PRIVILEGES IN SCHEMA gis GRANT SELECT ON TABLES TO isthmus_reader;"
            "GRANT SELECT ON ALL TABLES IN SCHEMA gis TO isthmus_reader",
        )
        there = Database(*(replace(settings, db_host=str(socket)) for settings in (database.owner, database.reader)))
        wait_for(lambda: caught_up(there), lambda found: found)
        yield database, there


def caught_up(database: Database) -> bool:
    """Whether a replica has the database and the tables in it."""
    try:
        with as_superuser(database) as connection:
            return connection.execute("SELECT to_regclass('gis.lakes') IS NOT NULL").fetchall() == [(True,)]
    except (DatabaseUnavailable, psycopg.Error):
        return False


def test_read_only_replica_serves_loaded_collections_and_sources(replica: tuple[Database, Database]):
    _, there = replica
    with as_superuser(there) as connection:
        assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
    with sources_app(there, "gis") as app:
        client = app.test_client()
        assert [c["id"] for c in get(client, "/collections")["collections"]] == ["lakes", "lakes_from", "places"]
        assert get(client, "/collections/places/items")["numberMatched"] == 1
        assert len(get(client, "/collections/lakes/items?bbox=24.05,60,24.08,61")["features"]) == 5
        assert "järvi 40" in client.get("/collections/lakes/items?f=csv").data.decode()
        found = wait_for(lambda: get(client, "/collections/lakes"), lambda found: "extent" in found)
        assert found["storageCrs"].endswith("3067")


def test_table_of_a_replica_is_exported(replica: tuple[Database, Database]):
    with sources_app(replica[1], "gis") as app:
        text = app.test_client().get("/collections/lakes/items?f=geojsonl").text
    assert text.count("\n") == 40


def test_change_on_the_primary_is_seen_through_the_replica(replica: tuple[Database, Database]):
    here, there = replica
    with sources_app(there, "gis") as app:
        client = app.test_client()
        assert client.get("/collections/ponds").status_code == 404
        fill(here, "CREATE TABLE gis.ponds (id integer PRIMARY KEY, n integer); INSERT INTO gis.ponds VALUES (1, 1)")
        wait_for(lambda: client.get("/collections/ponds").status_code, lambda status: status == 200, 5)
        fill(here, "INSERT INTO gis.ponds VALUES (2, 2)")
        wait_for(lambda: len(get(client, "/collections/ponds/items")["features"]), lambda count: count == 2, 5)
        fill(here, "DROP TABLE gis.ponds")
        wait_for(lambda: client.get("/collections/ponds").status_code, lambda status: status == 404, 5)


def ogrinfo(*arguments: str) -> str:
    """What ogrinfo says. Raises: AssertionError"""
    done = subprocess.run(["ogrinfo", "-ro", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_gdal_reads_sources(odd: Database):
    with running_api(odd, ISTHMUS_SCHEMAS="odd") as url:
        summary = ogrinfo("-so", f"OAPIF:{url}", "two_geometries")
        assert "Feature Count: 20" in summary
        assert "Geometry: Point" in summary
        for name in ("two_geometries", "composite_key", "text_key", "view_with_id"):
            fields = re.findall(r"^(\w+): (?:Integer|String|Real|Date)", ogrinfo("-so", f"OAPIF:{url}", name), re.M)
            assert len(fields) == len(set(fields)), name
        for name, count in (
            ("no_key", 130),
            ("view", 77),
            ("composite_key", 128),
            ("partitioned", 45),
            ("text_key", 18),
        ):
            assert ogrinfo("-q", f"OAPIF:{url}", name).count("OGRFeature(") == count, name
        filtered = ogrinfo("-q", f"OAPIF:{url}", "composite_key", "-where", "land = 'FI' AND number > 9")
        assert filtered.count("OGRFeature(") == 3
        boxed = ogrinfo("-q", f"OAPIF:{url}", "geography", "-spat", "-1", "-1", "10", "10")
        assert boxed.count("OGRFeature(") == 4


def test_settings_refuse_schemas_that_are_never_published(odd: Database):
    from core.errors import BadSetting

    for name in ("pg_catalog", "gis,isthmus", "information_schema"):
        with pytest.raises(BadSetting):
            replace(superuser(odd), schemas=name)
