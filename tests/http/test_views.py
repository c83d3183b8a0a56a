"""Saved views, files of the data folder which may hold anything; and the picture of a collection."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image, ImageColor

from api.app import create_app
from api.documents.styles import SEA, colour_of
from core.database.connections import Database as Pool
from support.cluster import Cluster
from support.publish import publish

GOOD = {"collection": "shops", "title": "All", "filter": "size > 1", "properties": ["a,b", "size"], "map": "4/1/2"}


@pytest.fixture(scope="module")
def served(cluster: Cluster) -> Iterator[tuple[FlaskClient, Path]]:
    """A client, and the folder of views."""
    database = cluster.clone()
    select = """SELECT 1 AS fid, 5 AS size, 'x' AS "a,b", ST_Point(1, 2) AS geom"""
    publish(database, "shops", select, columns={"size": "integer", "a,b": "string"})
    reader = database.reader
    pool = Pool(reader)
    (reader.data_dir / "views").mkdir()
    yield create_app(reader, pool).test_client(), reader.data_dir / "views"
    pool.close()
    cluster.drop(database)


@pytest.fixture
def client(served: tuple[FlaskClient, Path]) -> FlaskClient:
    return served[0]


@pytest.fixture
def views(served: tuple[FlaskClient, Path]) -> Path:
    for file in served[1].iterdir():
        file.unlink()
    return served[1]


def data_of(client: FlaskClient, address: str) -> Any:
    """What the scripts of the page are told."""
    text = client.get(address).text
    return json.loads(text.split('<script type="application/json" id="explore">')[1].split("</script>")[0])


def test_view_is_shown_where_the_address_says_nothing_else(client: FlaskClient, views: Path):
    assert client.get("/views?f=json").json == {"views": [], "damaged": [], "links": client.get("/views").json["links"]}
    (views / "large ones.json").write_text(json.dumps(GOOD))
    [entry] = client.get("/views").json["views"]
    assert entry["title"] == "All"
    [page] = entry["links"]
    assert page["href"] == "http://localhost/collections/shops/explore?view=large+ones"
    shown = {"filter": "size > 1", "map": "4/1/2", "columns": "a%2Cb,size"}
    assert data_of(client, page["href"])["view"] == shown
    assert data_of(client, "/collections/shops/explore")["view"] == {}
    assert "large+ones" in client.get("/views?f=html").text


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "nonsense",
        '{"collection": 5}',
        json.dumps(GOOD | {"filter": 5}),
        json.dumps(GOOD | {"properties": "size"}),
        json.dumps(GOOD | {"properties": [None]}),
        json.dumps(GOOD | {"title": None}),
        "[" * 100_000,
        '{"collection": "shops", "filter": "\\ud800"}',
        json.dumps(GOOD | {"filter": "x" * 600_000}),
    ],
)
def test_file_that_is_no_view_is_named_and_harms_nothing(client: FlaskClient, views: Path, content: str):
    (views / "odd.json").write_text(content)
    (views / "good.json").write_text(json.dumps(GOOD))
    found = client.get("/views").json
    assert [view["name"] for view in found["views"]] == ["good"]
    assert found["damaged"] == ["odd.json"]
    response = client.get("/collections/shops/explore?view=odd")
    assert (response.status_code, response.json["code"]) == (404, "view-unknown")


def test_links_and_pipes_are_not_opened(client: FlaskClient, views: Path, tmp_path: Path):
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps(GOOD | {"title": "secret"}))
    (views / "link.json").symlink_to(secret)
    os.mkfifo(views / "pipe.json")
    assert client.get("/views").json["damaged"] == ["link.json", "pipe.json"]
    for name in ("link", "..%2Fviews%2Flink", ".hidden", "none", "%00", ""):
        assert client.get(f"/collections/shops/explore?view={name}").status_code == 404


def test_view_of_another_collection_leads_there(client: FlaskClient, views: Path):
    (views / "theirs.json").write_text(json.dumps(GOOD | {"collection": "others"}))
    response = client.get("/collections/shops/explore?view=theirs")
    assert response.status_code == 404
    assert response.json["hint"] == "/collections/others/explore?view=theirs shows it"


def test_values_of_a_view_are_data_and_never_markup(client: FlaskClient, views: Path):
    evil = "</script><script>alert(1)</script>"
    (views / "evil.json").write_text(json.dumps(GOOD | {"title": evil, "filter": evil}))
    assert data_of(client, "/collections/shops/explore?view=evil")["view"]["filter"] == evil
    for address in ("/collections/shops/explore?view=evil", "/views?f=html"):
        assert "<script>alert" not in client.get(address).text


def test_picture_shows_where_the_features_are(client: FlaskClient):
    response = client.get("/collections/shops/picture")
    assert (response.status_code, response.content_type) == (200, "image/png")
    picture = Image.open(BytesIO(response.data)).convert("RGB")
    assert picture.size == (600, 315)
    sea, middle = picture.getpixel((5, 5)), picture.getpixel((300, 157))
    assert sea == ImageColor.getrgb(SEA)
    assert middle == pytest.approx(ImageColor.getrgb(colour_of("shops")), abs=16), "the only point is in the middle"
    again = client.get("/collections/shops/picture", headers={"If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304
    page = client.get("/collections/shops/explore").text
    assert '<meta property="og:image" content="http://localhost/collections/shops/picture">' in page
    assert 'src="http://localhost/collections/shops/picture"' in client.get("/collections?f=html").text
    assert client.get("/collections/shops/picture?width=9").status_code == 400
    assert client.get("/collections/none/picture").status_code == 404
