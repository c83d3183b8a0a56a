"""What a stranger with a copy of the OGC standards does: follow links, walk pages, look up the API definition."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

BASE = "http://localhost"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"

COLLECTIONS = ("grid", "places", "stock")
SPATIAL = ("grid", "places")
BOXES = {"places": (23.0, 60.0, 26.0, 62.0), "grid": (24.25, 60.02, 24.45, 60.05)}
"""Boxes in CRS84 that hold a few features of a collection and leave a few out."""

of_each_collection = pytest.mark.parametrize("name", COLLECTIONS)
of_each_spatial_collection = pytest.mark.parametrize("name", SPATIAL)

LINK = {
    "type": "object",
    "required": ["href", "rel"],
    "properties": {
        "href": {"type": "string", "pattern": "^https?://"},
        "rel": {"type": "string", "minLength": 1},
        "type": {"type": "string", "pattern": "^[a-z]+/"},
        "title": {"type": "string"},
        "templated": {"type": "boolean"},
    },
}
LINKS = {"type": "array", "items": LINK}
"""link.yaml of OGC API Common and Features."""

COLLECTION = {
    "type": "object",
    "required": ["id", "links"],
    "properties": {
        "id": {"type": "string"},
        "title": {"type": "string"},
        "description": {"type": "string"},
        "links": LINKS,
        "itemType": {"type": "string"},
        "crs": {"type": "array", "items": {"type": "string"}},
        "storageCrs": {"type": "string", "format": "uri"},
        "extent": {
            "type": "object",
            "properties": {
                "spatial": {
                    "type": "object",
                    "required": ["bbox"],
                    "properties": {
                        "crs": {"const": CRS84},
                        "bbox": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
                        },
                    },
                },
                "temporal": {
                    "type": "object",
                    "required": ["interval"],
                    "properties": {
                        "interval": {
                            "type": "array",
                            "minItems": 1,
                            "items": {
                                "type": "array",
                                "minItems": 2,
                                "maxItems": 2,
                                "items": {
                                    "type": ["string", "null"],
                                    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*Z$",
                                },
                            },
                        }
                    },
                },
            },
        },
    },
}
"""collection.yaml of OGC API Features, with its extent.yaml."""


def ask(client: FlaskClient, path: str, **query: Any) -> TestResponse:
    """The answer to a GET. An underscore in a parameter's name stands for a hyphen."""
    given = {key.replace("_", "-"): value for key, value in query.items()}
    return client.get(path, query_string=given or None)


def get(client: FlaskClient, path: str, **query: Any) -> dict[str, Any]:
    """The JSON of an answer that must be a 200."""
    response = ask(client, path, **query)
    assert response.status_code == 200, response.text
    return json.loads(response.data)


def status(client: FlaskClient, path: str, **query: Any) -> int:
    """The status of an answer."""
    return ask(client, path, **query).status_code


def problem(client: FlaskClient, path: str, **query: str) -> dict:
    """The problem of an answer that must be a 400."""
    response = ask(client, path, **query)
    assert response.status_code == 400
    return json.loads(response.data)


def path_of(href: str) -> str:
    """A link of this API as the path and query that the test's client asks for."""
    assert href.startswith(BASE), href
    return href.removeprefix(BASE) or "/"


def links_of(document: dict[str, Any], rel: str) -> list[dict[str, Any]]:
    """The links of a relation."""
    return [link for link in document["links"] if link["rel"] == rel]


def has_self_and_alternate(document: dict, json_type: str) -> None:
    """Assert the links that every document of the standard has, each with its media type."""
    assert [link["type"] for link in links_of(document, "self")] == [json_type]
    assert "text/html" in [link["type"] for link in links_of(document, "alternate")]


def items(client: FlaskClient, name: str, **query: Any) -> list[dict[str, Any]]:
    """The features that a request selects, all of them on one page."""
    return get(client, f"/collections/{name}/items", **{"limit": 1000, **query})["features"]


def ids(features: list[dict[str, Any]]) -> list[Any]:
    """The ids of features."""
    return [feature["id"] for feature in features]


def positions(geometry: dict[str, Any] | None) -> list[tuple[float, float]]:
    """Every position of a geometry, without its nesting; none for null."""

    def flatten(part: list[Any]) -> list[tuple[float, float]]:
        if part and isinstance(part[0], int | float):
            return [(part[0], part[1])]
        return [position for inner in part for position in flatten(inner)]

    return flatten(geometry["coordinates"]) if geometry else []


def mercator(longitude: float, latitude: float) -> tuple[float, float]:
    """A place in metres of EPSG:3857, by the formula of the EPSG registry (method 1024)."""
    radius = 6378137.0
    return radius * math.radians(longitude), radius * math.asinh(math.tan(math.radians(latitude)))


def definition(client: FlaskClient) -> dict[str, Any]:
    """The API definition that the landing page links to, with what it tells of each collection that has features."""
    [link] = links_of(get(client, "/"), "service-desc")
    listed = get(client, "/collections")["collections"]
    chosen = [one["id"] for one in listed if one["itemType"] == "feature"]
    return get(client, path_of(link["href"]), **({"collections": ",".join(chosen)} if chosen else {}))


def parameters_of(api: dict[str, Any], path: str) -> dict[str, dict[str, Any]]:
    """name -> parameter object of a GET operation, with its references looked up."""
    found: dict[str, dict[str, Any]] = {}
    for parameter in api["paths"][path]["get"]["parameters"]:
        if "$ref" in parameter:
            parameter = api["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
        found[parameter["name"]] = parameter
    return found


def without_format(href: str) -> str:
    """A link, whichever encoding of the resource it leads to."""
    start, _, query = href.partition("?")
    return "&".join([start, *(part for part in query.split("&") if part and not part.startswith("f="))])


class Page(HTMLParser):
    """An HTML page: the text of its body, and where its `a` elements lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.hrefs: set[str] = set()
        self.in_body = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.in_body = self.in_body or tag == "body"
        if self.in_body and tag == "a":
            self.hrefs |= {value for name, value in attrs if name == "href" and value}

    def handle_data(self, data: str) -> None:
        if self.in_body:
            self.text += data
