"""Tile matrix sets that are registered as JSON files: where their tiles lie and what is in them, by pyproj and shapely.

The national grids here: Europe's LAEA, which ships (northing first), New Zealand's (northing first), Finland's (easting
first, in one of them rows are counted from the south), Fiji's (across 180 degrees), and the North Pole's.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import pyproj
import pytest
import shapely
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from support.cluster import Cluster, Database
from support.grids import Grid, read_grid
from support.ogc import EPSG, REL, definition, get, items, links_of, path_of, positions, status
from support.publish import publish

LAEA = "EuropeanETRS89_LAEAQuad"
NORTH_POLE, NEW_ZEALAND, FINLAND, FROM_SOUTH, FIJI = "NorthPole", "NZTM2000Quad", "ETRS-TM35FIN", "FromSouth", "Fiji"


def quad(crs: int, origin: list[float], width: float, zooms: int = 12, **members: Any) -> dict[str, Any]:
    """A set of one tile at zoom 0 and four times as many at each further one."""
    corner = {"cornerOfOrigin": members.pop("corner")} if "corner" in members else {}
    matrices = [
        {
            "id": str(zoom),
            "scaleDenominator": width / 256 / 2**zoom / 0.00028,
            "cellSize": width / 256 / 2**zoom,
            "pointOfOrigin": origin,
            **corner,
            "tileWidth": 256,
            "tileHeight": 256,
            "matrixWidth": 2**zoom,
            "matrixHeight": 2**zoom,
        }
        for zoom in range(zooms)
    ]
    return {"crs": f"{EPSG}{crs}", **members, "tileMatrices": matrices}


SETS = {
    NEW_ZEALAND: quad(2193, [10438190.1652, -3260586.7284], 10018754.17139462, orderedAxes=["N", "E"], title="NZ"),
    FINLAND: quad(3067, [-548576, 8388608], 2097152.0, orderedAxes=["E", "N"]),
    FROM_SOUTH: quad(3067, [-548576, 6291456], 2097152.0, corner="bottomLeft"),
    FIJI: quad(3460, [1700000, 4300000], 600000.0, orderedAxes=["E", "N"]),
    NORTH_POLE: quad(3995, [-4194304, 4194304], 8388608.0),
    "Degrees": quad(4326, [90, -180], 360.0, orderedAxes=["Lat", "Lon"]),
}
FIRST = SETS[FINLAND]["tileMatrices"][0]
BAD = {
    "no_json": "{",
    "no_object": "[]",
    "no_crs": json.dumps({"tileMatrices": []}),
    "wkt_crs": json.dumps({**SETS[FINLAND], "crs": {"wkt": {}}}),
    "no_matrices": json.dumps({"crs": f"{EPSG}3067", "tileMatrices": []}),
    "unknown_crs": json.dumps(quad(999999, [0, 0], 1.0)),
    "WebMercatorQuad": json.dumps(quad(3857, [0, 0], 1.0)),
    "varied": json.dumps(
        {
            "crs": f"{EPSG}3067",
            "tileMatrices": [{**SETS[FINLAND]["tileMatrices"][0], "variableMatrixWidths": [{"coalesce": 2}]}],
        }
    ),
    "negative": json.dumps(
        {"crs": f"{EPSG}3067", "tileMatrices": [{**SETS[FINLAND]["tileMatrices"][0], "cellSize": -1}]}
    ),
    "huge": "[" * 200_000,
    "deep": json.dumps({**SETS[FINLAND], "keywords": json.loads("[" * 400 + "]" * 400)}),
    "huge_number": json.dumps({"crs": f"{EPSG}3067", "tileMatrices": [{**FIRST, "pointOfOrigin": [10**400, 0]}]}),
    "tiny_number": json.dumps({"crs": f"{EPSG}3067", "tileMatrices": [{**FIRST, "cellSize": 1e-300}]}),
    "no_number": json.dumps({**SETS[FINLAND], "boundingBox": {"lowerLeft": [float("nan"), 0]}}),
    "half_a_letter": json.dumps({**SETS[FINLAND], "title": "\ud800"}),
}

PLACES = """
SELECT n AS fid, 'place ' || n AS name, p AS geom FROM unnest(ARRAY[
    ST_Point(24.94, 60.17), ST_Point(-8.6, 41.15), ST_Point(14.5, 35.9), ST_Point(174.78, -41.29),
    ST_Point(178.44, -18.14), ST_Point(15.6, 78.2), ST_Point(-74, 40.7), ST_Point(0, -89.9),
    ST_Point(178.5, -37.7), ST_Point(100, 89.5),
    ST_Point(-60, 82), ST_Point(-179.9, -16.8)
]) WITH ORDINALITY AS of (p, n)
"""
AREAS = """
SELECT n AS fid, 'area ' || n AS name, g AS geom FROM unnest(ARRAY[
    ST_MakeEnvelope(20, 55, 30, 65, 4326), ST_MakeEnvelope(-180, -85, 180, 85, 4326),
    ST_MakeEnvelope(177, -19, 180, -15, 4326), ST_MakeEnvelope(-180, -19, -179, -15, 4326),
    ST_MakeEnvelope(-120, 20, -60, 50, 4326), ST_MakeEnvelope(-10, 58, 50, 62, 4326),
    'SRID=4326;POLYGON((170 60, 175 60, -170 60, -170 62, 175 62, 170 62, 170 60))'
]) WITH ORDINALITY AS of (g, n)
"""
MAORI = "SELECT 1 AS fid, 'town' AS name, ST_SetSRID(ST_Point(1748735, 5427916), 2193) AS geom"


@pytest.fixture(scope="module")
def log() -> Iterator[list[str]]:
    """What the API says in its log when it reads the files."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("isthmus.api")
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


@pytest.fixture(scope="module")
def atlas(cluster: Cluster) -> Iterator[Database]:
    """A database with places and areas of the world, a grid in Finland and a town in New Zealand."""
    database = cluster.clone()
    publish(database, "spots", PLACES, columns={"name": "string"})
    publish(database, "areas", AREAS, columns={"name": "string"}, geometry_type="Polygon")
    publish(database, "town", MAORI, columns={"name": "string"}, srid=2193)
    yield database
    cluster.drop(database)


@pytest.fixture(scope="module")
def app(atlas: Database, log: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The API on it, with good files and bad ones."""
    folder: Path = tmp_path_factory.mktemp("sets")
    for name, document in SETS.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    for name, text in BAD.items():
        (folder / f"{name}.json").write_text(text)
    (folder / "again.json").write_text(json.dumps({**SETS[FINLAND], "id": NEW_ZEALAND}))
    settings = replace(atlas.reader, tile_matrix_sets=str(folder))
    pool = Pool(settings)
    yield create_app(settings, pool)
    pool.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the API."""
    return app.test_client()


def bounds(grid: Grid, place: tuple[str, int, int]) -> tuple[float, float, float, float]:
    """West, south, east and north of a tile, also where rows are counted from the south."""
    matrix = grid.matrices[place[0]]
    if matrix.get("cornerOfOrigin") != "bottomLeft":
        return grid.bounds(place)
    west, south = grid.corner(place[0])
    width, height = grid.size(place[0])
    return (
        west + place[2] * width,
        south + place[1] * height,
        west + (place[2] + 1) * width,
        south + (place[1] + 1) * height,
    )


def features(client: FlaskClient, path: str) -> dict[int, Any]:
    """The features of a tile by id, their geometries from 0 to 1 of the tile, downwards."""
    response = client.get(path)
    assert response.status_code in (200, 204), response.text
    if not response.data:
        return {}
    [layer] = mapbox_vector_tile.decode(response.data, default_options={"y_coord_down": True}).values()
    return {feature["id"]: shapely.geometry.shape(feature["geometry"]) for feature in layer["features"]}


def test_bad_files_are_named_with_the_reason_and_left_out(client: FlaskClient, log: list[str]):
    listed = {entry["id"] for entry in get(client, "/tileMatrixSets")["tileMatrixSets"]}
    assert listed == {"WebMercatorQuad", "WorldCRS84Quad", LAEA, *SETS}
    for name in ("again", *BAD):
        [line] = [line for line in log if f"/{name}.json" in line or f" {name} is left out" in line]
        assert len(line) > 30
    assert any("there is a set 'NZTM2000Quad' already" in line for line in log)


@pytest.mark.parametrize("tms", [LAEA, *SETS])
def test_definition_is_the_file_with_the_id(client: FlaskClient, tms: str):
    found = get(client, f"/tileMatrixSets/{tms}")
    links = found.pop("links", None)
    assert links is None or links
    if tms in SETS:
        assert found == {**SETS[tms], "id": tms}
    entry = next(entry for entry in get(client, "/tileMatrixSets")["tileMatrixSets"] if entry["id"] == tms)
    assert entry["crs"] == found["crs"]


@pytest.mark.parametrize(
    ("tms", "ids"),
    [
        (LAEA, {1, 2, 3, 6}),
        (NEW_ZEALAND, {4, 9}),
        (FIJI, {5, 12}),
        (FINLAND, {1, 6}),
        (FROM_SOUTH, {1, 6}),
        (NORTH_POLE, {1, 6, 10, 11}),
    ],
)
@pytest.mark.parametrize("zoom", ["0", "3", "7", "11"])
def test_points_are_where_pyproj_has_them(client: FlaskClient, tms: str, ids: set[int], zoom: str):
    """To a unit of the tile's grid, in the tile that the definition says, and the tileset's limits hold it."""
    grid, seen = read_grid(client, tms), set()
    matrix = grid.matrices[zoom]
    for feature in items(client, "spots"):
        longitude, latitude = feature["geometry"]["coordinates"]
        x, y = grid.project(longitude, latitude)
        if feature["id"] not in ids:
            continue
        west, top = grid.corner(zoom)
        width, height = grid.size(zoom)
        from_south = matrix.get("cornerOfOrigin") == "bottomLeft"
        row = math.floor((y - top) / height if from_south else (top - y) / height)
        column = math.floor((x - west) / width)
        if not (0 <= row < matrix["matrixHeight"] and 0 <= column < matrix["matrixWidth"]):
            continue
        found = features(client, f"/collections/spots/tiles/{tms}/{zoom}/{row}/{column}")
        left, south, right, north = bounds(grid, (zoom, row, column))
        shown = found[feature["id"]]
        assert abs(left + shown.x / 4096 * (right - left) - x) <= (right - left) / 4096
        assert abs(north - shown.y / 4096 * (north - south) - y) <= (north - south) / 4096
        seen.add(feature["id"])
    assert len(seen) >= 1


@pytest.mark.parametrize("tms", [LAEA, NEW_ZEALAND, FINLAND, FROM_SOUTH, FIJI, NORTH_POLE, "Degrees"])
def test_every_tile_inside_the_limits_answers_and_none_outside(client: FlaskClient, tms: str):
    for name in ("spots", "areas"):
        tileset = get(client, f"/collections/{name}/tiles/{tms}")
        assert tileset["crs"] == read_grid(client, tms).crs
        for limit in tileset["tileMatrixSetLimits"][:3]:
            matrix = read_grid(client, tms).matrices[limit["tileMatrix"]]
            for row in range(matrix["matrixHeight"]):
                for column in range(matrix["matrixWidth"]):
                    inside = (
                        limit["minTileRow"] <= row <= limit["maxTileRow"]
                        and limit["minTileCol"] <= column <= limit["maxTileCol"]
                    )
                    path = f"/collections/{name}/tiles/{tms}/{limit['tileMatrix']}/{row}/{column}"
                    assert status(client, path) in ((200, 204) if inside else (404,)), path


@pytest.mark.parametrize(
    ("tms", "zoom", "id"),
    [
        (LAEA, "2", 1),
        (FINLAND, "1", 1),
        (FROM_SOUTH, "1", 1),
        (NORTH_POLE, "1", 1),
        (LAEA, "1", 6),
        (LAEA, "3", 6),
        (NORTH_POLE, "2", 6),
    ],
)
def test_areas_cover_what_pyproj_and_shapely_say(client: FlaskClient, tms: str, zoom: str, id: int):
    """A rectangle of degrees, its edges split as they are bent here: the area in common with a tile, to 2 %."""
    grid = read_grid(client, tms)
    [area] = [feature for feature in items(client, "areas") if feature["id"] == id]
    ring = shapely.segmentize(shapely.geometry.shape(area["geometry"]), 0.05)
    assert positions(area["geometry"])
    corners = shapely.transform(ring, lambda points: [grid.project(*point) for point in points])
    limit = next(
        limit
        for limit in get(client, f"/collections/areas/tiles/{tms}")["tileMatrixSetLimits"]
        if limit["tileMatrix"] == zoom
    )
    checked = 0
    for row in range(limit["minTileRow"], limit["maxTileRow"] + 1):
        for column in range(limit["minTileCol"], limit["maxTileCol"] + 1):
            box = bounds(grid, (zoom, row, column))
            expected = corners.intersection(shapely.box(*box)).area / shapely.box(*box).area
            if not 0.02 < expected < 0.98:
                continue
            shown = features(client, f"/collections/areas/tiles/{tms}/{zoom}/{row}/{column}")[id]
            inside = shapely.make_valid(shown).intersection(shapely.box(0, 0, 4096, 4096)).area / 4096**2
            assert inside == pytest.approx(expected, abs=0.02)
            checked += 1
    assert checked >= 1


def test_tile_across_180_degrees_has_both_sides(client: FlaskClient):
    assert set(features(client, f"/collections/spots/tiles/{FIJI}/0/0/0")) == {5, 12}
    found = features(client, f"/collections/areas/tiles/{FIJI}/0/0/0")
    assert set(found) == {2, 3, 4}
    grid = read_grid(client, FIJI)
    west, south, east, north = grid.bounds(("0", 0, 0))
    edges = {}
    for id, (left, right) in {3: (177, 180), 4: (-180, -179)}.items():
        for side in (left, right):
            edges[id, side] = (grid.project(side, -17)[0] - west) / (east - west) * 4096
        assert found[id].bounds[0] == pytest.approx(edges[id, left], abs=40)
        assert found[id].bounds[2] == pytest.approx(edges[id, right], abs=40)
    assert edges[3, 180] == pytest.approx(edges[4, -180]), "they meet where the longitude jumps"


def test_shape_that_jumps_across_180_degrees_is_no_band_around_the_world(client: FlaskClient):
    for tms in (LAEA, FINLAND, FROM_SOUTH):
        assert 7 not in features(client, f"/collections/areas/tiles/{tms}/0/0/0")
    grid, found = read_grid(client, NORTH_POLE), features(client, f"/collections/areas/tiles/{NORTH_POLE}/0/0/0")[7]
    west, south, east, north = grid.bounds(("0", 0, 0))
    wide = [grid.project(180 + turn, 60) for turn in (-10, 10)]
    assert found.bounds[2] - found.bounds[0] <= abs(wide[0][0] - wide[1][0]) / (east - west) * 4096 + 4


def test_data_in_the_system_of_the_grid_need_no_transformation(client: FlaskClient):
    grid = read_grid(client, NEW_ZEALAND)
    limit = get(client, f"/collections/town/tiles/{NEW_ZEALAND}")["tileMatrixSetLimits"][11]
    assert limit["minTileRow"] == limit["maxTileRow"]
    assert limit["minTileCol"] == limit["maxTileCol"]
    row, column = limit["minTileRow"], limit["minTileCol"]
    shown = features(client, f"/collections/town/tiles/{NEW_ZEALAND}/11/{row}/{column}")[1]
    west, south, east, north = grid.bounds(("11", row, column))
    assert west + shown.x / 4096 * (east - west) == pytest.approx(1748735, abs=1)
    assert north - shown.y / 4096 * (north - south) == pytest.approx(5427916, abs=1)


def test_collection_that_lies_elsewhere_has_no_tiles_in_the_set(client: FlaskClient):
    listed = [
        path_of(links_of(entry, f"{REL}tiling-scheme")[0]["href"]).rpartition("/")[2]
        for entry in get(client, "/collections/town/tiles")["tilesets"]
    ]
    assert NEW_ZEALAND in listed
    assert FINLAND not in listed
    assert LAEA not in listed
    response = client.get(f"/collections/town/tiles/{FINLAND}/0/0/0")
    assert (response.status_code, json.loads(response.data)["code"]) == (404, "tiles-elsewhere")
    assert status(client, f"/tiles/{FINLAND}?collections=town") == 404
    assert status(client, f"/tiles/{FINLAND}/0/0/0") == 200
    found = get(client, f"/tiles/{FINLAND}")
    assert [layer["id"] for layer in found["layers"]] == ["areas", "spots"]


def test_tilejson_says_from_where_rows_are_counted(client: FlaskClient):
    for tms, scheme in {FROM_SOUTH: "tms", FINLAND: "xyz", LAEA: "xyz"}.items():
        document = get(client, f"/collections/spots/tiles/{tms}/tilejson.json")
        assert document["scheme"] == scheme
        assert 0 <= document["center"][2] <= document["maxzoom"] <= 14


GDAL = Path("/usr/share/gdal")
"""Where Debian has the sets that GDAL comes with, in the JSON of the standard's first version."""


@pytest.mark.parametrize(
    ("name", "id", "columns", "cell", "place"),
    [
        ("tms_NZTM2000.json", "NZTM2000", 2, 8960.0, (174.78, -41.29)),
        ("tms_MapML_CBMTILE.json", "CBMTILE", 5, 38364.660062653464, (-74, 40.7)),
    ],
)
def test_sets_of_gdal_work_as_they_are(
    atlas: Database, tmp_path: Path, name: str, id: str, columns: int, cell: float, place: tuple[float, float]
):
    (tmp_path / name).write_bytes((GDAL / name).read_bytes())
    settings = replace(atlas.reader, tile_matrix_sets=str(tmp_path))
    pool = Pool(settings)
    client = create_app(settings, pool).test_client()
    first = get(client, f"/tileMatrixSets/{id}")["tileMatrices"][0]
    assert (first["matrixWidth"], first["cellSize"]) == (columns, pytest.approx(cell))
    grid = read_grid(client, id)
    for zoom in list(grid.matrices)[:8]:
        matrix, row, column = grid.tile_of(*place, zoom)
        found = features(client, f"/collections/spots/tiles/{id}/{matrix}/{row}/{column}")
        west, south, east, north = grid.bounds((matrix, row, column))
        x, y = grid.project(*place)
        nearest = min(
            math.hypot(west + shown.x / 4096 * (east - west) - x, north - shown.y / 4096 * (north - south) - y)
            for shown in found.values()
        )
        assert nearest <= 1.5 * (east - west) / 4096
    pool.close()


def test_null_and_unnamed_members_are_passed_over(atlas: Database, tmp_path: Path):
    """As pydantic writes what there is none of."""
    document = quad(3067, [-548576, 8388608], 2097152.0, orderedAxes=None, description=None, keywords=None)
    document["tileMatrices"][0]["variableMatrixWidths"] = None
    (tmp_path / "Nulls.json").write_text(json.dumps(document))
    settings = replace(atlas.reader, tile_matrix_sets=str(tmp_path))
    pool = Pool(settings)
    client = create_app(settings, pool).test_client()
    shown = get(client, "/tileMatrixSets/Nulls")
    assert None not in shown.values()
    assert None not in shown["tileMatrices"][0].values()
    assert status(client, "/collections/spots/tiles/Nulls/0/0/0") == 200
    pool.close()


def test_links_of_another_server_and_a_byte_order_mark_are_passed_over(atlas: Database, tmp_path: Path):
    document = quad(3067, [-548576, 8388608], 2097152.0, links=["https://example.org/"])
    (tmp_path / "Linked.json").write_text(json.dumps(document), encoding="utf-8-sig")
    settings = replace(atlas.reader, tile_matrix_sets=str(tmp_path))
    pool = Pool(settings)
    assert "links" not in get(create_app(settings, pool).test_client(), "/tileMatrixSets/Linked")
    pool.close()


def test_definition_of_the_api_names_the_sets(client: FlaskClient):
    schema = definition(client)["components"]["parameters"]["tileMatrixSetId"]["schema"]
    assert {LAEA, *SETS} <= set(schema["enum"])


def test_rows_and_columns_are_those_of_the_registered_definition(client: FlaskClient):
    grid = read_grid(client, LAEA)
    assert pyproj.CRS(grid.crs).axis_info[0].direction == "north"
    assert grid.corner("0") == (2000000, 5500000)
    place = grid.tile_of(24.94, 60.17, 10)
    assert status(client, f"/collections/spots/tiles/{LAEA}/{place[0]}/{place[1]}/{place[2]}") == 200
    assert status(client, f"/collections/spots/tiles/{LAEA}/{place[0]}/{place[2]}/{place[1]}") in (204, 404)


def test_file_that_changes_makes_other_tiles(atlas: Database, tmp_path: Path):
    """The id alone must not find the tiles of an older definition."""
    etags = []
    for width in (2097152.0, 1048576.0):
        (tmp_path / "Mine.json").write_text(json.dumps(quad(3067, [-548576, 8388608], width)))
        settings = replace(atlas.reader, tile_matrix_sets=str(tmp_path))
        pool = Pool(settings)
        client = create_app(settings, pool).test_client()
        etags.append(client.get("/collections/areas/tiles/Mine/0/0/0").headers["ETag"])
        pool.close()
    assert etags[0] != etags[1]


def test_sets_of_files_wait_for_a_database_that_does_not_answer(atlas: Database):
    settings = replace(atlas.reader, db_port=1, pool_wait_s=0.2)
    pool = Pool(settings)
    client = create_app(settings, pool).test_client()
    listed = [entry["id"] for entry in get(client, "/tileMatrixSets")["tileMatrixSets"]]
    assert listed == ["WebMercatorQuad", "WorldCRS84Quad"]
    response = client.get(f"/tileMatrixSets/{LAEA}")
    assert (response.status_code, json.loads(response.data)["code"]) == (503, "database-unavailable")
    assert status(client, "/tileMatrixSets/Nowhere") == 404
    pool.close()
