"""Documents made from a collection, by value."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from api.documents.collections import collection_document, rfc3339
from api.documents.openapi.document import for_gdal, openapi_document
from api.documents.openapi.examples import NO_SAMPLE
from api.documents.openapi.operations import OPERATIONS
from api.documents.openapi.parameters import parameter_components
from api.documents.schemas import (
    feature_schema_document,
    gdal_feature_schema,
    geometry_property,
    queryables_document,
    schema_document,
    sortables_document,
)
from api.documents.tilesets import (
    matrix_limits,
    middle_zoom,
    tile_matrix_set_document,
    tilejson_document,
    tileset_document,
)
from api.http.links import Links
from api.http.request import Limits
from api.params.items import ITEMS_PARAMETERS
from api.tiles.grids import Grids
from api.tms.tile import OURS, WEB_MERCATOR_QUAD, TileMatrixSet, extent_in
from api.tms.tileset import Tileset, padded
from core.bbox import BBox
from core.catalog.collections import Catalog, Collection, Column, Key, KeyPart
from core.settings import Settings

LINKS = Links("http://x/gis")


def test_collection_leaves_out_what_it_does_not_know(roads: Collection):
    document = collection_document(roads, LINKS)
    assert "description" not in document
    assert "attribution" not in document
    assert document["extent"] == {
        "spatial": {"bbox": [[24, 60, 25, 61]], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}
    }
    told = collection_document(replace(roads, description="Lines", attribution="me"), LINKS)
    assert (told["description"], told["attribution"]) == ("Lines", "me")


@pytest.mark.parametrize(
    ("kind", "left_out"), [("Point", set()), ("GeometryCollection", {"shp"}), (None, {"fgb", "kml"})]
)
def test_formats_that_cannot_hold_the_geometries_are_not_offered(
    roads: Collection, kind: str | None, left_out: set[str]
):
    some = replace(roads, geometry_type=kind, srid=None if kind is None else 4326)
    hrefs = " ".join(link["href"] for link in collection_document(some, LINKS)["links"])
    assert {name for name in ("gpkg", "shp", "fgb", "kml", "csv") if f"f={name}" not in hrefs} == left_out


def test_interval_with_an_open_end_has_a_null(roads: Collection):
    start = datetime(2024, 1, 1, tzinfo=UTC)
    document = collection_document(replace(roads, interval=(start, None)), LINKS)
    assert document["extent"]["temporal"]["interval"] == [["2024-01-01T00:00:00Z", None]]
    assert rfc3339(None) is None


def test_every_link_is_below_the_base(roads: Collection):
    for link in collection_document(roads, LINKS)["links"]:
        assert link["href"].startswith("http://x/gis/collections/roads")
        assert link["type"]
        assert link["title"]


def test_id_that_needs_escaping_is_escaped_everywhere(roads: Collection):
    document = collection_document(replace(roads, id="道路"), LINKS)
    assert {link["href"].split("/")[5].partition("?")[0] for link in document["links"]} == {"%E9%81%93%E8%B7%AF"}


def test_queryables_and_sortables_are_what_can_be_compared(roads: Collection):
    with_bytes = replace(roads, columns=(*roads.columns, Column("raw", "raw", "binary")))
    queryables = queryables_document(with_bytes, LINKS)["properties"]
    assert list(queryables) == ["id", "name", "lanes", "opened", 'we"ird', "limit", "tags", "geometry"]
    sortables = sortables_document(with_bytes, LINKS)["properties"]
    assert list(sortables) == ["id", "name", "lanes", "opened", 'we"ird', "limit"]


@pytest.mark.parametrize(
    ("geometry_type", "expected"),
    [("Point", "geometry-point"), ("MultiPolygon", "geometry-multipolygon"), ("Geometry", "geometry-any")],
)
def test_spatial_property_has_a_format_and_no_type(roads: Collection, geometry_type: str, expected: str):
    [schema] = geometry_property(replace(roads, geometry_type=geometry_type)).values()
    assert schema["format"] == expected
    assert "type" not in schema


def test_geometry_and_id_step_aside_for_properties_of_their_names(roads: Collection):
    columns = (Column("id", "id", "string"), Column("geometry", "geometry", "string"))
    properties = schema_document(replace(roads, columns=columns, temporal_column=None), LINKS)["properties"]
    assert list(properties) == ["_id", "id", "geometry", "_geometry"]
    assert properties["_id"]["x-ogc-role"] == "id"
    assert properties["_geometry"]["x-ogc-role"] == "primary-geometry"


def test_schema_marks_the_time_that_datetime_asks(roads: Collection):
    properties = schema_document(roads, LINKS)["properties"]
    assert [name for name, schema in properties.items() if schema.get("x-ogc-role") == "primary-instant"] == ["opened"]


def test_schema_of_one_collection_does_not_change_the_next(roads: Collection):
    schema_document(roads, LINKS)
    other = queryables_document(replace(roads, temporal_column=None), LINKS)
    assert "x-ogc-role" not in other["properties"]["opened"]


def test_id_is_a_property_to_ask_for_when_it_is_one_value(roads: Collection):
    text, number = KeyPart("code", "uuid", "text"), KeyPart("lanes", "integer")
    for key, expected in (
        (Key((text,)), Column("id", "code", "string", "uuid")),
        (Key((KeyPart("code", "text", "text"),)), Column("id", "code", "string")),
        (Key((number,)), roads.column("lanes")),
        (Key((text, number)), None),
        (Key((text,), is_id=False), None),
        (Key(()), None),
    ):
        assert replace(roads, key=key).id_column == expected


def test_id_that_is_published_is_there_once_and_one_of_several_values_is_only_returned(roads: Collection):
    number = KeyPart("lanes", "integer")
    published, several = replace(roads, key=Key((number,))), replace(roads, key=Key((number, number)))
    places = replace(roads, key=Key((number,), is_id=False))
    for make in (schema_document, queryables_document, sortables_document):
        properties = make(published, LINKS)["properties"]
        assert [name for name, schema in properties.items() if schema.get("x-ogc-role") == "id"] == ["lanes"]
        assert "id" not in properties
        assert ("id" in make(several, LINKS)["properties"]) is (make is schema_document)
        assert "id" not in make(places, LINKS)["properties"]


def test_start_and_end_have_their_roles_when_they_are_of_one_kind(roads: Collection):
    columns = (Column("a", "a", "date"), Column("b", "b", "date"), Column("c", "c", "datetime"))
    for end, expected in (("b", ["primary-interval-start", "primary-interval-end"]), ("c", [])):
        lasting = replace(roads, columns=columns, temporal_column="a", temporal_end_column=end)
        properties = schema_document(lasting, LINKS)["properties"]
        assert [properties[name]["x-ogc-role"] for name in "abc" if "x-ogc-role" in properties[name]] == expected


def test_feature_schema_names_the_geometry_type(roads: Collection):
    document = feature_schema_document(roads, LINKS)
    line = {"$ref": "https://geojson.org/schema/LineString.json"}
    assert document["properties"]["geometry"] == {"anyOf": [line, {"type": "null"}]}
    assert gdal_feature_schema(roads, LINKS)["properties"]["geometry"] == line
    table = feature_schema_document(replace(roads, srid=None), LINKS)
    assert table["properties"]["geometry"] == {"type": "null"}


def tiles_of(collection: Collection, matrix_set: TileMatrixSet = WEB_MERCATOR_QUAD) -> Tileset:
    """The tileset of a collection."""
    return Grids().tileset(collection, matrix_set)


def test_tilejson_describes_the_layer(roads: Collection):
    document = tilejson_document(tiles_of(roads), LINKS)
    assert document["tiles"] == ["http://x/gis/collections/roads/tiles/WebMercatorQuad/{z}/{y}/{x}"]
    assert document["vector_layers"][0]["fields"] == {
        "name": "String",
        "lanes": "Number",
        "opened": "String",
        'we"ird': "String",
        "limit": "Number",
        "tags": "String",
    }
    assert document["center"] == [24.5, 60.5, 7]
    assert document["version"] == "1.0.7"


def test_bounds_have_a_margin_within_the_degrees():
    assert padded(BBox(0, 0, 10, 10)) == pytest.approx([-0.001, -0.001, 10.001, 10.001])
    assert padded(BBox(-180, -90, 180, 90)) == [-180, -90, 180, 90]
    assert padded(BBox(170, -10, -170, 10)) == pytest.approx([-180, -10.001, 180, 10.001])


def test_collection_without_features_covers_the_world_in_tilejson(roads: Collection):
    empty = tiles_of(replace(roads, bbox_crs84=None))
    document = tilejson_document(empty, LINKS)
    assert document["bounds"][0] == -180
    assert document["center"] == [0, 0, 0]
    assert not {"boundingBox", "centerPoint"} & tileset_document(empty, LINKS).keys()


@pytest.mark.parametrize(
    ("box", "expected"),
    [(BBox(0, 0, 90, 10), 2), (BBox(0, 0, 1, 80), 1), (BBox(5, 5, 5, 5), 14), (BBox(170, 0, -170, 1), 4)],
)
def test_map_begins_at_the_zoom_that_shows_the_whole_extent(box: BBox, expected: int):
    assert middle_zoom(box, 14) == expected


def test_limits_grow_with_the_zoom():
    box = extent_in(WEB_MERCATOR_QUAD, BBox(24, 60, 25, 61))
    sizes = [
        (found["maxTileRow"] - found["minTileRow"] + 1) * (found["maxTileCol"] - found["minTileCol"] + 1)
        for found in (matrix_limits(box, z, WEB_MERCATOR_QUAD) for z in range(15))
    ]
    assert sizes[0] == 1
    assert sizes == sorted(sizes)


def test_tileset_tells_the_dimension_of_its_layer(roads: Collection):
    assert tileset_document(tiles_of(roads), LINKS)["layers"][0]["geometryDimension"] == 1
    mixed = tileset_document(tiles_of(replace(roads, geometry_type="Geometry")), LINKS)
    assert "geometryDimension" not in mixed["layers"][0]


def test_each_matrix_has_half_the_cell_of_the_one_before():
    matrices = tile_matrix_set_document(WEB_MERCATOR_QUAD)["tileMatrices"]
    for wide, fine in zip(matrices, matrices[1:], strict=False):
        assert fine["cellSize"] == wide["cellSize"] / 2
        assert fine["matrixWidth"] == wide["matrixWidth"] * 2
        assert fine["cellSize"] * 256 * fine["matrixWidth"] == pytest.approx(40075016.6855785)


def test_every_parameter_of_an_operation_is_described(roads: Collection):
    known = parameter_components(roads, NO_SAMPLE, Limits(10, 100), OURS.values())
    used = {name for operation in OPERATIONS for name in operation.parameters}
    assert used == known.keys()
    assert set(ITEMS_PARAMETERS) <= used
    assert all(parameter["description"] for parameter in known.values())


def test_openapi_has_the_limits_of_the_settings(roads: Collection):
    settings = Settings(default_limit=7, max_limit=70, title="Maps")
    document = openapi_document(settings, Catalog(1, {"roads": roads}), LINKS)
    limit = document["components"]["parameters"]["limit"]["schema"]
    assert (limit["default"], limit["maximum"]) == (7, 70)
    assert document["info"]["title"] == "Maps"
    assert document["servers"] == [{"url": "http://x/gis", "description": "this server"}]


def test_openapi_is_as_large_for_a_hundred_collections_as_for_one(roads: Collection):
    many = Catalog(1, {f"roads{number}": replace(roads, id=f"roads{number}") for number in range(100)})
    one, all = (
        len(json.dumps(openapi_document(Settings(), found, LINKS))) for found in (Catalog(1, {"r": roads}), many)
    )
    assert abs(all - one) < 1000
    told = for_gdal(openapi_document(Settings(), many, LINKS), many.values())
    OpenAPIV30SpecValidator(told).validate()
    assert len(json.dumps(told)) - all < 100 * 1000


def test_operation_ids_are_unique(roads: Collection):
    catalog = Catalog(1, {"roads": roads, "lakes": replace(roads, id="lakes")})
    document = openapi_document(Settings(), catalog, LINKS, chosen=catalog.values())
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(set(ids)) == len(ids)
