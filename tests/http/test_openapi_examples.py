"""The OpenAPI document as a stranger's program takes it: every example can be sent, every name is there once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV30SpecValidator

from api.app import create_app
from core.database.connections import Database as Pool
from core.settings import Settings
from loader.catalogue import open_catalogue
from loader.load import Job, load_dataset
from loader.progress import silent
from loader.scan import scan
from support.cluster import Cluster
from support.network import leave_network
from support.ogc import definition, get

SAMPLES = Path(__file__).parents[2] / "data" / "samples"
ALONE = ("cursor", "exclude-properties", "near")
"""Parameters that exclude another one."""

WITHOUT_EXAMPLE = {"cursor", "view"}
"""A collection of one page has no second one."""


@pytest.fixture(scope="module")
def sampled(cluster: Cluster) -> Iterator[FlaskClient]:
    """The API on the files that Isthmus comes with."""
    database = cluster.clone()
    settings: Settings = database.owner
    (settings.data_dir / "samples").symlink_to(SAMPLES)
    with open_catalogue(settings) as connection:
        for name in ("big_cities.csv", "countries_110m_shp.zip", "roads.geojson"):
            target = settings.data_dir / name
            target.write_bytes((SAMPLES / name).read_bytes())
            report = load_dataset(Job(connection, settings, scan(settings.data_dir).datasets[name], "test", silent))
            assert report.status == "loaded", report.error
    leave_network(database.reader.data_dir)
    pool = Pool(database.reader)
    yield create_app(database.reader, pool).test_client()
    pool.close()
    cluster.drop(database)


def operations(api: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], list[dict[str, Any]]]]:
    """(path, method, operation, its parameters with the references looked up) of every operation."""
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            parameters = [
                api["components"]["parameters"][found["$ref"].rpartition("/")[2]] if "$ref" in found else found
                for found in operation["parameters"]
            ]
            yield path, method, operation, parameters


def written(value: Any) -> str:
    """An example as it stands in an address (style form, no explode)."""
    if isinstance(value, list):
        return ",".join(map(written, value))
    return json.dumps(value) if isinstance(value, bool) else str(value)


def filled(path: str, parameters: list[dict[str, Any]]) -> str:
    """The path with the examples of its places."""
    for parameter in parameters:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", written(parameter["example"]))
    assert "{" not in path
    return path


def requests(api: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, str], Any, str]]:
    """(method, path, query, body, its media type): one for each operation, one for each example of a parameter."""
    for path, method, operation, parameters in operations(api):
        here = filled(path, parameters)
        asked = {
            found["name"]: written(found["example"])
            for found in parameters
            if found["in"] == "query" and "example" in found
        }
        if method == "post":
            for media_type, content in operation["requestBody"]["content"].items():
                yield method, here, {}, content["example"], media_type
            continue
        yield method, here, {}, None, ""
        yield from ((method, here, {name: value}, None, "") for name, value in asked.items())
        together = {name: value for name, value in asked.items() if name not in ALONE}
        yield method, here, together, None, ""


def send(client: FlaskClient, method: str, path: str, query: dict[str, str], body: Any, media_type: str) -> Any:
    """The answer to a request with an example."""
    if method == "get":
        return client.get(path, query_string=query)
    return client.post(path, json=body) if media_type == "application/json" else client.post(path, data=body)


@pytest.fixture(params=["small world", "samples"])
def stranger(request: pytest.FixtureRequest, client: FlaskClient, sampled: FlaskClient) -> FlaskClient:
    """A client of each of two APIs."""
    return client if request.param == "small world" else sampled


def test_every_example_can_be_sent(stranger: FlaskClient):
    count = 0
    for method, path, query, body, media_type in requests(definition(stranger)):
        response = send(stranger, method, path, query, body, media_type)
        assert 200 <= response.status_code < 300, (path, query, body, response.text)
        count += 1
    assert count > 100


def test_every_parameter_has_an_example_that_its_schema_takes(stranger: FlaskClient):
    for path, _, _, parameters in operations(definition(stranger)):
        for parameter in parameters:
            if parameter["name"] in WITHOUT_EXAMPLE:
                continue
            example, schema = parameter["example"], parameter["schema"]
            kinds = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list}
            assert isinstance(example, kinds[schema["type"]]), (path, parameter)
            allowed = schema.get("enum") or schema.get("items", {}).get("enum")
            if allowed:
                assert set(example if isinstance(example, list) else [example]) <= set(allowed), (path, parameter)


def test_examples_of_properties_find_features(sampled: FlaskClient):
    """They are values that features have, so who tries them sees something."""
    api = definition(sampled)
    for name in ("big_cities", "roads"):
        for parameter in api["paths"][f"/collections/{name}/items"]["get"]["parameters"]:
            if parameter.get("name") in ("filter", "ids", "bbox", "datetime", "q", "name", "id"):
                query = {"limit": 100, parameter["name"]: written(parameter["example"])}
                assert get(sampled, f"/collections/{name}/items", **query)["features"], (name, parameter)


def test_document_is_valid_and_names_each_operation_once(stranger: FlaskClient):
    api = definition(stranger)
    OpenAPIV30SpecValidator(api).validate()
    ids = [operation["operationId"] for _, _, operation, _ in operations(api)]
    assert len(ids) == len(set(ids))
    for path, _, operation, parameters in operations(api):
        assert operation["summary"]
        assert operation["tags"][0] in {tag["name"] for tag in api["tags"]}
        assert len({(found["in"], found["name"]) for found in parameters}) == len(parameters), path
        assert set(re.findall(r"\{(\w+)\}", path)) == {found["name"] for found in parameters if found["in"] == "path"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("get", "/collections/places/items", {"If-None-Match": "*"}, None, 304),
        ("get", "/collections", {"If-None-Match": "*"}, None, 304),
        ("get", "/collections/places/items/1", {"Accept": "image/png"}, None, 406),
        ("get", "/collections/places/tiles/WebMercatorQuad/0/0/0", {"Accept": "image/png"}, None, 406),
        ("post", "/collections/places/items", {"Content-Type": "text/plain"}, b"x", 415),
        ("post", "/collections/places/search", {"Content-Type": "application/json"}, b" " * 2_000_000, 413),
        ("post", "/collections/none/search", {"Content-Type": "application/json"}, b"{}", 404),
    ],
)
def test_status_that_can_be_provoked_is_documented(
    client: FlaskClient, method: str, path: str, headers: dict[str, str], body: bytes | None, status: int
):
    response = client.open(path, method=method.upper(), headers=headers, data=body)
    assert response.status_code == status
    shape = re.sub("places|none", "{collectionId}", path).replace("/items/1", "/items/{featureId}")
    shape = shape.replace("WebMercatorQuad/0/0/0", "{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}")
    api = definition(client)
    assert str(status) in api["paths"][shape][method]["responses"]
    if path in api["paths"]:
        assert str(status) in api["paths"][path][method]["responses"]


def test_parameters_that_a_collection_cannot_take_are_not_its_parameters(client: FlaskClient):
    names = {
        path: {found["name"]: found for found in parameters}
        for path, method, _, parameters in operations(definition(client))
        if method == "get"
    }
    table, grid = names["/collections/stock/items"], names["/collections/grid/items"]
    for name in ("crs", "bbox-crs", "filter-crs"):
        assert table[name]["schema"]["enum"] == ["http://www.opengis.net/def/crs/OGC/1.3/CRS84"]
    assert "kml" not in table["f"]["schema"]["enum"]
    assert "kml" in grid["f"]["schema"]["enum"]
    assert grid["crs"]["schema"]["enum"][-1].endswith("/EPSG/0/3067")
    assert grid["sortby"]["schema"]["items"]["enum"] == ["id", "-id", "name", "-name"]
    assert grid["properties"]["schema"]["items"]["enum"] == ["name"]
