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

from support.grids import Place, read_grid
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
REGISTER = "http://www.opengis.net/def/tilematrixset/OGC/1.0/"
CRS_OF = {"WebMercatorQuad": f"{EPSG}3857", "WorldCRS84Quad": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}
"""The tile matrix sets that are always there."""

SHIPPED = {"EuropeanETRS89_LAEAQuad": f"{EPSG}3035"}
"""Those that come as files: tests/http/test_registered_sets.py."""
KNOWN = {**CRS_OF, **SHIPPED}

of_each_set = pytest.mark.parametrize("tms", CRS_OF)


def template_of(client: FlaskClient, name: str, tms: str) -> str:
    """The template of tiles, found as a client does: collection, list of tilesets, tileset, its item."""
    [tilesets] = links_of(get(client, f"/collections/{name}"), f"{REL}tilesets-vector")
    [entry] = [
        entry
        for entry in get(client, path_of(tilesets["href"]))["tilesets"]
        if links_of(entry, f"{REL}tiling-scheme")[0]["href"].endswith(f"/{tms}")
    ]
    [tileset] = links_of(entry, "self")
    [template] = links_of(get(client, path_of(tileset["href"])), "item")
    return path_of(template["href"])


def tile_path(client: FlaskClient, name: str, tms: str, place: Place) -> str:
    """The address of a tile."""
    matrix, row, column = place
    return template_of(client, name, tms).format(tileMatrix=matrix, tileRow=row, tileCol=column)


def layers(client: FlaskClient, path: str) -> dict:
    """A tile that must be a 200, decoded with rows counted from the top."""
    response = client.get(path)
    assert (response.status_code, response.content_type) == (200, MVT)
    return mapbox_vector_tile.decode(response.data, default_options={"y_coord_down": True})


def test_tile_classes_that_these_tests_hold_are_declared(client: FlaskClient):
    """/req/core/conformance-success"""
    classes = get(client, "/conformance")["conformsTo"]
    declared = {name.removeprefix(CONF) for name in classes if name.startswith(CONF)}
    assert declared == {
        "core",
        "tileset",
        "tilesets-list",
        "dataset-tilesets",
        "geodata-tilesets",
        "collections-selection",
        "mvt",
        "oas30",
    }


@pytest.mark.parametrize(("name", "kind"), [("tileMatrix", "string"), ("tileRow", "integer"), ("tileCol", "integer")])
def test_tile_has_its_three_path_parameters(client: FlaskClient, name: str, kind: str):
    """/req/core/tc-tilematrix-definition, /req/core/tc-tilerow-definition, /req/core/tc-tilecol-definition"""
    parameter = parameters_of(definition(client), TILE)[name]
    assert (parameter["in"], parameter["required"], parameter["schema"]["type"]) == ("path", True, kind)
    assert parameter["schema"].get("minimum") == (0 if kind == "integer" else None)


@of_each_spatial_collection
@of_each_set
@pytest.mark.parametrize("matrix", [0, 1, 5, 10, 14, 18, 23])
def test_tile_of_a_feature_is_where_the_template_says(client: FlaskClient, name: str, tms: str, matrix: int):
    """/req/core/tc-op"""
    longitude, latitude = {"places": (24.94, 60.17), "grid": (24.1, 60.1)}[name]
    place = read_grid(client, tms).tile_of(longitude, latitude, matrix)
    found = layers(client, tile_path(client, name, tms, place))
    assert 1 in ids(found[name]["features"])


@of_each_spatial_collection
@of_each_set
@pytest.mark.parametrize("matrix", ["0", "4", "8"])
def test_tiles_hold_the_features_that_lie_in_them_and_no_others(client: FlaskClient, name: str, tms: str, matrix: str):
    """/req/core/tc-success"""
    grid, most = read_grid(client, tms), 85 if tms == "WebMercatorQuad" else 90
    features = [
        feature for feature in items(client, name) if abs((positions(feature["geometry"]) or [(0, 99)])[0][1]) <= most
    ]
    buffer = max(grid.size(matrix)) * 64 / 4096
    for place in {grid.tile_of(*inside(positions(feature["geometry"])[0]), matrix) for feature in features}:
        west, south, east, north = grid.bounds(place)
        sure, possible = set(), set()
        for feature in features:
            corners = [grid.project(*corner) for corner in positions(feature["geometry"])]
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
        found = set(ids(layers(client, tile_path(client, name, tms, place))[name]["features"]))
        assert sure <= found <= possible
        assert found, place


def inside(corner: tuple[float, float]) -> tuple[float, float]:
    """A place, or the nearest that is no pole, whose tile is beyond the last row."""
    return corner[0], max(-89.999, min(89.999, corner[1]))


@of_each_spatial_collection
@of_each_set
def test_accept_header_gets_tiles_and_nothing_else(client: FlaskClient, name: str, tms: str):
    """/req/core/tc-success, B"""
    path = tile_path(client, name, tms, read_grid(client, tms).tile_of(24.94, 60.05, 4))
    protobuf = ("application/x-protobuf", "application/octet-stream")
    for accept in (MVT, "*/*", "application/*", *protobuf, f"image/png, {MVT};q=0.1", "image/png,*/*;q=0.8"):
        assert client.get(path, headers={"Accept": accept}).content_type == MVT
    assert client.get(f"{path}?f=mvt", headers={"Accept": "image/png"}).content_type == MVT
    for accept in ("image/png", "application/json", "text/html", "application/geo+json, image/*", f"{MVT};q=0"):
        refused = client.get(path, headers={"Accept": accept})
        assert refused.status_code == 406, accept
        assert MVT in refused.text
    assert client.get(f"{path}?f=png").status_code == 400


@of_each_spatial_collection
@pytest.mark.parametrize("accept", ["image/png", "application/json"])
def test_empty_tile_and_one_that_the_client_has_are_negotiated_too(client: FlaskClient, name: str, accept: str):
    """/req/core/tc-success, B"""
    path = tile_path(client, name, "WebMercatorQuad", read_grid(client, "WebMercatorQuad").tile_of(24.94, 60.05, 4))
    etag = client.get(path).headers["ETag"]
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
    assert client.get(path, headers={"If-None-Match": etag, "Accept": accept}).status_code == 406


@of_each_spatial_collection
@of_each_set
@pytest.mark.parametrize("place", [(0, 1, 0), (0, 0, 2), (3, 8, 0), (25, 0, 0), (99999, 0, 0), (3, -1, 0)])
def test_tile_outside_the_matrix_is_an_error(client: FlaskClient, name: str, tms: str, place: tuple):
    """/req/core/tc-error, A, of the tile matrix set"""
    response = client.get(tile_path(client, name, tms, place))
    assert response.status_code in {404, 400}
    assert json.loads(response.data)["parameter"] in ("tileMatrix", "tileRow", "tileCol")


@of_each_spatial_collection
@of_each_set
def test_tile_outside_the_limits_of_the_tileset_is_an_error_and_inside_never(client: FlaskClient, name: str, tms: str):
    """/req/core/tc-error, A, of the limits"""
    limits = get(client, f"/collections/{name}/tiles/{tms}")["tileMatrixSetLimits"]
    grid = read_grid(client, tms)
    assert [limit["tileMatrix"] for limit in limits] == list(grid.matrices)
    for limit in limits[1:]:
        matrix = limit["tileMatrix"]
        most = grid.matrices[matrix]["matrixHeight"], grid.matrices[matrix]["matrixWidth"]
        rows, columns = (limit["minTileRow"], limit["maxTileRow"]), (limit["minTileCol"], limit["maxTileCol"])
        for row in (rows[0] - 1, *rows, rows[1] + 1):
            for column in (columns[0] - 1, *columns, columns[1] + 1):
                if 0 <= row < most[0] and 0 <= column < most[1]:
                    inside = rows[0] <= row <= rows[1] and columns[0] <= column <= columns[1]
                    found = status(client, f"/collections/{name}/tiles/{tms}/{matrix}/{row}/{column}")
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
        "tileMatrixSetURI": {"enum": [REGISTER + tms for tms in KNOWN]},
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
@of_each_set
def test_tileset_is_as_its_schema_says(client: FlaskClient, name: str, tms: str):
    """/req/tileset/description, A"""
    response = client.get(f"/collections/{name}/tiles/{tms}", headers={"Accept": "application/json"})
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
@of_each_set
def test_tileset_names_the_registered_tile_matrix_set(client: FlaskClient, name: str, tms: str):
    """/req/tileset/description, C"""
    tileset = get(client, f"/collections/{name}/tiles/{tms}")
    assert (tileset["tileMatrixSetURI"], tileset["crs"]) == (f"{REGISTER}{tms}", CRS_OF[tms])


@of_each_spatial_collection
@pytest.mark.parametrize(
    ("tms", "scale", "cell", "origin", "columns"),
    [
        ("WebMercatorQuad", 559082264.028717, 2 * HALF_WORLD / 256, [-HALF_WORLD, HALF_WORLD], 1),
        ("WorldCRS84Quad", 279541132.014358, 0.703125, [-180, 90], 2),
    ],
)
def test_tileset_links_to_its_tile_matrix_set_which_is_the_registered_one(  # noqa: PLR0913
    client: FlaskClient, name: str, tms: str, scale: float, cell: float, origin: list[float], columns: int
):
    """/req/tileset/description, D"""
    [link] = links_of(get(client, f"/collections/{name}/tiles/{tms}"), f"{REL}tiling-scheme")
    scheme = get(client, path_of(link["href"]))
    assert (scheme["id"], scheme["uri"], scheme["crs"]) == (tms, f"{REGISTER}{tms}", CRS_OF[tms])
    for matrix in scheme["tileMatrices"]:
        number = int(matrix["id"])
        assert matrix["scaleDenominator"] == pytest.approx(scale / 2**number)
        assert matrix["cellSize"] == pytest.approx(cell / 2**number)
        assert matrix["pointOfOrigin"] == pytest.approx(origin)
        assert (matrix["matrixWidth"], matrix["matrixHeight"]) == (columns * 2**number, 2**number)
        assert (matrix["tileWidth"], matrix["tileHeight"]) == (256, 256)


def test_list_of_tile_matrix_sets_leads_to_each(client: FlaskClient):
    """/rec/tileset/tmxslink, C and D"""
    [link] = links_of(get(client, "/"), f"{REL}tiling-schemes")
    listed = get(client, path_of(link["href"]))["tileMatrixSets"]
    assert {entry["id"]: (entry["uri"], entry["crs"]) for entry in listed} == {
        tms: (f"{REGISTER}{tms}", crs) for tms, crs in KNOWN.items()
    }
    for entry in listed:
        [full] = links_of(entry, "self")
        assert get(client, path_of(full["href"]))["title"] == entry["title"]


@of_each_spatial_collection
@of_each_set
def test_tileset_has_a_template_with_the_three_variables(client: FlaskClient, name: str, tms: str):
    """/req/tileset/description, E, F and G"""
    [item] = links_of(get(client, f"/collections/{name}/tiles/{tms}"), "item")
    assert all(item["href"].count(variable) == 1 for variable in ("{tileMatrix}", "{tileRow}", "{tileCol}"))
    assert (item["type"], item["templated"]) == (MVT, True)


@of_each_spatial_collection
def test_list_of_tilesets_is_at_tiles(client: FlaskClient, name: str):
    """/req/tilesets-list/tileset-path, /req/geodata-tilesets/operation"""
    tilesets = get(client, f"/collections/{name}/tiles")["tilesets"]
    assert [entry["crs"] for entry in tilesets] == list(KNOWN.values())
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
@of_each_set
@pytest.mark.parametrize("matrix", [0, 6, 9])
def test_tile_is_one_mvt_whose_features_have_a_geometry_and_a_type(
    client: FlaskClient, name: str, tms: str, matrix: int
):
    """/req/mvt/content, A and B"""
    place = {"places": (24.94, 60.17), "grid": (24.5, 60.05)}[name]
    found = layers(client, tile_path(client, name, tms, read_grid(client, tms).tile_of(*place, matrix)))
    assert list(found) == [name]
    assert found[name]["version"] == 2
    for feature in found[name]["features"]:
        assert feature["geometry"]["type"] == {"places": "Point", "grid": "Polygon"}[name]
        assert feature["geometry"]["coordinates"]


@of_each_spatial_collection
@of_each_set
@pytest.mark.parametrize("matrix", [0, 6, 12, 16])
def test_grid_of_a_tile_maps_linearly_to_the_tile_from_its_top_left_corner(
    client: FlaskClient, name: str, tms: str, matrix: int
):
    """/req/mvt/content, C"""
    corner, grid = {"places": (24.94, 60.17), "grid": (24.1, 60.1)}[name], read_grid(client, tms)
    place = grid.tile_of(*corner, matrix)
    west, south, east, north = grid.bounds(place)
    layer = layers(client, tile_path(client, name, tms, place))[name]
    [feature] = [feature for feature in layer["features"] if feature["id"] == 1]
    wide, high = (east - west) / layer["extent"], (north - south) / layer["extent"]
    in_crs = [(west + x * wide, north - y * high) for x, y in positions(feature["geometry"])]
    x, y = grid.project(*corner)
    assert min(math.hypot((x - found_x) / wide, (y - found_y) / high) for found_x, found_y in in_crs) <= 2


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
        for tms in CRS_OF:
            path = TILE.replace("{collectionId}", name).replace("{tileMatrixSetId}", tms)
            assert template_of(client, name, tms) == path


def test_operations_of_tiles_end_in_the_suffixes_of_the_standard(client: FlaskClient):
    """/req/oas30/operation-id"""
    paths = definition(client)["paths"]
    for path, suffix in (
        ("/collections/{collectionId}/tiles", ".collection.vector.getTileSetsList"),
        ("/collections/{collectionId}/tiles/{tileMatrixSetId}", ".collection.vector.getTileSet"),
        (TILE, ".collection.vector.getTile"),
    ):
        assert paths[path]["get"]["operationId"].endswith(suffix)
