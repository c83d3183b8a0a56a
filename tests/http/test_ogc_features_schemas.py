"""OGC API Features Part 5 (Common Part 3): Schemas, OGC 23-058r2, requirement by requirement.

The id of the requirement is in the docstring. Roles of features that last are asked of a collection of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from support.cluster import Cluster
from support.ogc import (
    BASE,
    COLLECTIONS,
    EPSG,
    REL,
    SPATIAL,
    ask,
    definition,
    get,
    ids,
    items,
    links_of,
    of_each_collection,
    parameters_of,
    path_of,
    problem,
    status,
)
from support.publish import publish

CONF = "http://www.opengis.net/spec/ogcapi-common-3/1.0/conf/"
CLASSES = (
    *("schemas", "advanced-property-roles", "returnables-and-receivables", "queryables", "sortables"),
    "profile-parameter",
)
SCHEMAS = ("schema", "queryables", "sortables")
PROFILE = "http://www.opengis.net/def/profile/OGC/0/rfc7946"
SCHEMA_JSON = "application/schema+json"
TEMPORAL = {"primary-instant", "primary-interval-start", "primary-interval-end", "primary-interval"}

KEYWORDS = {
    *("$schema", "$id", "type", "title", "properties", "additionalProperties", "format", "readOnly", "pattern"),
    *("description", "enum", "items"),
}
"""Keywords of JSON Schema that these schemas may use."""

of_each_schema = pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name in COLLECTIONS for kind in SCHEMAS], ids=lambda value: value
)

LASTING = """
SELECT fid, day::date AS opened, (day + 30)::date AS closed, now() AS edited, ST_Point(fid, fid) AS geom
FROM (SELECT fid, date '2024-01-01' + fid AS day FROM generate_series(1, 3) AS fid) AS days
"""


@pytest.fixture(scope="module")
def lasting(cluster: Cluster) -> Iterator[FlaskClient]:
    """An API with features that last: `both` has two dates, `mixed` a date and a time, `never` no time at all."""
    database = cluster.clone()
    columns = {"opened": "date", "closed": "date", "edited": "datetime"}
    for id, start, end in (("both", "opened", "closed"), ("mixed", "opened", "edited"), ("never", None, None)):
        publish(database, id, LASTING, columns=columns, temporal_column=start, temporal_end_column=end)
    pool = Pool(database.reader)
    yield create_app(database.reader, pool).test_client()
    pool.close()
    cluster.drop(database)


def schema_of(client: FlaskClient, name: str, kind: str) -> dict[str, Any]:
    """A schema of a collection."""
    return get(client, f"/collections/{name}/{kind}")


def with_role(properties: dict[str, dict[str, Any]], *roles: str) -> list[str]:
    """The names of the properties that have one of the roles."""
    return [name for name, schema in properties.items() if schema.get("x-ogc-role") in roles]


def test_classes_of_this_module_are_declared(client: FlaskClient):
    """/conf/*/get-conformance; references, codelists and value domains are not offered"""
    classes = get(client, "/conformance")["conformsTo"]
    assert {name for name in classes if name.startswith(CONF)} == {f"{CONF}{name}" for name in CLASSES}


@of_each_schema
def test_schema_is_a_valid_json_schema_of_an_object(client: FlaskClient, name: str, kind: str):
    """/req/schemas/json-schema"""
    document = schema_of(client, name, kind)
    jsonschema.Draft202012Validator.check_schema(document)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert document["type"] == "object"
    assert document["$id"] == f"{BASE}/collections/{name}/{kind}"
    response = client.get(path_of(document["$id"]), headers={"Accept": SCHEMA_JSON})
    assert (response.status_code, response.content_type) == (200, SCHEMA_JSON)
    assert json.loads(response.data) == document


@of_each_schema
def test_each_property_has_a_type_and_each_spatial_one_a_format(client: FlaskClient, name: str, kind: str):
    """/req/schemas/properties, A to D"""
    for property in schema_of(client, name, kind)["properties"].values():
        spatial = property.get("format", "").startswith("geometry-")
        assert ("type" in property) is not spatial
        assert not spatial or "$ref" not in property
        if property.get("format") in ("date", "date-time"):
            assert property["type"] == "string"
    formats = {name: property.get("format") for name, property in schema_of(client, name, kind)["properties"].items()}
    if name == "places":
        assert (formats["founded"], formats["seen"]) == ("date", "date-time")
    if kind != "sortables" and name in SPATIAL:
        assert formats["geometry"] == {"places": "geometry-point", "grid": "geometry-polygon"}[name]


@of_each_collection
def test_what_is_only_returned_is_read_only(client: FlaskClient, name: str):
    """/req/schemas/properties, G and H"""
    properties = schema_of(client, name, "schema")["properties"]
    assert [key for key, property in properties.items() if property.get("readOnly")] == ["id"]
    assert not [key for key, property in properties.items() if "writeOnly" in property]


@of_each_schema
def test_keywords_of_our_own_begin_with_x_ogc(client: FlaskClient, name: str, kind: str):
    """/req/schemas/additional-keywords"""
    document = schema_of(client, name, kind)
    for part in (document, *document["properties"].values()):
        assert all(key in KEYWORDS or key.startswith("x-ogc-") for key in part)


@of_each_schema
def test_roles_are_texts(client: FlaskClient, name: str, kind: str):
    """/req/schemas/role"""
    properties = schema_of(client, name, kind)["properties"].values()
    roles = [property["x-ogc-role"] for property in properties if "x-ogc-role" in property]
    assert all(isinstance(role, str) for role in roles)
    assert len(roles) == len(set(roles))


@of_each_schema
def test_one_property_is_the_id_of_the_feature(client: FlaskClient, name: str, kind: str):
    """/req/schemas/role-id"""
    properties = schema_of(client, name, kind)["properties"]
    [id] = with_role(properties, "id")
    assert properties[id]["type"] in ("string", "integer")
    for feature in items(client, name):
        assert isinstance(feature["id"], {"integer": int, "string": str}[properties[id]["type"]])


@of_each_schema
def test_properties_are_numbered_in_their_order(client: FlaskClient, name: str, kind: str):
    """/req/schemas/property-seq, /rec/schemas/property-seq-unique"""
    properties = schema_of(client, name, kind)["properties"].values()
    assert [property["x-ogc-propertySeq"] for property in properties] == list(range(1, len(properties) + 1))


@of_each_schema
def test_keywords_that_nothing_is_known_for_are_not_there(client: FlaskClient, name: str, kind: str):
    """/req/schemas/unit, /req/schemas/definition, /req/schemas/nullvalues, /req/references/role-reference"""
    unknown = {"x-ogc-unit", "x-ogc-unitLang", "x-ogc-definition", "x-ogc-nullValues", "x-ogc-collectionId"}
    for property in schema_of(client, name, kind)["properties"].values():
        assert not unknown & property.keys()


@of_each_schema
def test_primary_geometry_is_the_spatial_property(client: FlaskClient, name: str, kind: str):
    """/req/advanced-property-roles/role-primary-geometry"""
    properties = schema_of(client, name, kind)["properties"]
    spatial = [key for key, property in properties.items() if property.get("format", "").startswith("geometry-")]
    assert with_role(properties, "primary-geometry") == spatial
    assert len(spatial) == (1 if name in SPATIAL and kind != "sortables" else 0)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_primary_instant_is_the_time_that_datetime_asks(client: FlaskClient, kind: str):
    """/req/advanced-property-roles/role-primary-instant"""
    properties = schema_of(client, "places", kind)["properties"]
    assert with_role(properties, "primary-instant") == ["seen"]
    found = items(client, "places", datetime="2024-03-01T10:00:00Z")
    assert [(feature["properties"]["seen"] or "never")[:19] for feature in found] == ["2024-03-01T10:00:00", "never"]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_primary_interval_is_the_start_and_the_end_that_datetime_asks(lasting: FlaskClient, kind: str):
    """/req/advanced-property-roles/role-primary-interval-start and -end, primary-temporal-constraints, A, B and C"""
    properties = schema_of(lasting, "both", kind)["properties"]
    assert with_role(properties, "primary-interval-start") == ["opened"]
    assert with_role(properties, "primary-interval-end") == ["closed"]
    assert with_role(properties, *TEMPORAL) == ["opened", "closed"]
    assert properties["opened"]["format"] == properties["closed"]["format"] == "date"
    assert ids(items(lasting, "both", datetime="2024-02-02/..")) == [2, 3]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_date_and_a_time_have_no_roles_and_no_time_has_none(lasting: FlaskClient, kind: str):
    """/req/advanced-property-roles/primary-temporal-constraints, C and D; role-primary-interval, role-type"""
    for name in ("mixed", "never"):
        properties = schema_of(lasting, name, kind)["properties"]
        assert with_role(properties, *TEMPORAL, "type") == []


@of_each_schema
def test_collection_links_to_each_schema(client: FlaskClient, name: str, kind: str):
    """/req/returnables-and-receivables/link, /req/queryables/link, /req/sortables/link"""
    listed = {found["id"]: found for found in get(client, "/collections")["collections"]}
    for document in (listed[name], get(client, f"/collections/{name}")):
        [link] = links_of(document, f"{REL}{kind}")
        assert link["href"] == f"{BASE}/collections/{name}/{kind}"
        assert link["type"] == SCHEMA_JSON


@of_each_schema
@pytest.mark.parametrize("accept", [SCHEMA_JSON, "application/json", "*/*", None])
def test_schema_can_be_got(client: FlaskClient, name: str, kind: str, accept: str | None):
    """/req/returnables-and-receivables/op and response, A; the same of queryables and sortables"""
    headers = {"Accept": accept} if accept else {}
    response = client.get(f"/collections/{name}/{kind}", headers=headers)
    assert (response.status_code, response.content_type) == (200, SCHEMA_JSON)


@of_each_schema
def test_schema_can_be_read_as_a_page(client: FlaskClient, name: str, kind: str):
    """/rec/returnables-and-receivables/html"""
    response = ask(client, f"/collections/{name}/{kind}", f="html")
    assert (response.status_code, response.content_type) == (200, "text/html; charset=utf-8")
    assert all(key in response.text for key in schema_of(client, name, kind)["properties"])


@of_each_collection
def test_features_have_the_properties_that_are_declared_and_no_others(client: FlaskClient, name: str):
    """/req/returnables-and-receivables/response, C; values are valid, where there is one"""
    schema = schema_of(client, name, "schema")
    assert schema["additionalProperties"] is False
    by_role = {property.get("x-ogc-role"): property for property in schema["properties"].values()}
    found = items(client, name)
    for feature in [*found, get(client, f"/collections/{name}/items/{found[0]['id']}")]:
        own = set(schema["properties"]) - {"id", "geometry"}
        assert set(feature["properties"]) == own
        values = {key: value for key, value in feature["properties"].items() if value is not None}
        for key, value in values.items():
            jsonschema.validate(value, schema["properties"][key], jsonschema.Draft202012Validator)
        jsonschema.validate(feature["id"], by_role["id"], jsonschema.Draft202012Validator)


@of_each_collection
def test_every_queryable_can_be_asked_for_and_nothing_else(client: FlaskClient, name: str):
    """/req/queryables/response, C"""
    document = schema_of(client, name, "queryables")
    assert document["additionalProperties"] is False
    for key in document["properties"]:
        assert status(client, f"/collections/{name}/items", filter=f'"{key}" IS NOT NULL') == 200
    found = problem(client, f"/collections/{name}/items", filter="no_such_property = 1")
    assert (found["parameter"], found["code"]) == ("filter", "filter-invalid")


@of_each_collection
def test_every_sortable_can_be_sorted_by_and_nothing_else(client: FlaskClient, name: str):
    """/req/sortables/response, C, D and E"""
    document = schema_of(client, name, "sortables")
    assert document["additionalProperties"] is False
    for key, property in document["properties"].items():
        assert property["type"] not in ("object", "array")
        assert not property.get("format", "").startswith("geometry-")
        ascending, descending = (items(client, name, sortby=f"{sign}{key}") for sign in ("+", "-"))
        assert sorted(ids(ascending)) == sorted(ids(descending))
        if len({(feature["properties"] | {"id": feature["id"]})[key] for feature in ascending}) > 1:
            assert ids(ascending) != ids(descending)
    assert problem(client, f"/collections/{name}/items", sortby="geometry")["parameter"] == "sortby"
    assert problem(client, f"/collections/{name}/items", sortby="no_such_property")["parameter"] == "sortby"


PROFILED = ["/collections/{collectionId}/items", "/collections/{collectionId}/items/{featureId}"]


@pytest.mark.parametrize("path", PROFILED)
def test_profile_parameter_is_defined_as_the_standard_has_it(client: FlaskClient, path: str):
    """/req/profile-parameter/profile-param, A and B"""
    parameter = parameters_of(definition(client), path)["profile"]
    assert (parameter["in"], parameter["required"]) == ("query", False)
    assert (parameter["style"], parameter["explode"]) == ("form", False)
    assert parameter["schema"]["type"] == "array"
    assert parameter["schema"]["items"] == {"type": "string", "enum": ["rfc7946", "jsonfg", "jsonfg-plus"]}


@pytest.mark.parametrize("path", ["/collections/places/items", "/collections/places/items/1"])
@pytest.mark.parametrize("wanted", ["rfc7946", PROFILE, f"rfc7946,{PROFILE}"])
def test_profile_that_is_asked_for_is_linked_to(client: FlaskClient, path: str, wanted: str):
    """/req/profile-parameter/profile-param-response, B, /rec/profile-parameter/profile-link-header"""
    response = ask(client, path, profile=wanted)
    assert response.status_code == 200
    assert [link["href"] for link in links_of(json.loads(response.data), "profile")] == [PROFILE]
    assert response.headers["Link"] == f'<{PROFILE}>; rel="profile"'


@pytest.mark.parametrize("path", ["/collections/places/items", "/collections/places/items/1"])
def test_profile_may_be_left_out(client: FlaskClient, path: str):
    """/req/profile-parameter/profile-param-response, A"""
    response = ask(client, path)
    assert response.status_code == 200
    assert links_of(json.loads(response.data), "profile") == []
    assert 'rel="profile"' not in ", ".join(response.headers.getlist("Link"))


@pytest.mark.parametrize("path", ["/collections/places/items", "/collections/places/items/1"])
@pytest.mark.parametrize("query", [{"crs": f"{EPSG}3857"}, {"f": "html"}])
def test_answer_that_cannot_follow_a_profile_says_none(client: FlaskClient, path: str, query: dict[str, str]):
    """/per/profile-parameter/profiles-of-media-type, /rec/profile-parameter/profile-negotiation, B"""
    response = ask(client, path, profile="rfc7946", **query)
    assert response.status_code == 200
    assert PROFILE not in response.text
    assert 'rel="profile"' not in ", ".join(response.headers.getlist("Link"))


@pytest.mark.parametrize("path", ["/collections/places/items", "/collections/places/items/1"])
@pytest.mark.parametrize("wanted", ["none-such", "", "rfc7946,none-such", "RFC7946", "rel-as-link"])
def test_profile_that_is_not_defined_is_a_400(client: FlaskClient, path: str, wanted: str):
    """/conf/profile-parameter/profile-param-response"""
    assert problem(client, path, profile=wanted)["parameter"] == "profile"


def test_walk_keeps_the_profile(client: FlaskClient):
    """/req/profile-parameter/profile-param-response, B, on each page"""
    first = get(client, "/collections/places/items", profile="rfc7946", limit=4)
    second = get(client, path_of(links_of(first, "next")[0]["href"]))
    assert [link["href"] for link in links_of(second, "profile")] == [PROFILE]
