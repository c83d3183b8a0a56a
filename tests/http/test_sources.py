"""Tables, views and functions of somebody else's database, each odd in its own way, as collections."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any
from urllib.parse import quote, urlencode

import jsonschema
import pytest
from flask.testing import FlaskClient

from support.cluster import Database
from support.http import arrays_without_items, get, link
from support.odd import FILES, SCHEMAS, rows_of, sources_app
from support.ogc import definition

BROKEN = {"broken_view": 500, "foreign_table_of_nobody": 503, "foreign_table_of_no_file": 500}
DIVIDED = "divided_view"
SLOW = "slow_view"
FUNCTIONS = {"near": {"least": "0"}, "picky": {"Which One": "x"}, "all_data": {}, "writes": {}}
GONE = ("forbidden", "omitted", "never_filled", "locked", "twice", "unnamed", "scalars", "volatile_one", "locked_one")
PARTITIONS = ("partitioned_2023", "partitioned_2024", "partitioned_2024_a", "partitioned_without_key_1")


def names(client: FlaskClient) -> set[str]:
    """The ids of all collections."""
    return {collection["id"] for collection in get(client, "/collections")["collections"]}


def items(name: str, **parameters: str) -> str:
    """The address of a collection's features."""
    return f"/collections/{quote(name, safe='')}/items?{urlencode(parameters)}"


def walk(client: FlaskClient, url: str) -> list[list[dict[str, Any]]]:
    """The pages from the first to the last, by their links."""
    pages: list[list[dict[str, Any]]] = []
    following: str | None = url
    while following is not None:
        page = get(client, following)
        pages.append(page["features"])
        following = link(page, "next")
        assert len(pages) < 500, "a walk without an end"
    return pages


def walkable(client: FlaskClient) -> list[tuple[str, str]]:
    """Id and relation of each collection that is no function and can be read."""
    found = []
    for collection in get(client, "/collections")["collections"]:
        name = collection["id"]
        if name not in (*BROKEN, *FUNCTIONS, DIVIDED, SLOW, "places"):
            page = client.get(f"/collections/{quote(name, safe='')}?f=html").text
            source = re.search(r"Read from</dt><dd><code>([^<]*)</code>", page)
            assert source, name
            found.append((name, source[1]))
    return found


def relation(source: str) -> str:
    """`odd.a b` as it stands in SQL."""
    schema, _, name = source.replace("&#34;", '"').replace("&amp;", "&").partition(".")
    return ".".join('"{}"'.format(part.replace('"', '""')) for part in (schema, name))


def test_every_file_makes_collections_but_those_that_are_not_to_be_read(odd_client: FlaskClient):
    found = names(odd_client)
    for path in FILES:
        name = {
            "mixed_case": 'Mixed Case "x"',
            "name_clash": "odd_other.clash",
            "functions": "near",
            "spaces": "spaces {x}",
        }.get(path.stem, path.stem)
        assert (name in found) == (name not in GONE), name
    assert not found & {*GONE, *PARTITIONS}


def test_paths_of_the_definition_are_addresses(odd_client: FlaskClient):
    paths = definition(odd_client)["paths"]
    assert {"/collections/spaces%20%7Bx%7D/items", "/collections/Mixed%20Case%20%22x%22/items"} <= set(paths)
    assert get(odd_client, "/collections/spaces%20%7Bx%7D/items")["numberReturned"] == 1


def test_choices_of_the_definition_are_told_once(odd_client: FlaskClient):
    for path, item in definition(odd_client)["paths"].items():
        for parameter in item.get("get", {}).get("parameters", ()):
            schema = parameter.get("schema", {})
            choices = schema.get("enum") or schema.get("items", {}).get("enum", [])
            assert len(choices) == len(set(choices)), (path, parameter["name"])


def test_property_with_the_role_of_the_id_is_as_the_ids_are(odd_client: FlaskClient):
    """OGC API Features Part 5, /req/schemas/role-id"""
    kinds: dict[str, set[str]] = {}
    for name, _ in walkable(odd_client):
        page = get(odd_client, items(name, limit="3"))["features"]
        ids = {"integer" if isinstance(feature["id"], int) else "string" for feature in page if "id" in feature}
        for kind in ("schema", "queryables", "sortables"):
            properties = get(odd_client, f"/collections/{quote(name, safe='')}/{kind}")["properties"]
            told = [schema["type"] for schema in properties.values() if schema.get("x-ogc-role") == "id"]
            assert set(told) <= ids or not page, (name, kind)
            assert kind != "schema" or len(told) == len(ids) or not page, name
            kinds.setdefault(kind, set()).update(told)
    assert kinds["schema"] == {"integer", "string"}


def test_what_postgis_has_in_schema_public_is_no_collection(odd: Database):
    with sources_app(odd, "public") as app:
        assert names(app.test_client()) == {"places"}


def test_walk_meets_every_row_of_every_relation_once(odd_client: FlaskClient, odd: Database):
    for name, source in walkable(odd_client):
        pages = walk(odd_client, items(name, limit="7"))
        features = [feature for page in pages for feature in page]
        whole = get(odd_client, items(name, limit="10000"))["features"]
        assert len(features) == rows_of(odd, relation(source)), name
        assert sorted(map(json.dumps, features)) == sorted(map(json.dumps, whole)), name
        assert all(len(page) == 7 for page in pages[:-1]), name
        ids = [feature["id"] for feature in features if "id" in feature]
        assert ids == [] or len(ids) == len(features), name


def test_page_at_an_offset_is_the_one_that_a_walk_meets(odd_client: FlaskClient):
    for name, _ in walkable(odd_client):
        whole = get(odd_client, items(name, limit="10000"))["features"]
        assert get(odd_client, items(name, limit="5", offset="3"))["features"] == whole[3:8], name


def test_walk_in_another_order_meets_every_row_once(odd_client: FlaskClient, odd: Database):
    for name, source in walkable(odd_client):
        sortables = get(odd_client, f"/collections/{quote(name, safe='')}/sortables")["properties"]
        for sortable in list(sortables)[:60]:
            if "," in sortable:
                continue
            features = [f for page in walk(odd_client, items(name, limit="11", sortby=f"-{sortable}")) for f in page]
            assert len(features) == rows_of(odd, relation(source)), (name, sortable)
            texts = sorted(map(json.dumps, features))
            assert texts == sorted(map(json.dumps, get(odd_client, items(name, limit="10000"))["features"])), name


def test_way_back_meets_the_same_pages(odd_client: FlaskClient):
    for name, _ in walkable(odd_client):
        pages = walk(odd_client, items(name, limit="7"))
        last = items(name, limit="7")
        for _ in pages[1:]:
            following = link(get(odd_client, last), "next")
            assert following is not None
            last = following
        for earlier in reversed(pages[:-1]):
            back = link(get(odd_client, last), "prev")
            if back is None:
                assert name == "view_declared_key", name
                break
            assert get(odd_client, back)["features"] == earlier, name
            last = back


def test_feature_is_found_by_the_id_that_it_has(odd_client: FlaskClient):
    for name, _ in walkable(odd_client):
        for feature in get(odd_client, items(name, limit="20"))["features"]:
            if "id" in feature and name != "view_declared_key":
                url = f"/collections/{quote(name, safe='')}/items/{quote(str(feature['id']), safe='')}"
                found = get(odd_client, url)
                assert {key: found[key] for key in ("id", "geometry", "properties")} == {
                    key: feature[key] for key in ("id", "geometry", "properties")
                }, url


@pytest.mark.parametrize(
    ("name", "kind", "first"),
    [
        ("composite_key", str, "~-3~2019-12-29"),
        ("uuid_key", str, None),
        ("date_key", str, "2024-01-01"),
        ("enum_key", str, "small~1"),
        ("unique_index", int, 10),
        ("partitioned", str, "1~2024"),
        ("materialized_view", int, 1),
        ("view_with_id", int, 1),
        ("view_declared_key", int, 0),
        ("foreign_table", int, 1),
        ("two_geometries", int, 1),
        ("two_geometries.area", int, 1),
        ("forbidden_in_part", int, 1),
    ],
)
def test_key_is_the_id_as_a_number_or_a_text(odd_client: FlaskClient, name: str, kind: type, first: Any):
    found = get(odd_client, items(name, limit="1"))["features"][0]["id"]
    assert isinstance(found, kind)
    assert first is None or found == first
    schema = get(odd_client, f"/collections/{name}/schema")["properties"]
    [described] = [described for described in schema.values() if described.get("x-ogc-role") == "id"]
    assert described["type"] == ("integer" if kind is int else "string")


WITHOUT_KEY = [
    "no_key",
    "view",
    "view_duplicate_ids",
    "view_null_ids",
    "materialized_view_without_key",
    "partitioned_without_key",
    "forbidden_in_part_without_key",
]


@pytest.mark.parametrize("name", WITHOUT_KEY)
def test_features_without_a_key_have_no_ids_and_the_answer_says_so(odd_client: FlaskClient, name: str):
    assert not any("id" in feature for feature in get(odd_client, items(name))["features"])
    response = odd_client.get(f"/collections/{name}/items/1")
    assert response.status_code == 404
    assert "have no key" in json.loads(response.data)["hint"]
    assert odd_client.get(items(name, ids="1")).status_code == 400
    assert "id" not in get(odd_client, f"/collections/{name}/feature-schema")["properties"]
    assert f'href="http://localhost/collections/{name}/items/' not in odd_client.get(items(name, f="html")).text


def test_features_of_every_collection_fit_their_schema(odd_client: FlaskClient):
    """A null did not (issue 21)."""
    fitted = 0
    assert arrays_without_items(definition(odd_client)) == []
    for collection in get(odd_client, "/collections")["collections"]:
        url = f"/collections/{quote(collection['id'])}"
        answer = odd_client.get(f"{url}/items?limit=100&f=json")
        if answer.status_code != 200:  # functions that want arguments, and what is broken by design
            continue
        for name in ("schema", "queryables", "sortables", "feature-schema"):
            assert arrays_without_items(get(odd_client, f"{url}/{name}")) == []
        schema = get(odd_client, f"{url}/feature-schema")
        geometry = schema["properties"]["geometry"]
        if "anyOf" in geometry:
            geometry["anyOf"][0] = {"type": "object"}  # the OGC's own schema lies on the web
        validator = jsonschema.Draft202012Validator(schema)
        features = json.loads(answer.data)["features"]
        assert [error.message for feature in features for error in validator.iter_errors(feature)] == [], url
        fitted += len(features)
    assert fitted > 200


def test_a_column_that_is_never_null_is_described_so(odd_client: FlaskClient):
    schema = get(odd_client, "/collections/composite_key/feature-schema")["properties"]["properties"]["properties"]
    types = [schema[name]["type"] for name in ("land", "number", "name")]
    assert types == ["string", "integer", ["string", "null"]]
    assert schema["since"]["type"] == ["string", "null"], "JSON has no date that never ends: it is null"


def test_ids_that_no_feature_can_have_are_no_server_error(odd_client: FlaskClient):
    for name in ("uuid_key", "date_key", "enum_key", "composite_key", "partitioned"):
        for id in ("x", "1", "~", "1~2~3", "2024-13-01", "%00", "small~99999999999", "FI~1~x", "'"):
            response = odd_client.get(f"/collections/{name}/items/{quote(id)}")
            assert response.status_code == 404, (name, id, response.text)
            assert odd_client.get(items(name, ids=id)).status_code in (200, 400), (name, id)


def test_no_two_features_have_one_id_but_where_the_key_is_declared(odd_client: FlaskClient):
    for name, _ in walkable(odd_client):
        found = get(odd_client, items(name, limit="10000"))["features"]
        ids = [str(feature["id"]) for feature in found if "id" in feature]
        assert name == "view_declared_key" or len(set(ids)) == len(ids), name
    shared = {feature.get("id") for feature in get(odd_client, items("inherited_shared"))["features"]}
    assert shared == {"1~a", "1~b", "2~a"}


def test_several_ids_are_asked_for_at_once(odd_client: FlaskClient):
    for name in ("composite_key", "uuid_key", "date_key", "enum_key", "view_with_id", "partitioned"):
        wanted = [feature["id"] for feature in get(odd_client, items(name, limit="40"))["features"]][::7]
        found = get(odd_client, items(name, ids=",".join(map(str, wanted))))
        assert [feature["id"] for feature in found["features"]] == wanted, name


LISTS = {
    '"a,b"': ["a,b"],
    'plain,"a,b",7': ["7", "a,b", "plain"],
    'quote"d,plain': ["plain", 'quote"d'],
    '"plain"': [],
    "a,b": [],
    '"a,b': [],
}


@pytest.mark.parametrize(("asked", "found"), LISTS.items(), ids=LISTS)
def test_id_that_holds_a_comma_is_asked_for_in_quotes(odd_client: FlaskClient, asked: str, found: list[str]):
    features = get(odd_client, items("text_key", ids=asked))["features"]
    assert sorted(feature["id"] for feature in features) == found


def test_id_that_holds_a_comma_is_one_element_of_a_body(odd_client: FlaskClient):
    answer = odd_client.post("/collections/text_key/search", json={"ids": ["a,b", "plain", 'quote"d']})
    assert sorted(feature["id"] for feature in answer.get_json()["features"]) == ["a,b", "plain", 'quote"d']


def test_ids_may_be_arrays(odd_client: FlaskClient):
    assert get(odd_client, "/collections/array_key/items/{5}")["properties"]["path"] == [5]
    for asked, found in (("{5}", ["{5}"]), ("{1,2}", []), ("5", []), ('"{1,2}"', ["{1,2}"])):
        features = get(odd_client, items("array_key", ids=asked))["features"]
        assert [feature["id"] for feature in features] == found


def test_broken_relations_stop_nobody_else_and_say_nothing_of_the_database(odd_client: FlaskClient):
    for name, status in BROKEN.items():
        for url in (items(name), items(name, f="csv"), items(name, resultType="hits"), f"{items(name)}&bbox=0,0,1,1"):
            response = odd_client.get(url)
            assert response.status_code == status, (url, response.text)
            assert "secret" not in response.text
            assert "fail()" not in response.text
        assert odd_client.get(f"/collections/{name}").status_code == 200
    assert odd_client.get(f"/collections/{SLOW}").status_code == 200


def test_view_that_divides_by_zero_is_not_the_fault_of_the_request(odd_client: FlaskClient):
    tile = "tiles/WebMercatorQuad/0/0/0"
    for url in (items(DIVIDED), items(DIVIDED, f="csv"), items(DIVIDED, f="gpkg"), f"/collections/{DIVIDED}/{tile}"):
        response = odd_client.get(url)
        assert (response.status_code, response.get_json()["code"]) == (500, "collection-broken"), url
    assert odd_client.get(items(DIVIDED, filter="share > 1")).status_code == 400, "who knows"
    together = odd_client.get(f"/{tile}?collections=view,{DIVIDED}")
    assert together.status_code == 500, "named"
    assert odd_client.get(f"/{tile}").status_code == 200


def test_log_says_in_the_words_of_postgresql_why_a_view_fails(
    odd_client: FlaskClient, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level("INFO", "isthmus.api"):
        assert odd_client.get(items(DIVIDED)).status_code == 500
    assert "division by zero" in caplog.text


def test_solids_among_other_geometries_are_compared_as_their_polygons(odd_client: FlaskClient):
    name = "solids_among_others"
    in_grid = "bbox=385299,6670999,385309,6671009&bbox-crs=http://www.opengis.net/def/crs/EPSG/0/3067"
    assert {found["id"] for found in get(odd_client, f"/collections/{name}/items?{in_grid}")["features"]} == {3, 6}
    filter = quote("S_INTERSECTS(geometry, BBOX(385299,6670999,385309,6671009))")
    crs = "filter-crs=http://www.opengis.net/def/crs/EPSG/0/3067"
    found = get(odd_client, f"/collections/{name}/items?filter={filter}&{crs}")["features"]
    assert {one["id"] for one in found} == {3, 6}
    assert len(get(odd_client, items(name, bbox="-180,-90,180,90"))["features"]) == 7


def test_solids_are_compared_as_the_polygons_that_they_are_shown_as(odd_client: FlaskClient):
    [box] = get(odd_client, "/collections/solids")["extent"]["spatial"]["bbox"]
    west, south, east, north = (round(side, 5) for side in box)
    middle = f"{(west + east) / 2 - 0.0002},{south - 0.001},{(west + east) / 2 + 0.0004},{north + 0.001}"
    for given in ({"bbox": middle}, {"filter": f"S_INTERSECTS(geometry, BBOX({middle}))"}):
        assert [found["id"] for found in get(odd_client, items("solids", **given))["features"]] == [3], given
    everywhere = get(odd_client, items("solids", bbox="-180,-90,180,90"))["features"]
    assert {found["geometry"]["type"] for found in everywhere} == {"MultiPolygon"}
    assert len(everywhere) == 5


def test_forged_cursor_of_a_source_is_the_fault_of_the_request(odd_client: FlaskClient):
    first = get(odd_client, items("composite_key", sortby="number", limit="1"))
    text = str(link(first, "next")).split("cursor=")[1]
    parts = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    assert int(parts[-1]) < 0, "the place of the first feature"
    forged = urlsafe_b64encode(json.dumps([*parts[:-1], "many"]).encode()).decode().rstrip("=")
    response = odd_client.get(items("composite_key", sortby="number", limit="1", cursor=forged))
    assert (response.status_code, response.get_json()["code"]) == (400, "value-invalid")


def test_what_is_left_out_is_logged_with_what_to_do(odd: Database, caplog: pytest.LogCaptureFixture):
    with sources_app(odd, SCHEMAS) as app, caplog.at_level("WARNING", "isthmus.api"):
        names(app.test_client())
        names(app.test_client())
    said = [record.getMessage() for record in caplog.records]
    assert sum('GRANT SELECT ON "odd"."forbidden" TO' in line for line in said) == 1
    assert sum('GRANT USAGE ON SCHEMA "odd_locked" TO' in line for line in said) == 1
    assert sum("odd.twice is not published" in line for line in said) == 1
    assert sum("odd.volatile_one is not published: it is VOLATILE" in line for line in said) == 1


def test_one_name_in_two_schemas_belongs_to_neither_and_hides_no_loaded_collection(odd_client: FlaskClient):
    found = names(odd_client)
    assert {"odd_other.clash", "odd.places", "places", "a_b"} <= found
    assert "clash" not in found
    assert len([name for name in found if "clash" in name]) == 3
    assert get(odd_client, items("places"))["features"][0]["properties"] == {"name": "loaded"}
    assert get(odd_client, items("a_b"))["features"] == []


def test_column_that_may_not_be_read_is_no_property(odd_client: FlaskClient):
    assert set(get(odd_client, items("forbidden_in_part"))["features"][0]["properties"]) == {"id", "open"}


def test_comments_are_title_and_descriptions(odd_client: FlaskClient):
    found = get(odd_client, "/collections/comments")
    assert (found["title"], found["description"]) == ("Boreholes", "Holes in the ground.")
    assert found["extent"]["temporal"]["interval"] == [["2025-01-01T00:00:00Z", "2025-02-01T00:00:00Z"]]
    schema = get(odd_client, "/collections/comments/schema")["properties"]
    assert schema["depth"]["description"] == "metres below the ground"
    wells = get(odd_client, "/collections/view_declared_key")
    assert (wells["title"], wells["description"]) == ("Wells of the region", "All wells since 1900.")
    assert [f["id"] for f in get(odd_client, items("comments", datetime="2025-01-15/.."))["features"]] == [2]


def test_every_name_can_be_asked_for_sorted_by_and_exported(odd_client: FlaskClient):
    name = 'Mixed Case "x"'
    first = get(odd_client, items(name, limit="1"))["features"][0]
    assert first["properties"] == {
        "Gid": 1, "select": "s1", "limit": 1, "bbox": "b1", "fid": "f1", "geom": "g1", "geom_3857": "w1", "shape": "h1",
        "id": "i1", "share %": 1, "per%s": 1, "a.b": "ab", "ä": "ä",
    }  # fmt: skip
    for property, value in first["properties"].items():
        if property not in ("limit", "bbox"):
            found = get(odd_client, items(name, **{property: str(value)}))["features"]
            assert first["id"] in [feature["id"] for feature in found], property
        quoted_name = f'"{property}"'
        literal = f"'{value}'" if isinstance(value, str) else value
        found = get(odd_client, items(name, filter=f"{quoted_name} = {literal}"))["features"]
        assert first["id"] in [feature["id"] for feature in found], property
        assert get(odd_client, items(name, sortby=f"-{property}"))["features"]
        assert set(get(odd_client, items(name, properties=property))["features"][0]["properties"]) == {property}
    assert odd_client.get(items(name, f="csv")).status_code == 200
    for format in ("geojsonl", "gpkg", "fgb", "parquet", "shp", "kml"):
        response = odd_client.get(items(name, f=format))
        assert response.status_code == 200, (format, response.text)
        response.close()


def test_pages_and_documents_of_every_collection_are_there(odd_client: FlaskClient):
    for name in names(odd_client) - {SLOW, DIVIDED, *BROKEN}:
        here = f"/collections/{quote(name, safe='')}"
        given = f"&{urlencode(FUNCTIONS[name])}" if name in FUNCTIONS else ""
        paths = ["", "/queryables", "/sortables", "/schema", "/feature-schema"]
        for url in [f"{here}{path}?f={f}" for path in paths for f in ("json", "html")]:
            assert odd_client.get(url).status_code == 200, url
        for f in ("html", "csv", "geojsonl", "geojson", "jsonfg"):
            response = odd_client.get(f"{here}/items?f={f}{given}")
            assert response.status_code == 200, (name, f, response.text)
        links = get(odd_client, here)["links"]
        if any("tilesets-vector" in found["rel"] for found in links):
            tilejson = get(odd_client, f"{here}/tiles/WebMercatorQuad/tilejson.json?f=json{given}")
            tile = tilejson["tiles"][0].removeprefix("http://localhost")
            response = odd_client.get(tile.replace("{z}", "0").replace("{y}", "0").replace("{x}", "0"))
            assert response.status_code in (200, 204), (name, response.text)
        elif name not in FUNCTIONS:
            assert odd_client.get(f"{here}/tiles").status_code == 404


def test_answer_about_a_source_is_validated_by_its_bytes(odd_client: FlaskClient):
    for url in (items("view"), items("uuid_key", f="html"), "/collections/web_mercator/tiles/WebMercatorQuad/0/0/0"):
        first = odd_client.get(url)
        assert first.status_code == 200
        assert "Last-Modified" not in first.headers
        again = odd_client.get(url, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")


def test_the_number_of_matches_in_a_box_is_that_of_the_walk(odd_client: FlaskClient):
    counted = 0
    for name, _ in walkable(odd_client):
        url = items(name, bbox="-20,-40,60,70", limit="1")
        told = get(odd_client, url).get("numberMatched")
        if told is not None:
            counted += 1
            assert sum(map(len, walk(odd_client, url))) == told, name
    assert counted > 20
