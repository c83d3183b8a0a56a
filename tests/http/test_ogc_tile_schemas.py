"""Tile matrix sets and tilesets by the schemas of OGC 17-083r4, which are in tests/data/tms.

The id of the requirement is in the docstring.
"""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT201909

from support.cluster import ROOT
from support.ogc import REL, get, links_of, path_of

SCHEMAS = ROOT / "tests/data/tms"
CONF = "http://www.opengis.net/spec/tms/2.0/conf/"
SETS = ["WebMercatorQuad", "WorldCRS84Quad", "EuropeanETRS89_LAEAQuad"]
TILESETS = [
    f"{place}/{tms}{given}"
    for place, given in (
        ("/collections/grid/tiles", ""),
        ("/collections/places/tiles", ""),
        ("/collections/places/tiles", "?properties=name&bbox=0,0,50,70"),
        ("/tiles", ""),
        ("/tiles", "?collections=grid"),
    )
    for tms in SETS
]


@pytest.fixture(scope="module")
def validators() -> dict[str, Any]:
    """A validator for each schema, by its name."""
    found = {path.stem: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}
    registry = Registry().with_resources(
        [(f"{name}.json", Resource(schema, DRAFT201909)) for name, schema in found.items()]
    )
    check = jsonschema.Draft201909Validator.FORMAT_CHECKER
    return {
        name: jsonschema.Draft201909Validator(schema, registry=registry, format_checker=check)
        for name, schema in found.items()
    }


def test_classes_of_the_standard_are_declared(client: FlaskClient):
    """/req/core/conformance-success of OGC API Tiles, which depends on these"""
    declared = get(client, "/conformance")["conformsTo"]
    assert {name.removeprefix(CONF) for name in declared if name.startswith(CONF)} == {
        f"{form}{name}"
        for name in ("tilematrixset", "tilematrixsetlimits", "tilesetmetadata")
        for form in ("", "json-")
    }


@pytest.mark.parametrize("tms", SETS)
def test_tile_matrix_set_is_as_its_schema_says(client: FlaskClient, validators: dict[str, Any], tms: str):
    """/req/json-tilematrixset/schema, /req/tilematrixset/model"""
    response = client.get(f"/tileMatrixSets/{tms}")
    assert response.content_type == "application/json"
    document = json.loads(response.data)
    validators["tileMatrixSet"].validate(document)
    ids = [matrix["id"] for matrix in document["tileMatrices"]]
    assert len(set(ids)) == len(ids)
    for matrix in document["tileMatrices"]:
        metres = 111319.49079327358 if document["crs"].endswith("CRS84") else 1
        assert matrix["scaleDenominator"] == pytest.approx(matrix["cellSize"] * metres / 0.00028)


@pytest.mark.parametrize("path", TILESETS)
def test_tileset_is_as_its_schema_says(client: FlaskClient, validators: dict[str, Any], path: str):
    """/req/json-tilesetmetadata/schema, /req/json-tilematrixsetlimits/schema, /req/tileset/description, A"""
    document = get(client, path)
    validators["tileSet"].validate(document)
    [scheme] = links_of(document, f"{REL}tiling-scheme")
    matrices = {matrix["id"]: matrix for matrix in get(client, path_of(scheme["href"]))["tileMatrices"]}
    limits = document["tileMatrixSetLimits"]
    assert [limit["tileMatrix"] for limit in limits] == list(matrices)
    for limit in limits:
        matrix = matrices[limit["tileMatrix"]]
        assert 0 <= limit["minTileRow"] <= limit["maxTileRow"] < matrix["matrixHeight"]
        assert 0 <= limit["minTileCol"] <= limit["maxTileCol"] < matrix["matrixWidth"]


@pytest.mark.parametrize("path", ["/tiles", "/collections/grid/tiles", "/collections/places/tiles"])
def test_each_entry_of_a_list_is_a_tileset_by_the_schema(client: FlaskClient, validators: dict[str, Any], path: str):
    """/req/tilesets-list/tileset-links, /rec/tilesets-list/tileset_title"""
    entries = get(client, path)["tilesets"]
    assert len(entries) == len(SETS)
    for entry in entries:
        validators["tileSet"].validate(entry)
        assert entry["title"]
        for rel in ("self", f"{REL}tiling-scheme"):
            [link] = links_of(entry, rel)
            validators["link"].validate(link)


def test_tileset_of_properties_of_every_type_is_as_its_schema_says(odd_client: FlaskClient, validators: dict[str, Any]):
    """/req/json-tilesetmetadata/schema"""
    document = get(odd_client, "/tiles/WebMercatorQuad")
    validators["tileSet"].validate(document)
    [types] = [layer for layer in document["layers"] if layer["id"] == "types"]
    assert types["propertiesSchema"]["properties"]["jb"] == {"type": "string", "contentMediaType": "application/json"}
