"""HEAD, OPTIONS, refused methods and unknown parameters: alike for every operation of the OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.documents.openapi.operations import OPERATIONS
from support.ogc import definition

VALUES = {
    "collectionId": "places",
    "featureId": "3",
    "tileMatrixSetId": "WebMercatorQuad",
    "tileMatrix": "0",
    "tileRow": "0",
    "tileCol": "0",
    "code": "bbox-invalid",
}
METHODS = {
    operation.path: sorted(other.method.upper() for other in OPERATIONS if other.path == operation.path)
    for operation in OPERATIONS
}
"""Path -> the methods that the table has for it."""
ALLOWED = {
    path: sorted({*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])}) for path, methods in METHODS.items()
}
CHANGING = {"X-Request-Id", "Date", "Server-Timing"}

of_each_path = pytest.mark.parametrize("path", METHODS)
of_each_readable_path = pytest.mark.parametrize("path", [path for path, methods in METHODS.items() if "GET" in methods])


def address(path: str) -> str:
    """A path that exists."""
    return path.format(**VALUES)


@of_each_path
def test_options_names_the_methods_also_to_browsers(client: FlaskClient, path: str):
    preflight = {"Origin": "http://x.example", "Access-Control-Request-Method": METHODS[path][0]}
    for headers in ({}, preflight):
        response = client.options(address(path), headers=headers)
        assert (response.status_code, response.data) == (200, b"")
        assert response.headers["Access-Control-Allow-Methods"] == ", ".join(ALLOWED[path])
        assert response.headers["Allow"] == ", ".join(ALLOWED[path])
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        allowed = response.headers["Access-Control-Allow-Headers"].split(", ")
        assert {"Content-Type", "If-Match", "If-None-Match", "If-Range", "Range"} <= {*allowed}


def test_qgis_is_given_no_leave_to_add_features(client: FlaskClient):
    agent = {"User-Agent": "Mozilla/5.0 QGIS/34006/Debian GNU/Linux 13 (trixie)"}
    response = client.options("/collections/places/items", headers=agent)
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert "User-Agent" in response.headers["Vary"]
    assert client.options("/nowhere", headers=agent).status_code == 404


@of_each_path
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_any_other_method_is_a_405_that_names_the_right_ones(client: FlaskClient, path: str, method: str):
    if method in ALLOWED[path]:
        assert client.open(address(path), method=method, json={} if method == "POST" else None).status_code == 200
        return
    response = client.open(address(path), method=method)
    assert response.status_code == 405
    assert response.headers["Allow"] == ", ".join(ALLOWED[path])
    if method != "HEAD":
        assert json.loads(response.data)["code"] == "method-not-allowed"


@of_each_readable_path
@pytest.mark.parametrize("headers", [{}, {"Accept-Encoding": "gzip"}, {"Accept": "text/html"}, {"If-None-Match": "*"}])
def test_head_is_get_without_its_body(client: FlaskClient, path: str, headers: dict[str, str]):
    changing = CHANGING | {"Content-Length"} if path == "/metrics" else CHANGING
    whole, head = client.get(address(path), headers=headers), client.head(address(path), headers=headers)
    assert (head.status_code, head.data) == (whole.status_code, b"")
    assert {name: value for name, value in head.headers if name not in changing} == {
        name: value for name, value in whole.headers if name not in changing
    }


def names_of(api: dict[str, Any], path: str) -> list[str]:
    """The query parameters of a GET."""
    found = [
        api["components"]["parameters"][one["$ref"].rpartition("/")[2]] if "$ref" in one else one
        for one in api["paths"][path]["get"]["parameters"]
    ]
    return [parameter["name"] for parameter in found if parameter["in"] == "query"]


@of_each_readable_path
def test_unknown_parameter_is_a_400_with_the_nearest_name_or_all(client: FlaskClient, path: str):
    for name in [*names_of(definition(client), path), "nothing-like-it"]:
        wrong = f"{name[0]}{name}"
        response = client.get(f"{address(path)}?{wrong}=1")
        assert response.status_code == 400, wrong
        problem = json.loads(response.data)
        assert (problem["code"], problem["parameter"]) == ("parameter-unknown", wrong)
        if len(name) > 2 and name != "nothing-like-it":
            assert f"'{name}'" in problem["hint"]
        else:
            assert problem["hint"]


@of_each_readable_path
def test_parameter_that_is_given_twice_is_a_400(client: FlaskClient, path: str):
    for name in names_of(definition(client), path):
        response = client.get(f"{address(path)}?{name}=1&{name}=1")
        assert response.status_code == 400
        assert json.loads(response.data)["parameter"] == name
