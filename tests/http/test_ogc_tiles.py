"""OGC API Tiles Part 1, requirement by requirement, for every collection with a geometry.

The id of the requirement is in the docstring. Tiles are decoded by a library of others.
"""

from __future__ import annotations

import json
import math

import jsonschema
import mapbox_vector_tile
import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV30SpecValidator

from support.ogc import (
    EPSG,
    LINKS,
    REL,
    SPATIAL,
    definition,
    get,
    ids,
    items,
    links_of,
    mercator,
    of_each_spatial_collection,
    parameters_of,
    path_of,
    positions,
    status,
)

CONF = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/"
MVT = "application/vnd.mapbox-vector-tile"
TILE = "/collections/{collectionId}/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}"
HALF_WORLD = math.pi * 6378137
URI = "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"


def template_of(client: FlaskClient, name: str) -> str:
    """The template of tiles, found as a client does: collection, list of tilesets, tileset, its item."""
    [tilesets] = links_of(get(client, f"/collections/{name}"), f"{REL}tilesets-vector")
    [entry] = get(client, path_of(tilesets["href"]))["tilesets"]
    [tileset] = links_of(entry, "self")
    [template] = links_of(get(client, path_of(tileset["href"])), "item")
    return path_of(template["href"])


def tile_path(client: FlaskClient, name: str, place: tuple[int, int, int]) -> str:
    """The address of a tile (matrix, row, column)."""
    matrix, row, column = place
    return template_of(client, name).format(tileMatrix=matrix, tileRow=row, tileCol=column)


def tile_of(longitude: float, latitude: float, matrix: int) -> tuple[int, int, int]:
    """The tile that holds a place."""
    x, y = mercator(longitude, latitude)
    size = 2 * HALF_WORLD / 2**matrix
    return matrix, int((HALF_WORLD - y) / size), int((x + HALF_WORLD) / size)


def layers(client: FlaskClient, path: str) -> dict:
    """A tile that must be a 200, decoded with rows counted from the top."""
    response = client.get(path)
    assert (response.status_code, response.content_type) == (200, MVT)
    return mapbox_vector_tile.decode(response.data, default_options={"y_coord_down": True})


def test_tile_classes_that_these_tests_hold_are_declared(client: FlaskClient):
    """/req/core/conformance-success"""
    classes = get(client, "/conformance")["conformsTo"]
    declared = {name.removeprefix(CONF) for name in classes if name.startswith(CONF)}
    assert declared == {"core", "tileset", "tilesets-list", "geodata-tilesets", "mvt", "oas30"}


@pytest.mark.parametrize(("name", "kind"), [("tileMatrix", "string"), ("tileRow", "integer"), ("tileCol", "integer")])
def test_tile_has_its_three_path_parameters(client: FlaskClient, name: str, kind: str):
    """/req/core/tc-tilematrix-definition, /req/core/tc-tilerow-definition, /req/core/tc-tilecol-definition"""
    parameter = parameters_of(definition(client), TILE)[name]
    assert (parameter["in"], parameter["required"], parameter["schema"]["type"]) == ("path", True, kind)
    assert parameter["schema"].get("minimum") == (0 if kind == "integer" else None)


@of_each_spatial_collection
@pytest.mark.parametrize("matrix", [0, 1, 5, 10, 14, 18, 24])
def test_tile_of_a_feature_is_where_the_template_says(client: FlaskClient, name: str, matrix: int):
    """/req/core/tc-op"""
    longitude, latitude = {"places": (24.94, 60.17), "grid": (24.1, 60.1)}[name]
    found = layers(client, tile_path(client, name, tile_of(longitude, latitude, matrix)))
    assert 1 in ids(found[name]["features"])


@of_each_spatial_collection
@pytest.mark.parametrize("matrix", [0, 4, 8])
def test_tiles_hold_the_features_that_lie_in_them_and_no_others(client: FlaskClient, name: str, matrix: int):
    """/req/core/tc-success"""
    features = [
        feature for feature in items(client, name) if abs((positions(feature["geometry"]) or [(0, 90)])[0][1]) < 85
    ]
    buffer = 2 * HALF_WORLD / 2**matrix * 64 / 4096
    for place in {tile_of(*positions(feature["geometry"])[0], matrix) for feature in features}:
        west, south, east, north = bounds(place)
        sure, possible = set(), set()
        for feature in features:
            corners = [mercator(*corner) for corner in positions(feature["geometry"])]
            (least_x, most_x), (least_y, most_y) = ((min(axis), max(axis)) for axis in zip(*corners, strict=True))
            if any(west < x < east and south < y < north for x, y in corners):
                sure.add(feature["id"])
            if (
                most_x >= west - buffer
                and least_x <= east + buffer
                and most_y >= south - buffer
                and least_y <= north + buffer
            ):
                possible.add(feature["id"])
        found = set(ids(layers(client, tile_path(client, name, place))[name]["features"]))
        assert sure <= found <= possible
        assert found, place


def bounds(place: tuple[int, int, int]) -> tuple[float, float, float, float]:
    """west, south, east, north of a tile in metres of EPSG:3857."""
    matrix, row, column = place
    size = 2 * HALF_WORLD / 2**matrix
    west, north = column * size - HALF_WORLD, HALF_WORLD - row * size
    return west, north - size, west + size, north


@of_each_spatial_collection
def test_accept_header_gets_tiles_and_nothing_else(client: FlaskClient, name: str):
    """/req/core/tc-success, B"""
    path = tile_path(client, name, tile_of(24.94, 60.05, 4))
    protobuf = ("application/x-protobuf", "application/octet-stream")
    for accept in (MVT, "*/*", "application/*", *protobuf, f"image/png, {MVT};q=0.1", "image/png,*/*;q=0.8"):
        assert client.get(path, headers={"Accept": accept}).content_type == MVT
    assert client.get(f"{path}?f=mvt", headers={"Accept": "image/png"}).content_type == MVT
    for accept in ("image/png", "application/json", "text/html", "application/geo+json, image/*", f"{MVT};q=0"):
        refused = client.get(path, headers={"Accept": accept})
        assert refused.status_code == 406, accept
        assert MVT in json.loads(refused.data)["detail"]
    assert client.get(f"{path}?f=png").status_code == 400


@of_each_spatial_collection
@pytest.mark.parametrize("accept", ["image/png", "application/json"])
def test_empty_tile_and_one_that_the_client_has_are_negotiated_too(client: FlaskClient, name: str, accept: str):
    """/req/core/tc-success, B"""
    path = tile_path(client, name, tile_of(24.94, 60.05, 4))
    etag = client.get(path).headers["ETag"]
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
    assert client.get(path, headers={"If-None-Match": etag, "Accept": accept}).status_code == 406


@of_each_spatial_collection
@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((0, 1, 0), {404, 400}),
        ((0, 0, 1), {404, 400}),
        ((3, 8, 0), {404, 400}),
        ((25, 0, 0), {404, 400}),
        ((99999, 0, 0), {404, 400}),
        ((3, -1, 0), {404, 400}),
    ],
)
def test_tile_outside_the_matrix_is_an_error(client: FlaskClient, name: str, place: tuple, expected: set[int]):
    """/req/core/tc-error, A, of the tile matrix set"""
    response = client.get(tile_path(client, name, place))
    assert response.status_code in expected
    assert json.loads(response.data)["parameter"] in ("tileMatrix", "tileRow", "tileCol")


@of_each_spatial_collection
def test_tile_outside_the_limits_of_the_tileset_is_an_error_and_inside_never(client: FlaskClient, name: str):
    """/req/core/tc-error, A, of the limits"""
    limits = get(client, f"/collections/{name}/tiles/WebMercatorQuad")["tileMatrixSetLimits"]
    for limit in limits[1:]:
        matrix, last = int(limit["tileMatrix"]), 2 ** int(limit["tileMatrix"]) - 1
        rows, columns = (limit["minTileRow"], limit["maxTileRow"]), (limit["minTileCol"], limit["maxTileCol"])
        for row in (rows[0] - 1, *rows, rows[1] + 1):
            for column in (columns[0] - 1, *columns, columns[1] + 1):
                if 0 <= row <= last and 0 <= column <= last:
                    inside = rows[0] <= row <= rows[1] and columns[0] <= column <= columns[1]
                    found = status(client, f"/collections/{name}/tiles/WebMercatorQuad/{matrix}/{row}/{column}")
                    assert found in ((200, 204) if inside else (404,)), limit


def test_tile_without_content_is_a_204(client: FlaskClient):
    """/req/core/tc-error, B"""
    response = client.get("/collections/places/tiles/WebMercatorQuad/5/31/0")
    assert (response.status_code, response.data) == (204, b"")


CRS = {"type": "string", "pattern": "^http://www.opengis.net/def/crs/"}
TILESET_ITEM = {
    "type": "object",
    "required": ["dataType", "links", "crs"],
    "properties": {
        "title": {"type": "string"},
        "dataType": {"enum": ["map", "vector", "coverage"]},
        "crs": CRS,
        "tileMatrixSetURI": {"const": URI},
        "links": LINKS,
    },
}
LIMIT = {
    "type": "object",
    "required": ["tileMatrix", "minTileRow", "maxTileRow", "minTileCol", "maxTileCol"],
    "properties": {
        "tileMatrix": {"type": "string"},
        **{
            name: {"type": "integer", "minimum": 0} for name in ("minTileRow", "maxTileRow", "minTileCol", "maxTileCol")
        },
    },
}
CORNER = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
BOX = {
    "type": "object",
    "required": ["lowerLeft", "upperRight"],
    "properties": {"lowerLeft": CORNER, "upperRight": CORNER},
}
LAYER = {
    "type": "object",
    "required": ["id", "dataType"],
    "properties": {"geometryDimension": {"type": "integer", "minimum": 0, "maximum": 3}},
}


@of_each_spatial_collection
def test_tileset_is_as_its_schema_says(client: FlaskClient, name: str):
    """/req/tileset/description, A"""
    response = client.get(f"/collections/{name}/tiles/WebMercatorQuad", headers={"Accept": "application/json"})
    assert response.content_type == "application/json"
    limits, layers = ({"type": "array", "items": found, "minItems": 1} for found in (LIMIT, LAYER))
    members = {"tileMatrixSetLimits": limits, "layers": layers, "boundingBox": BOX}
    jsonschema.validate(
        json.loads(response.data), {**TILESET_ITEM, "properties": {**TILESET_ITEM["properties"], **members}}
    )


@of_each_spatial_collection
def test_tileset_offers_no_xml_that_it_could_get_wrong(client: FlaskClient, name: str):
    """/req/tileset/description, B"""
    response = client.get(f"/collections/{name}/tiles/WebMercatorQuad", headers={"Accept": "application/xml"})
    assert response.status_code == 406


@of_each_spatial_collection
def test_tileset_names_the_registered_tile_matrix_set(client: FlaskClient, name: str):
    """/req/tileset/description, C"""
    tileset = get(client, f"/collections/{name}/tiles/WebMercatorQuad")
    assert (tileset["tileMatrixSetURI"], tileset["crs"]) == (URI, f"{EPSG}3857")


@of_each_spatial_collection
def test_tileset_links_to_its_tile_matrix_set_which_is_the_registered_one(client: FlaskClient, name: str):
    """/req/tileset/description, D"""
    [link] = links_of(get(client, f"/collections/{name}/tiles/WebMercatorQuad"), f"{REL}tiling-scheme")
    scheme = get(client, path_of(link["href"]))
    assert (scheme["id"], scheme["uri"], scheme["crs"]) == ("WebMercatorQuad", URI, f"{EPSG}3857")
    for matrix in scheme["tileMatrices"]:
        number = int(matrix["id"])
        assert matrix["scaleDenominator"] == pytest.approx(559082264.028717 / 2**number)
        assert matrix["cellSize"] == pytest.approx(2 * HALF_WORLD / 256 / 2**number)
        assert matrix["pointOfOrigin"] == pytest.approx([-HALF_WORLD, HALF_WORLD])
        assert (matrix["matrixWidth"], matrix["matrixHeight"]) == (2**number, 2**number)
        assert (matrix["tileWidth"], matrix["tileHeight"]) == (256, 256)


@of_each_spatial_collection
def test_tileset_has_a_template_with_the_three_variables(client: FlaskClient, name: str):
    """/req/tileset/description, E, F and G"""
    [item] = links_of(get(client, f"/collections/{name}/tiles/WebMercatorQuad"), "item")
    assert all(item["href"].count(variable) == 1 for variable in ("{tileMatrix}", "{tileRow}", "{tileCol}"))
    assert (item["type"], item["templated"]) == (MVT, True)


@of_each_spatial_collection
def test_list_of_tilesets_is_at_tiles(client: FlaskClient, name: str):
    """/req/tilesets-list/tileset-path, /req/geodata-tilesets/operation"""
    assert len(get(client, f"/collections/{name}/tiles")["tilesets"]) == 1
    [home] = links_of(get(client, f"/collections/{name}"), "self")
    [link] = links_of(get(client, f"/collections/{name}"), f"{REL}tilesets-vector")
    assert path_of(link["href"]) == path_of(home["href"]).partition("?")[0] + "/tiles"


@of_each_spatial_collection
def test_each_listed_tileset_leads_to_its_metadata_and_its_tile_matrix_set(client: FlaskClient, name: str):
    """/req/tilesets-list/tileset-links"""
    document = get(client, f"/collections/{name}/tiles")
    schema = {
        "type": "object",
        "required": ["tilesets"],
        "properties": {"links": LINKS, "tilesets": {"items": TILESET_ITEM}},
    }
    jsonschema.validate(document, schema)
    for entry in document["tilesets"]:
        [full] = links_of(entry, "self")
        [scheme] = links_of(entry, f"{REL}tiling-scheme")
        metadata = get(client, path_of(full["href"]))
        assert {member: metadata[member] for member in entry if member != "links"} == {
            member: entry[member] for member in entry if member != "links"
        }
        assert get(client, path_of(scheme["href"]))["uri"] == entry["tileMatrixSetURI"]


@pytest.mark.parametrize("name", ["grid", "places", "stock"])
def test_only_collections_with_a_geometry_link_to_tiles(client: FlaskClient, name: str):
    """/req/geodata-tilesets/desc-links"""
    links = links_of(get(client, f"/collections/{name}"), f"{REL}tilesets-vector")
    assert len(links) == (1 if name in SPATIAL else 0)
    assert status(client, f"/collections/{name}/tiles") == (200 if name in SPATIAL else 404)


@of_each_spatial_collection
@pytest.mark.parametrize("matrix", [0, 6, 9])
def test_tile_is_one_mvt_whose_features_have_a_geometry_and_a_type(client: FlaskClient, name: str, matrix: int):
    """/req/mvt/content, A and B"""
    place = {"places": (24.94, 60.17), "grid": (24.5, 60.05)}[name]
    found = layers(client, tile_path(client, name, tile_of(*place, matrix)))
    assert list(found) == [name]
    assert found[name]["version"] == 2
    for feature in found[name]["features"]:
        assert feature["geometry"]["type"] == {"places": "Point", "grid": "Polygon"}[name]
        assert feature["geometry"]["coordinates"]


@of_each_spatial_collection
@pytest.mark.parametrize("matrix", [0, 6, 12, 16])
def test_grid_of_a_tile_maps_linearly_to_the_tile_from_its_top_left_corner(client: FlaskClient, name: str, matrix: int):
    """/req/mvt/content, C"""
    corner = {"places": (24.94, 60.17), "grid": (24.1, 60.1)}[name]
    place = tile_of(*corner, matrix)
    west, _, east, north = bounds(place)
    layer = layers(client, tile_path(client, name, place))[name]
    [feature] = [feature for feature in layer["features"] if feature["id"] == 1]
    cell = (east - west) / layer["extent"]
    in_metres = [(west + x * cell, north - y * cell) for x, y in positions(feature["geometry"])]
    x, y = mercator(*corner)
    assert min(math.hypot(x - found_x, y - found_y) for found_x, found_y in in_metres) <= 2 * cell


def test_definition_has_paths_for_every_tile_resource(client: FlaskClient):
    """/req/oas30/completeness"""
    api = definition(client)
    OpenAPIV30SpecValidator(api).validate()
    for path, names in (
        ("/collections/{collectionId}/tiles", {"collectionId"}),
        ("/collections/{collectionId}/tiles/{tileMatrixSetId}", {"collectionId", "tileMatrixSetId"}),
        (TILE, {"collectionId", "tileMatrixSetId", "tileMatrix", "tileRow", "tileCol"}),
        ("/tileMatrixSets", set()),
        ("/tileMatrixSets/{tileMatrixSetId}", {"tileMatrixSetId"}),
    ):
        found = parameters_of(api, path).values()
        assert {parameter["name"] for parameter in found if parameter["in"] == "path"} == names
    for name in SPATIAL:
        path = TILE.replace("{collectionId}", name).replace("{tileMatrixSetId}", "WebMercatorQuad")
        assert template_of(client, name) == path


def test_operations_of_tiles_end_in_the_suffixes_of_the_standard(client: FlaskClient):
    """/req/oas30/operation-id"""
    paths = definition(client)["paths"]
    for path, suffix in (
        ("/collections/{collectionId}/tiles", ".collection.vector.getTileSetsList"),
        ("/collections/{collectionId}/tiles/{tileMatrixSetId}", ".collection.vector.getTileSet"),
        (TILE, ".collection.vector.getTile"),
    ):
        assert paths[path]["get"]["operationId"].endswith(suffix)
