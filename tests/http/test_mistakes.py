"""Every mistake of a client is a 4xx problem that names the parameter and what to do."""

from __future__ import annotations

import json
import logging

import pytest
from flask import Flask
from flask.testing import FlaskClient

PLACES = "/collections/places"

# address, status, code, parameter, a part of the hint
MISTAKES = [
    (f"{PLACES}/items?limitt=3", 400, "parameter-unknown", "limitt", "'limit'"),
    (f"{PLACES}/items?nmae=x", 400, "parameter-unknown", "nmae", "'name'"),
    (f"{PLACES}/items?zzz=x", 400, "parameter-unknown", "zzz", "known here: f, limit"),
    (f"{PLACES}/items?limit=0", 400, "parameter-invalid", "limit", "from 1"),
    (f"{PLACES}/items?limit=-5", 400, "parameter-invalid", "limit", "from 1"),
    (f"{PLACES}/items?limit=ten", 400, "parameter-invalid", "limit", "from 1"),
    (f"{PLACES}/items?limit=", 400, "parameter-invalid", "limit", "from 1"),
    (f"{PLACES}/items?limit=2&limit=3", 400, "parameter-invalid", "limit", "once"),
    (f"{PLACES}/items?bbox-crs=EPSG:1", 400, "parameter-invalid", "bbox-crs", "CRS84"),
    (f"{PLACES}/items?bbox=1,2,3,4&bbox-crs=EPSG:9999", 400, "parameter-invalid", "bbox-crs", "CRS84"),
    (f"{PLACES}/items?bbox=5,2,3,4&bbox-crs=EPSG:3857", 400, "bbox-invalid", "bbox", "lower corner"),
    (f"{PLACES}/items?crs=EPSG:3067", 400, "parameter-invalid", "crs", "CRS84"),
    (f"{PLACES}/items/1?crs=nonsense", 400, "parameter-invalid", "crs", "CRS84"),
    ("/collections/stock/items?crs=EPSG:3857", 400, "parameter-invalid", "crs", "CRS84"),
    (f"{PLACES}/items?sortby=nmae", 400, "parameter-invalid", "sortby", "'name'"),
    (f"{PLACES}/items?sortby=name,-name", 400, "parameter-invalid", "sortby", "once"),
    (f"{PLACES}/items?sortby=,", 400, "parameter-invalid", "sortby", "commas"),
    ("/collections/stock/items?sortby=detail", 400, "parameter-invalid", "sortby", "sortable: id, amount"),
    (f"{PLACES}/items?properties=nmae", 400, "parameter-invalid", "properties", "'name'"),
    (f"{PLACES}/items?properties=name&exclude-properties=ratio", 400, "parameter-invalid", "exclude-properties", "out"),
    (f"{PLACES}/items?skipGeometry=yes", 400, "parameter-invalid", "skipGeometry", "true, false"),
    (f"{PLACES}/items?precision=99", 400, "parameter-invalid", "precision", "0 to 15"),
    (f"{PLACES}/items?zoom-level=-1", 400, "parameter-invalid", "zoom-level", "0 to 24"),
    (f"{PLACES}/items?offset=-1", 400, "parameter-invalid", "offset", "from 0"),
    (f"{PLACES}/items?offset=99999999999999", 400, "parameter-invalid", "offset", "from 0"),
    (f"{PLACES}/items?offset=1&cursor=x", 400, "parameter-invalid", "offset", "leave one out"),
    (f"{PLACES}/items?resultType=hit", 400, "parameter-invalid", "resultType", "'hits'"),
    (f"{PLACES}/items?count=some", 400, "parameter-invalid", "count", "exact"),
    (f"{PLACES}/items?q=%20", 400, "parameter-invalid", "q", "word"),
    (f"{PLACES}/items?ids=1,,2", 400, "parameter-invalid", "ids", "commas"),
    (f"{PLACES}/items?bbox=1,2,3", 400, "bbox-invalid", "bbox", "west,south,east,north"),
    (f"{PLACES}/items?bbox=a,b,c,d", 400, "bbox-invalid", "bbox", "west,south,east,north"),
    (f"{PLACES}/items?bbox=0,50,10,40", 400, "bbox-invalid", "bbox", "west,south,east,north"),
    (f"{PLACES}/items?bbox=0,0,1,91", 400, "bbox-invalid", "bbox", "west,south,east,north"),
    (f"{PLACES}/items?bbox=0,0,200,10", 400, "bbox-invalid", "bbox", "antimeridian"),
    (f"{PLACES}/items?bbox=nan,0,1,1", 400, "bbox-invalid", "bbox", "west,south,east,north"),
    (f"{PLACES}/items?datetime=yesterday", 400, "parameter-invalid", "datetime", "2024-05-01"),
    (f"{PLACES}/items?datetime=2024-W01", 400, "parameter-invalid", "datetime", "2024-05-01"),
    (f"{PLACES}/items?datetime=20240101T100000Z/..", 400, "parameter-invalid", "datetime", "2024-05-01"),
    (f"{PLACES}/items?datetime=2024-01-01T10:00:60Z", 400, "parameter-invalid", "datetime", "2024-05-01"),
    (f"{PLACES}/items?datetime=../..", 400, "parameter-invalid", "datetime", "2024-05-01"),
    (f"{PLACES}/items?datetime=2024-01-01/2024-02-01/2024-03-01", 400, "parameter-invalid", "datetime", "2024-05-01"),
    (f"{PLACES}/items?datetime=2024-02-01/2024-01-01", 400, "parameter-invalid", "datetime", "start/end"),
    (f"{PLACES}/items?population=many", 400, "parameter-invalid", "population", "whole number"),
    (f"{PLACES}/items?population=9223372036854775808", 400, "parameter-invalid", "population", "whole number"),
    (f"{PLACES}/items?ratio=nan", 400, "parameter-invalid", "ratio", "number"),
    (f"{PLACES}/items?capital=maybe", 400, "parameter-invalid", "capital", "true or false"),
    (f"{PLACES}/items?founded=1550", 400, "parameter-invalid", "founded", "date"),
    (f"{PLACES}/items?founded=1550-W24-4", 400, "parameter-invalid", "founded", "date"),
    (f"{PLACES}/items?seen=20240301T10Z", 400, "parameter-invalid", "seen", "time"),
    (f"{PLACES}/items?seen=noon", 400, "parameter-invalid", "seen", "time"),
    (f"{PLACES}/items?name=%00", 400, "parameter-invalid", "name", "text"),
    (f"{PLACES}/items?cursor=x", 400, "cursor-invalid", "cursor", "first page"),
    (f"{PLACES}/items?cursor=%FF%FE", 400, "cursor-invalid", "cursor", "first page"),
    (f"{PLACES}/items?f=wfs", 400, "parameter-invalid", "f", "json"),
    (f"{PLACES}/items?f=htm", 400, "parameter-invalid", "f", "'html'"),
    ("/collections/place/items", 404, "collection-unknown", None, "'places'"),
    ("/collections/%00/items", 404, "collection-unknown", None, "/collections"),
    ("/collections/qqqqqqq", 404, "collection-unknown", None, "/collections"),
    (f"{PLACES}/items/8", 404, "feature-unknown", "featureId", "items"),
    (f"{PLACES}/items/x", 404, "feature-unknown", "featureId", "items"),
    (f"{PLACES}/items/99999999999999999999", 404, "feature-unknown", "featureId", "items"),
    (f"{PLACES}/items/1?limit=3", 400, "parameter-unknown", "limit", "f"),
    (f"{PLACES}/tiles/WebMercatorquad/0/0/0", 404, "tile-matrix-set-unknown", "tileMatrixSetId", "WebMercatorQuad"),
    (f"{PLACES}/tiles/WebMercatorQuad/0/0/1", 404, "tile-outside", "tileCol", "0 to 0"),
    (f"{PLACES}/tiles/WebMercatorQuad/1/2/0", 404, "tile-outside", "tileRow", "0 to 1"),
    (f"{PLACES}/tiles/WebMercatorQuad/25/0/0", 404, "tile-outside", "tileMatrix", "24"),
    (f"{PLACES}/tiles/WebMercatorQuad/9999999999/0/0", 404, "tile-outside", "tileMatrix", "24"),
    (f"{PLACES}/tiles/WebMercatorQuad/a/0/0", 400, "parameter-invalid", "tileMatrix", "whole number"),
    (f"{PLACES}/tiles/WebMercatorQuad/1/-1/0", 400, "parameter-invalid", "tileRow", "whole number"),
    (f"{PLACES}/tiles/WebMercatorQuad/0/0/0?x=1", 400, "parameter-unknown", "x", "known here: f"),
    ("/collections/stock/tiles", 404, "collection-without-geometry", None, "items"),
    ("/collections/stock/tiles/WebMercatorQuad/0/0/0", 404, "collection-without-geometry", None, "items"),
    ("/tileMatrixSets/WebQuad", 404, "tile-matrix-set-unknown", "tileMatrixSetId", "WebMercatorQuad"),
    ("/conformance?x=1", 400, "parameter-unknown", "x", "known here: f"),
    ("/map?collection=a", 400, "parameter-unknown", "collection", "'collections'"),
    ("/problems/no-such", 404, "not-found", None, "landing page"),
    ("/nothing/here", 404, "not-found", None, "landing page"),
]


@pytest.mark.parametrize(("url", "status", "code", "parameter", "hint"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_mistake_is_a_problem_that_says_what_to_do(
    client: FlaskClient, url: str, status: int, code: str, parameter: str | None, hint: str
):
    response = client.get(url)
    problem = json.loads(response.data)
    assert response.content_type == "application/problem+json"
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem.get("parameter") == parameter
    assert hint in problem["hint"]
    assert problem["type"] == f"http://localhost/problems/{code}"
    assert problem["request_id"] == response.headers["X-Request-Id"]


def test_type_of_a_problem_is_a_page_that_exists(client: FlaskClient):
    problem = json.loads(client.get(f"{PLACES}/items?limit=0").data)
    response = client.get(problem["type"].removeprefix("http://localhost"))
    assert json.loads(response.data)["title"] == problem["title"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/items/1", "", "/schema"])
def test_other_methods_are_refused_and_the_allowed_ones_named(client: FlaskClient, method: str, path: str):
    response = client.open(f"{PLACES}{path}", method=method)
    assert response.status_code == 405
    assert response.headers["Allow"].split(", ") == ["GET", "HEAD", "OPTIONS"]
    assert json.loads(response.data)["code"] == "method-not-allowed"


def test_format_that_nobody_makes_is_not_acceptable(client: FlaskClient):
    response = client.get("/collections", headers={"Accept": "application/pdf"})
    assert response.status_code == 406
    assert "application/json" in json.loads(response.data)["detail"]


def test_cursor_of_another_filter_is_refused(client: FlaskClient):
    page = json.loads(client.get(f"{PLACES}/items?limit=2").data)
    url = next(link["href"] for link in page["links"] if link["rel"] == "next")
    response = client.get(f"{url.removeprefix('http://localhost')}&capital=true")
    assert json.loads(response.data)["detail"] == "the cursor belongs to another collection, filter or order"


def test_no_mistake_is_logged_with_a_traceback(client: FlaskClient, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "isthmus.api")
    client.get(f"{PLACES}/items?limit=0")
    [record] = caplog.records
    assert record.levelno == logging.INFO
    assert record.exc_info is None
    assert "parameter-invalid" in record.getMessage()


def test_mistake_of_ours_tells_the_client_nothing_but_the_request_id(app: Flask, caplog: pytest.LogCaptureFixture):
    view = app.view_functions["service.conformance"]

    def broken() -> str:
        raise ZeroDivisionError("secret of the house")

    app.view_functions["service.conformance"] = broken
    try:
        response = app.test_client().get("/conformance")
    finally:
        app.view_functions["service.conformance"] = view
    assert response.status_code == 500
    assert b"secret" not in response.data
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert json.loads(response.data)["request_id"] in record.getMessage()
