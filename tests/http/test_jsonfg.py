"""JSON-FG: OGC Features and Geometries JSON 1.0 (OGC 21-045r1), held against the standard's own schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient
from referencing import Registry, Resource

from api.app import create_app
from core.database.connections import Database as Pool
from support.cluster import ROOT, Cluster
from support.http import get
from support.publish import publish

CLASSES = "http://www.opengis.net/spec/json-fg-1/1.0/conf"
EPSG = "http://www.opengis.net/def/crs/EPSG/0"
PROFILE = "http://www.opengis.net/def/profile/OGC/0"
SCHEMAS = ROOT / "tests" / "data" / "jsonfg"
COLLECTIONS = ["places", "grid", "stock"]

EVENTS = """
SELECT * FROM (VALUES
    (1, date '2024-05-01', date '2024-05-03', ST_Point(1, 2)),
    (2, '2024-05-01', NULL, ST_Point(1, 2)),
    (3, NULL, '2024-05-03', ST_Point(1, 2)),
    (4, NULL, NULL, ST_Point(1, 2)),
    (5, '2024-05-03', '2024-05-01', ST_Point(1, 2))
) AS events (fid, begins, ends, geom)
"""


@pytest.fixture(scope="module")
def check() -> Any:
    """A validator of root objects."""
    found = [json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")]
    registry = Registry().with_resources([(schema["$id"], Resource.from_contents(schema)) for schema in found])
    root = next(schema for schema in found if schema["$id"].endswith("jsonfg-root-object.json"))
    return jsonschema.Draft202012Validator(root, registry=registry, format_checker=jsonschema.FormatChecker())


def features(document: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """The features of a page by id."""
    return {feature["id"]: feature for feature in document["features"]}


@pytest.mark.parametrize("name", COLLECTIONS)
@pytest.mark.parametrize(
    "query", ["", "crs=EPSG:4326", "crs=EPSG:3857", "crs=EPSG:3067", "profile=jsonfg-plus&crs=EPSG:3857"]
)
def test_pages_and_features_fit_the_schema_of_the_standard(client: FlaskClient, check: Any, name: str, query: str):
    if ("3067" in query and name != "grid") or (query and name == "stock"):
        query = ""
    page = get(client, f"/collections/{name}/items?f=jsonfg&limit=100&{query}")
    assert page["features"]
    check.validate(page)
    check.validate(get(client, f"/collections/{name}/items/1?f=jsonfg&{query}"))


def test_plain_geojson_does_not_fit_it(client: FlaskClient, check: Any):
    assert not check.is_valid(get(client, "/collections/places/items"))


def test_root_tells_classes_type_and_schema(client: FlaskClient):
    page = get(client, "/collections/grid/items?f=jsonfg&crs=EPSG:3067")
    assert next(iter(page)) == "conformsTo"
    assert page["conformsTo"] == [f"{CLASSES}/core", f"{CLASSES}/types-schemas"]
    assert (page["featureType"], page["geometryDimension"]) == ("grid", 2)
    assert page["coordRefSys"] == f"{EPSG}/3067"
    assert get(client, page["featureSchema"].removeprefix("http://localhost"))["title"] == "grid"
    one = get(client, "/collections/grid/items/1?f=jsonfg&crs=EPSG:3067")
    assert (one["featureType"], one["coordRefSys"]) == ("grid", f"{EPSG}/3067")
    assert all("conformsTo" not in feature and "coordRefSys" not in feature for feature in page["features"])


def test_geometry_is_in_crs84_and_place_in_any_other_system(client: FlaskClient):
    plain = features(get(client, "/collections/places/items?limit=100"))
    page = get(client, "/collections/places/items?f=jsonfg&limit=100")
    assert "coordRefSys" not in page
    for id, feature in features(page).items():
        assert (feature["geometry"], feature["place"]) == (plain[id]["geometry"], None)
        assert feature["properties"] == plain[id]["properties"]
    swapped = features(get(client, "/collections/places/items?limit=100&crs=EPSG:4326"))
    for id, feature in features(get(client, "/collections/places/items?f=jsonfg&limit=100&crs=EPSG:4326")).items():
        assert (feature["geometry"], feature["place"]) == (None, swapped[id]["geometry"])


def test_plus_has_both(client: FlaskClient):
    url = "/collections/places/items?limit=100&crs=EPSG:4326&f=jsonfg&profile=jsonfg-plus"
    plain = features(get(client, "/collections/places/items?limit=100"))
    for id, feature in features(get(client, url)).items():
        assert feature["geometry"] == plain[id]["geometry"]
        assert (feature["place"] is None) == (feature["geometry"] is None)


def test_time_is_the_temporal_property(client: FlaskClient):
    found = features(get(client, "/collections/places/items?f=jsonfg&limit=100"))
    assert found[1]["time"] == {"timestamp": "2024-01-01T10:00:00Z"}
    assert found[9]["time"] == {"timestamp": "2024-07-01T10:00:00.5Z"}
    assert found[7]["time"] is None
    assert features(get(client, "/collections/grid/items?f=jsonfg"))[1]["time"] is None


def test_features_that_last_have_an_interval(cluster: Cluster, check: Any):
    database = cluster.clone()
    columns = {"begins": "date", "ends": "date"}
    publish(database, "events", EVENTS, columns=columns, temporal_column="begins", temporal_end_column="ends")
    pool = Pool(database.reader)
    try:
        client = create_app(database.reader, pool).test_client()
        page = get(client, "/collections/events/items?f=jsonfg")
        check.validate(page)
        times = {id: feature["time"] for id, feature in features(page).items()}
    finally:
        pool.close()
        cluster.drop(database)
    assert times == {
        1: {"interval": ["2024-05-01", "2024-05-03"]},
        2: {"interval": ["2024-05-01", ".."]},
        3: {"interval": ["..", "2024-05-03"]},
        4: None,
        5: None,
    }


@pytest.mark.parametrize(
    ("query", "accept", "type", "profile"),
    [
        ("f=jsonfg", "", "application/vnd.ogc.fg+json", "jsonfg"),
        ("", "application/vnd.ogc.fg+json", "application/vnd.ogc.fg+json", "jsonfg"),
        ("", "application/fg+json", "application/vnd.ogc.fg+json", "jsonfg"),
        ("profile=jsonfg", "", "application/geo+json", "jsonfg"),
        ("profile=jsonfg", "application/geo+json", "application/geo+json", "jsonfg"),
        ("profile=jsonfg-plus,rfc7946", "", "application/geo+json", "jsonfg-plus"),
        ("profile=rfc7946,jsonfg&crs=EPSG:3857", "", "application/geo+json", "jsonfg"),
        (f"profile={PROFILE}/jsonfg", "", "application/geo+json", "jsonfg"),
    ],
)
@pytest.mark.parametrize("path", ["/collections/places/items", "/collections/places/items/1"])
def test_document_is_chosen_by_format_media_type_or_profile(
    client: FlaskClient, path: str, query: str, accept: str, type: str, profile: str
):
    response = client.get(f"{path}?{query}", headers={"Accept": accept} if accept else {})
    assert response.content_type == type
    document = json.loads(response.data)
    assert f"{CLASSES}/core" in document["conformsTo"]
    assert [link["href"] for link in document["links"] if link["rel"] == "profile"] == [f"{PROFILE}/{profile}"]
    assert response.headers["Link"] == f'<{PROFILE}/{profile}>; rel="profile"'


def test_profile_rfc7946_is_plain(client: FlaskClient):
    document = get(client, "/collections/places/items?profile=rfc7946,jsonfg")
    assert "conformsTo" not in document
    assert all("place" not in feature for feature in document["features"])


@pytest.fixture
def walked(client: FlaskClient) -> Iterator[dict[str, Any]]:
    """The pages of a walk."""

    def pages() -> Iterator[dict[str, Any]]:
        url: str | None = "/collections/places/items?f=jsonfg&limit=3"
        while url:
            page = get(client, url)
            yield page
            following = [link for link in page["links"] if link["rel"] == "next"]
            assert all(link["type"] == "application/vnd.ogc.fg+json" for link in following)
            url = following[0]["href"].removeprefix("http://localhost") if following else None

    return pages()


def test_pages_lead_to_the_next(walked: Iterator[dict[str, Any]], check: Any):
    pages = list(walked)
    for page in pages:
        check.validate(page)
    assert [feature["id"] for page in pages for feature in page["features"]] == [1, 2, 3, 4, 5, 6, 7, 9, 10, 12]


def test_unchanged_page_is_a_304(client: FlaskClient):
    first = client.get("/collections/places/items?f=jsonfg")
    again = client.get("/collections/places/items?f=jsonfg", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
