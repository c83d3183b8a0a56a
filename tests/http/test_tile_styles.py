"""MapLibre styles of a collection's tiles and of those of the dataset. Whether MapLibre draws them: tests/browser."""

from __future__ import annotations

import json
import re

import pytest
from flask.testing import FlaskClient

from support.ogc import get, links_of, path_of, status

STYLE = "application/vnd.mapbox.style+json"
OF_COLLECTION = "/collections/{}/tiles/WebMercatorQuad/style.json"


def colours(style: dict) -> dict[str, set[str]]:
    """The colours of each collection's layers."""
    found: dict[str, set[str]] = {}
    for layer in style["layers"][1:]:
        found.setdefault(layer["source-layer"], set()).add(layer["paint"][f"{layer['type']}-color"])
    return found


@pytest.mark.parametrize(
    ("path", "source", "names"),
    [
        (OF_COLLECTION.format("places"), "places", ["places"]),
        (OF_COLLECTION.format("grid"), "grid", ["grid"]),
        ("/tiles/WebMercatorQuad/style.json", "dataset", ["grid", "places"]),
        ("/tiles/WebMercatorQuad/style.json?collections=grid", "dataset", ["grid"]),
    ],
)
def test_layers_draw_what_the_tilejson_of_the_source_has(client: FlaskClient, path: str, source: str, names: list[str]):
    style = get(client, path)
    assert style["version"] == 8
    assert list(style["sources"]) == [source]
    tilejson = get(client, path_of(style["sources"][source]["url"]))
    assert sorted(layer["id"] for layer in tilejson["vector_layers"]) == names
    background, *drawn = style["layers"]
    assert background["type"] == "background"
    assert {layer["source-layer"] for layer in drawn} == set(names)
    assert {layer["source"] for layer in drawn} == {source}
    assert len({layer["id"] for layer in style["layers"]}) == len(style["layers"])
    assert [*style["center"], style["zoom"]] == pytest.approx(tilejson["center"])


def test_kinds_of_geometry_have_layers_of_their_own_and_points_are_on_top(client: FlaskClient):
    types = [
        (layer["source-layer"], layer["type"])
        for layer in get(client, "/tiles/WebMercatorQuad/style.json")["layers"][1:]
    ]
    assert types == [("grid", "fill"), ("grid", "line"), ("places", "circle")]


def test_collection_keeps_its_one_hue_whatever_it_is_drawn_with(client: FlaskClient):
    whole = colours(get(client, "/tiles/WebMercatorQuad/style.json"))
    assert all(len(found) == 1 for found in whole.values())
    assert whole["grid"] != whole["places"]
    for name, found in whole.items():
        assert colours(get(client, OF_COLLECTION.format(name))) == {name: found}
        assert re.fullmatch(r"hsl\(\d+, \d+%, \d+%\)", *found)


def test_style_is_json_for_maps_and_a_page_for_people(client: FlaskClient):
    path = OF_COLLECTION.format("places")
    for accept in (STYLE, "application/json", "*/*"):
        response = client.get(path, headers={"Accept": accept})
        assert (response.status_code, response.content_type) == (200, STYLE)
    assert client.get(path, headers={"Accept": "text/html"}).content_type.startswith("text/html")
    assert client.get(path, headers={"Accept": "image/png"}).status_code == 406
    etag = client.get(path).headers["ETag"]
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize(
    "page",
    [
        "/",
        "/collections/places",
        "/collections/places/tiles/WebMercatorQuad",
        "/tiles/WebMercatorQuad?collections=grid",
    ],
)
def test_pages_lead_to_the_style(client: FlaskClient, page: str):
    [link] = links_of(get(client, page), "stylesheet")
    assert link["type"] == STYLE
    assert get(client, path_of(link["href"]))["version"] == 8
    assert "collections=grid" in link["href"] or "grid" not in page


@pytest.mark.parametrize("path", ["/collections/places/tiles/{}/style.json", "/tiles/{}/style.json"])
def test_sets_that_maplibre_cannot_draw_have_no_style(client: FlaskClient, path: str):
    response = client.get(path.format("WorldCRS84Quad"))
    assert response.status_code == 404
    assert "WebMercatorQuad" in json.loads(response.data)["hint"]
    assert not links_of(get(client, path.format("WorldCRS84Quad").removesuffix("/style.json")), "stylesheet")
    assert status(client, "/collections/stock/tiles/WebMercatorQuad/style.json") == 404
    assert status(client, path.format("WebMercatorQuad"), x="1") == 400
