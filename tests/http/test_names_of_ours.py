"""Columns named as the statements of the API name what they read: a name of ours in a table is just a name."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import mapbox_vector_tile
import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg import sql

import api.sql
from support.cluster import Cluster, Database
from support.odd import sources_app, wait_for
from support.publish import publish

ALIAS = re.compile(r"\bAS ([a-z]\w*)(?: \((\w+)\))?")


def aliases() -> list[str]:
    """Every name that the modules that make SQL give to a row or a column."""
    texts = [path.read_text() for path in Path(api.sql.__file__).parent.rglob("*.py")]
    found = {word for text in texts for match in ALIAS.findall(text) for word in match if word}
    assert {"p", "t", "feature", "whole", "pages", "first"} <= found
    return sorted(found)


NAMES = aliases()
VALUES = {name: f"the {name}" for name in NAMES}


def columns_sql() -> str:
    """Each name as a column with a text of its own."""
    return ", ".join(
        sql.SQL("{} AS {}").format(value, sql.Identifier(name)).as_string() for name, value in VALUES.items()
    )


@pytest.fixture(scope="module")
def ours(cluster: Cluster) -> Iterator[Database]:
    """A loaded collection, and a table of another schema."""
    database = cluster.clone()
    place = "ST_Point(n, n, 4326)::geometry(Point, 4326)"
    select = f"SELECT n AS fid, {columns_sql()}, {place} AS geom FROM generate_series(1, 3) AS n"
    publish(database, "ours", select, columns=dict.fromkeys(NAMES, "string"))  # type: ignore[arg-type]
    with database.connect() as connection:
        connection.execute("CREATE SCHEMA gis; GRANT USAGE ON SCHEMA gis TO isthmus_reader")
        connection.execute(f"CREATE TABLE gis.theirs AS {select}")  # type: ignore[arg-type]
        connection.execute("ALTER TABLE gis.theirs ADD PRIMARY KEY (fid); GRANT SELECT ON gis.theirs TO isthmus_reader")
        connection.commit()
    yield database
    cluster.drop(database)


@pytest.fixture(scope="module")
def ours_app(ours: Database) -> Iterator[Flask]:
    """The API on both."""
    with sources_app(ours, "gis") as app:
        yield app


@pytest.fixture(params=["ours", "theirs"])
def url(request: pytest.FixtureRequest) -> str:
    """The address of one of the two."""
    return f"/collections/{request.param}"


@pytest.fixture
def asked(ours_app: Flask) -> FlaskClient:
    """A client."""
    client = ours_app.test_client()
    wait_for(lambda: client.get("/collections/theirs").json, lambda found: "extent" in found)
    return client


def test_features_have_the_values_of_their_columns(asked: FlaskClient, url: str):
    for form in ("json", "jsonfg", "geojson"):
        features = json.loads(asked.get(f"{url}/items?f={form}").data)["features"]
        assert [feature["properties"] for feature in features] == [own(url, number) for number in (1, 2, 3)]
    assert json.loads(asked.get(f"{url}/items/2").data)["properties"] == own(url, 2)
    assert json.loads(asked.get(f"{url}/items/2?f=jsonfg").data)["properties"] == own(url, 2)
    lines = asked.get(f"{url}/items?f=geojsonl").text.strip().split("\n")
    assert [json.loads(line)["properties"] for line in lines] == [own(url, number) for number in (1, 2, 3)]


def test_table_of_text_has_the_values_of_their_columns(asked: FlaskClient, url: str):
    [first, *_] = csv.DictReader(asked.get(f"{url}/items?f=csv").text.splitlines())
    assert {name: first[name] for name in NAMES} == VALUES


def test_features_that_are_chosen_and_sorted_by_such_columns_are_found(asked: FlaskClient, url: str):
    every = " AND ".join(f"\"{name}\" = '{value}'" for name, value in VALUES.items())
    for query in (
        {"filter": every},
        VALUES,
        *({"sortby": f"-{name}", "offset": "1"} for name in NAMES),
        {"bbox": "0,0,9,9", "q": "the"},
    ):
        response = asked.get(f"{url}/items", query_string=query)
        assert response.status_code == 200, response.text
        features = json.loads(response.data)["features"]
        assert len(features) == (2 if "offset" in query else 3)
        assert {name: features[0]["properties"][name] for name in NAMES} == VALUES


@pytest.mark.parametrize("tms", ["WebMercatorQuad", "WorldCRS84Quad"])
@pytest.mark.parametrize("query", ["", "?all=true", "?p=the p"])
def test_tile_has_the_values_of_their_columns(asked: FlaskClient, url: str, tms: str, query: str):
    column = 0 if tms == "WebMercatorQuad" else 1
    response = asked.get(f"{url}/tiles/{tms}/0/0/{column}{query}")
    assert response.status_code == 200, response.text
    [layer] = mapbox_vector_tile.decode(response.data).values()
    for feature in layer["features"]:
        assert {name: feature["properties"][name] for name in NAMES} == VALUES


def own(url: str, number: int) -> dict[str, object]:
    """All properties of a feature; the key of a table that was not loaded is one."""
    return VALUES if url.endswith("ours") else {"fid": number, **VALUES}
