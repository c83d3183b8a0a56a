"""The basemap: tiles that ship with the API, and the setting that names another one."""

from __future__ import annotations

import gzip

import mapbox_vector_tile
import pytest
from flask.testing import FlaskClient

from core.errors import BadSetting
from core.headers import OFF, SHIPPED, Basemap, parse_basemap
from core.settings import Settings


def test_tiles_hold_land_lakes_boundaries_and_countries(client: FlaskClient):
    response = client.get("/basemap/2/1/2", headers={"Accept-Encoding": "gzip"})
    assert (response.status_code, response.headers["Content-Encoding"]) == (200, "gzip")
    found = mapbox_vector_tile.decode(gzip.decompress(response.data))
    assert set(found) == {"land", "lakes", "boundaries", "countries"}
    names = {
        feature["properties"]["name"]: feature["properties"]["name_zh"] for feature in found["countries"]["features"]
    }
    assert names["Finland"] == "芬兰"
    plain = client.get("/basemap/2/1/2", headers={"Accept-Encoding": "identity"})
    assert plain.data == gzip.decompress(response.data)
    again = client.get("/basemap/2/1/2", headers={"If-None-Match": plain.headers["ETag"]})
    assert again.status_code == 304


def test_every_tile_of_low_zooms_answers(client: FlaskClient):
    for z in range(4):
        for row in range(2**z):
            for column in range(2**z):
                assert client.get(f"/basemap/{z}/{row}/{column}").status_code in (200, 204)


@pytest.mark.parametrize("place", ["7/0/0", "0/0/1", "1/2/0", "a/0/0", "-1/0/0"])
def test_tile_that_is_nowhere_is_a_mistake(client: FlaskClient, place: str):
    assert client.get(f"/basemap/{place}").status_code in (400, 404)
    assert client.get(f"/basemap/{place}").json["code"]


def test_pages_may_ask_no_other_server(client: FlaskClient):
    response = client.get("/map")
    assert '<meta name="basemap" content="natural-earth">' in response.text
    assert "connect-src 'self' http://localhost;" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", Basemap(SHIPPED, ())),
        ("natural-earth", Basemap(SHIPPED, ())),
        ("off", Basemap(OFF, ())),
        ("/collections/land/tiles/WebMercatorQuad/style.json", None),
        ("https://tiles.example.org/style.json", ("https://tiles.example.org",)),
        (
            "https://t.example.org/{z}/{x}/{y}.png https://*.example.org",
            ("https://t.example.org", "https://*.example.org"),
        ),
    ],
)
def test_setting_names_a_basemap_and_its_servers(text: str, found: Basemap | tuple[str, ...] | None):
    parsed = parse_basemap(text)
    assert parsed is not None
    if isinstance(found, Basemap):
        assert parsed == found
    else:
        assert parsed == Basemap(text.split()[0], found or ())


@pytest.mark.parametrize(
    "text", ["osm", "ftp://a.example/x", "https://a.example", "off https://a.example", "/x;y", "/x y"]
)
def test_setting_that_names_none_is_told(text: str):
    with pytest.raises(BadSetting, match="ISTHMUS_BASEMAP"):
        Settings(basemap=text)
