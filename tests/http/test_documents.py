"""Landing page, conformance, collections, schemas, OpenAPI: each as the standards and GDAL want it."""

from __future__ import annotations

import re

import jsonschema
import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV30SpecValidator

from api.documents.collections import CONFORMS_TO
from api.documents.openapi.operations import OPERATIONS
from api.params.items import ITEMS_PARAMETERS
from core import VERSION
from support.cluster import Database
from support.http import api_client, arrays_without_items, get
from support.publish import publish

REL = "http://www.opengis.net/def/rel/ogc/1.0/"


def links_of(document: dict) -> dict[str, dict]:
    """rel -> the first link of it."""
    found: dict[str, dict] = {}
    for link in document["links"]:
        found.setdefault(link["rel"], link)
    return found


def test_landing_page_leads_to_everything(client: FlaskClient):
    links = links_of(get(client, "/"))
    assert {"self", "alternate", "service-desc", "service-doc", "conformance", "data"} <= links.keys()
    for link in links.values():
        response = client.get(link["href"].removeprefix("http://localhost"))
        assert response.status_code == 200
        assert response.content_type.startswith(link["type"])


def test_conformance_lists_each_class_once(client: FlaskClient):
    classes = get(client, "/conformance")["conformsTo"]
    assert sorted(set(classes)) == sorted(classes)
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in classes
    assert not [name for name in classes if "features-4" in name], "the API only reads"
    assert classes == list(CONFORMS_TO)


def test_collections_are_listed_in_order_with_their_links(client: FlaskClient):
    document = get(client, "/collections")
    assert [found["id"] for found in document["collections"]] == ["grid", "places", "stock"]
    for found in document["collections"]:
        assert {"self", "items"} <= links_of(found).keys()


def test_collection_says_where_and_when(client: FlaskClient):
    document = get(client, "/collections/places")
    assert document["extent"]["spatial"]["bbox"] == [[-171.76, -90, 178.44, 61.5]]
    assert document["extent"]["temporal"]["interval"] == [["2024-01-01T10:00:00Z", "2024-09-01T10:00:00Z"]]
    assert document["itemType"] == "feature"


def test_collection_without_geometry_has_no_extent_and_no_tiles(client: FlaskClient):
    document = get(client, "/collections/stock")
    assert "extent" not in document
    assert f"{REL}tilesets-vector" not in links_of(document)


def test_items_link_carries_no_query_since_gdal_adds_ids_to_it(client: FlaskClient):
    document = get(client, "/collections/places")
    [items] = [link for link in document["links"] if link["rel"] == "items" and link["type"] == "application/geo+json"]
    assert items["href"] == "http://localhost/collections/places/items"


def test_queryables_are_a_schema_of_the_simple_properties(client: FlaskClient):
    document = get(client, "/collections/places/queryables")
    jsonschema.Draft202012Validator.check_schema(document)
    assert document["$id"] == "http://localhost/collections/places/queryables"
    assert document["additionalProperties"] is False
    kinds = {name: (schema.get("type"), schema.get("format")) for name, schema in document["properties"].items()}
    assert kinds == {
        "id": ("integer", None),
        "name": ("string", None),
        "population": ("integer", None),
        "ratio": ("number", None),
        "capital": ("boolean", None),
        "founded": ("string", "date"),
        "seen": ("string", "date-time"),
        "geometry": (None, "geometry-point"),
    }


def test_json_column_is_a_queryable_for_filters_and_no_parameter(client: FlaskClient):
    assert list(get(client, "/collections/stock/queryables")["properties"]) == ["id", "amount", "detail"]
    parameters = get(client, "/api?collections=stock")["paths"]["/collections/stock/items"]["get"]["parameters"]
    names = [parameter["name"] for parameter in parameters if "name" in parameter]
    assert [name for name in names if name not in ITEMS_PARAMETERS] == ["id", "amount"]


def test_functions_of_filters_are_listed(client: FlaskClient):
    functions = {function["name"]: function for function in get(client, "/functions")["functions"]}
    assert functions["lower"]["returns"] == ["string"]
    assert functions["lower"]["args"] == [{"type": ["string"]}]


def test_schema_tells_the_roles(client: FlaskClient):
    properties = get(client, "/collections/places/schema")["properties"]
    roles = {name: schema.get("x-ogc-role") for name, schema in properties.items()}
    assert roles["id"] == "id"
    assert roles["geometry"] == "primary-geometry"
    assert roles["seen"] == "primary-instant"


def test_features_are_valid_by_their_feature_schema(client: FlaskClient):
    schema = get(client, "/collections/places/feature-schema")
    schema["properties"]["geometry"]["anyOf"][0] = {"type": "object"}  # the OGC's own schema lies on the web
    validator = jsonschema.Draft202012Validator(schema)
    features = get(client, "/collections/places/items?limit=100")["features"]
    assert [error.message for feature in features for error in validator.iter_errors(feature)] == []


def test_every_array_of_the_openapi_document_says_of_what(client: FlaskClient):
    """Generators of clients dropped the bodies that held such a one (issue 21)."""
    bare = {"a": [{"type": "array"}], "b": {"type": ["array", "null"]}, "c": {"type": "array", "items": {}}}
    assert arrays_without_items(bare) == ["/a/0", "/b"]
    assert arrays_without_items(get(client, "/api?collections=places,stock")) == []


@pytest.mark.parametrize("name", ["schema", "queryables", "sortables", "feature-schema"])
def test_every_array_of_the_schemas_says_of_what(client: FlaskClient, name: str):
    for id in ("places", "grid", "stock"):
        assert arrays_without_items(get(client, f"/collections/{id}/{name}")) == []


def test_any_value_of_a_column_of_json_fits_the_feature_schema(database: Database):
    """A column of JSON may hold a text or a number beside objects and lists."""
    values = ['{"a": 1}', "[1]", '"x"', "1.5", "true", "null"]
    rows = ", ".join(f"({number}, '{value}'::jsonb)" for number, value in enumerate(values, 1))
    select = f"SELECT * FROM (VALUES {rows}, (7, NULL)) AS t (fid, detail)"
    publish(database, "notes", select, columns={"detail": "json"}, srid=None, geometry_type=None)
    with api_client(database.reader) as client:
        features = get(client, "/collections/notes/items")["features"]
        validator = jsonschema.Draft202012Validator(get(client, "/collections/notes/feature-schema"))
    assert [feature["properties"]["detail"] for feature in features] == [{"a": 1}, [1], "x", 1.5, True, None, None]
    assert [error.message for feature in features for error in validator.iter_errors(feature)] == []


def test_openapi_is_valid(client: FlaskClient):
    document = get(client, "/api?collections=places,stock")
    OpenAPIV30SpecValidator(document).validate()
    assert document["servers"][0]["url"] == "http://localhost"


def test_openapi_gives_a_collection_its_queryables_as_parameters(client: FlaskClient):
    document = get(client, "/api?collections=places")
    parameters = document["paths"]["/collections/places/items"]["get"]["parameters"]
    named = {parameter["name"]: parameter["schema"]["type"] for parameter in parameters if "name" in parameter}
    own = {name: kind for name, kind in named.items() if name not in ITEMS_PARAMETERS}
    assert own == {
        "id": "integer",
        "name": "string",
        "population": "integer",
        "ratio": "number",
        "capital": "boolean",
        "founded": "string",
        "seen": "string",
    }


def test_every_route_is_in_the_openapi_document_and_the_other_way_round(app: Flask):
    def shape(path: str) -> str:
        return re.sub(r"<[^>]*>|\{[^}]*\}", "{}", path).rstrip("/") or "/"

    routes = {shape(rule.rule) for rule in app.url_map.iter_rules() if rule.endpoint != "static"}
    assert routes == {shape(operation.path) for operation in OPERATIONS}


def test_every_operation_without_a_place_for_a_name_answers(client: FlaskClient):
    values = {
        "collectionId": "places",
        "featureId": "1",
        "tileMatrixSetId": "WebMercatorQuad",
        "tileMatrix": "0",
        "tileRow": "0",
        "tileCol": "0",
        "code": "bbox-invalid",
    }
    for operation in OPERATIONS:
        url = operation.path.format(**values)
        response = client.get(url) if operation.method == "get" else client.post(url, json={"limit": 1})
        assert response.status_code == 200, operation.path
        media_type = operation.types[0].partition(";")[0]
        assert response.content_type.partition(";")[0] == media_type, operation.path


def test_health_asks_the_database(client: FlaskClient):
    assert get(client, "/health/live") == {"status": "live"}
    assert get(client, "/health/ready")["status"] == "ready"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json;q=0.5,text/html", "text/html; charset=utf-8"),
        ("text/html;q=0.5,application/json", "application/json"),
    ],
)
def test_accept_chooses_the_format(client: FlaskClient, accept: str | None, media_type: str):
    response = client.get("/collections", headers={"Accept": accept} if accept else {})
    assert response.content_type == media_type
    assert "Accept" in response.headers["Vary"]


def test_f_wins_over_accept(client: FlaskClient):
    assert client.get("/collections?f=json", headers={"Accept": "text/html"}).content_type == "application/json"


def test_geojson_is_given_to_who_asks_for_json(client: FlaskClient):
    response = client.get("/collections/places/items", headers={"Accept": "application/json"})
    assert response.content_type == "application/geo+json"


def test_any_page_may_read_the_answers(client: FlaskClient):
    assert client.get("/collections").headers["Access-Control-Allow-Origin"] == "*"
    preflight = client.options("/collections", headers={"Access-Control-Request-Method": "GET"})
    assert preflight.status_code == 200
    assert "GET" in preflight.headers["Access-Control-Allow-Methods"]


def test_the_version_is_told_where_a_client_looks(client: FlaskClient):
    assert client.get("/?f=json").json["version"] == VERSION
    assert f"Isthmus {VERSION}" in client.get("/?f=html").text
    assert client.get("/api?f=json").json["info"]["version"] == VERSION


def test_openapi_describes_the_collections_that_are_asked_for_and_refuses_others(client: FlaskClient):
    paths = get(client, "/api?collections=places")["paths"]
    assert {path for path in paths if path.startswith("/collections/") and "{" not in path} == {
        "/collections/places/items"
    }
    assert not [path for path in get(client, "/api")["paths"] if "places" in path]
    response = client.get("/api?collections=plases")
    assert (response.status_code, response.json["parameter"]) == (400, "collections")
    assert response.json["hint"] == "perhaps you meant 'places'"


def test_openapi_tells_gdal_the_names_of_all_queryables(client: FlaskClient):
    response = client.get("/api?f=json", headers={"User-Agent": "GDAL/3.10.3"})
    found = response.json["paths"]["/collections/stock/items"]["get"]["parameters"]
    assert [one["name"] for one in found if "name" in one] == ["id", "amount"]
    assert "User-Agent" in response.headers["Vary"]
