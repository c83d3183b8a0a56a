"""Tiles of lines and polygons: squares for small polygons, fewer short lines, large geometries simpler and in parts."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from flask import Flask
from flask.testing import FlaskClient
from psycopg import sql
from shapely.geometry import shape

from api.app import create_app
from api.sql.tiles.tiles import select_tile
from api.tms.tile import Tile, tile_at
from core.database.connections import Database as Pool
from loader.catalogue import open_catalogue
from support.cluster import Cluster
from support.loading import Loader, write_ogr
from support.mvt import check_tile, features_of

HOUSES, STREETS, LAKES = 15_000, 15_000, 5
EDGE = shapely.box(0, 0, 4096, 4096)


def around_a_town(count: int) -> np.ndarray:
    """Places around a town, in degrees."""
    return np.random.default_rng(1).normal((10, 50), (0.2, 0.1), (count, 2))


def lake(x: float, y: float, radius: float, corners: int = 6000) -> shapely.Polygon:
    """A shape with a rough shore, an island in it, and many corners."""
    chance = np.random.default_rng(int(x * 10))
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    waves = np.arange(1, 60)
    rough = (chance.normal(0, 1, 59) / waves**1.4) @ np.cos(np.outer(waves, angles) + chance.uniform(0, 6, (59, 1)))
    distance = radius * np.clip(1 + 0.12 * rough, 0.5, 2)
    shore = np.column_stack([x + distance * np.cos(angles), y + distance * np.sin(angles)])
    island = np.column_stack([x + distance * 0.2 * np.cos(angles), y + distance * 0.2 * np.sin(angles)])
    return shapely.Polygon(shore, [island])


def write_houses(loader: Loader) -> None:
    """Small houses around a town, and large lakes among them."""
    places, size = around_a_town(HOUSES), np.array([0.00015, 0.0001])
    houses = shapely.box(*(places - size).T, *(places + size).T)
    lakes = [lake(8 + n, 50, 0.1 + 0.08 * n) for n in range(LAKES)]
    kinds = ["house"] * HOUSES + ["lake"] * LAKES
    table = pa.table(
        {
            "kind": kinds,
            "text": [f"{kind} with a name of some length, number {n}" for n, kind in enumerate(kinds)],
            "geometry": pa.array(shapely.to_wkb([*houses, *lakes]), pa.binary()),
        }
    )
    write_ogr(loader.path("houses.fgb"), table, "FlatGeobuf", geometry_type="Polygon")


def write_streets(loader: Loader) -> None:
    """Short streets around the town, and one long road of many corners."""
    places, chance = around_a_town(STREETS), np.random.default_rng(2)
    streets = shapely.linestrings(np.stack([places, places + chance.normal(0, 0.001, (STREETS, 2))], axis=1))
    along = np.linspace(0, 1, 5000)
    road = shapely.LineString(np.column_stack([5 + 10 * along, 50 + np.sin(along * 40) / 10 + along / 7]))
    table = pa.table(
        {
            "name": [f"street {number}" for number in range(STREETS + 1)],
            "geometry": pa.array(shapely.to_wkb([*streets, road]), pa.binary()),
        }
    )
    write_ogr(loader.path("streets.fgb"), table, "FlatGeobuf", geometry_type="LineString")


def write_districts(loader: Loader) -> None:
    """Neighbours that share rough borders: cells of a grid whose edges are all the same from both sides."""
    chance, side, corners = np.random.default_rng(4), 5, 300
    edges: dict[tuple[tuple[int, int], tuple[int, int]], np.ndarray] = {}

    def edge(a: tuple[int, int], b: tuple[int, int]) -> np.ndarray:
        if (b, a) in edges:
            return edges[b, a][::-1]
        along = np.linspace(0, 1, corners)[:, None] * (np.array(b) - np.array(a)) + np.array(a)
        waves = np.arange(1, 40)
        rough = chance.normal(0, 0.05, 39) / waves**1.2
        noise = np.sin(np.outer(np.linspace(0, 1, corners), waves * np.pi)) @ rough
        return edges.setdefault((a, b), along + noise[:, None] * np.array([b[1] - a[1], a[0] - b[0]]))

    districts: list[shapely.Polygon] = []
    for i in range(side):
        for j in range(side):
            ring = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1), (i, j)]
            districts.append(shapely.Polygon(np.concatenate([edge(a, b)[:-1] for a, b in pairwise(ring)]) * 2 + 40))
    table = pa.table({"number": np.arange(side**2), "geometry": pa.array(shapely.to_wkb(districts), pa.binary())})
    write_ogr(loader.path("districts.fgb"), table, "FlatGeobuf", geometry_type="Polygon")


@pytest.fixture(scope="module")
def loader(cluster: Cluster) -> Iterator[Loader]:
    """A database with all of them."""
    database = cluster.clone()
    with open_catalogue(database.owner) as connection:
        loader = Loader(database.owner, connection)
        write_houses(loader)
        write_streets(loader)
        write_districts(loader)
        loader.load_all("houses.fgb", "streets.fgb", "districts.fgb")
        yield loader
    cluster.drop(database)


@pytest.fixture(scope="module")
def app(loader: Loader) -> Iterator[Flask]:
    """The API on it."""
    pool = Pool(loader.settings)
    yield create_app(loader.settings, pool)
    pool.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the API."""
    return app.test_client()


def features(client: FlaskClient, id: str, z: int, row: int, column: int, tms: str = "WebMercatorQuad") -> list[Any]:
    """The features of a tile."""
    response = client.get(f"/collections/{id}/tiles/{tms}/{z}/{row}/{column}")
    if response.status_code in (204, 404):  # nothing is there, or the tileset ends before
        return []
    assert response.status_code == 200
    return features_of(response.data, id)


def around(client: FlaskClient, id: str, z: int) -> list[Any]:
    """The features of the tiles around the town."""
    first, last = tile_at(8.5, 50.8, z), tile_at(11.5, 49.2, z)
    rows, columns = range(first.row, last.row + 1), range(first.column, last.column + 1)
    return [feature for row in rows for column in columns for feature in features(client, id, z, row, column)]


def test_small_polygons_are_squares_at_low_zooms(client: FlaskClient, loader: Loader):
    z = loader.tiling("houses").full_zoom - 1
    found = around(client, "houses", z)
    squares = [feature for feature in found if "merged" in feature["properties"]]
    assert all("id" not in feature or not feature["id"] for feature in squares)
    assert all(set(feature["properties"]) == {"merged"} for feature in squares)
    assert HOUSES <= sum(feature["properties"]["merged"] for feature in squares) < HOUSES * 1.2, "twice in a buffer"
    assert not any(feature["properties"].get("kind") == "house" for feature in found)


def test_squares_have_the_area_of_the_polygons(client: FlaskClient, loader: Loader):
    z = loader.tiling("houses").full_zoom - 1
    first, last = tile_at(8.5, 50.8, z), tile_at(11.5, 49.2, z)
    area = 0.0
    for row in range(first.row, last.row + 1):
        for column in range(first.column, last.column + 1):
            for feature in features(client, "houses", z, row, column):
                if "merged" in feature["properties"]:
                    area += shape(feature["geometry"]).intersection(EDGE).area
    text = "SELECT sum(ST_Area(geom_3857)) FROM data.houses_1 WHERE kind = 'house'"
    unit_m = 40_075_016.7 / 2**z / 4096
    assert area * unit_m**2 == pytest.approx(loader.one(text), rel=0.1)


def test_large_polygons_are_there_at_low_zooms(client: FlaskClient):
    found = [feature for feature in features(client, "houses", 4, 5, 8) if "merged" not in feature["properties"]]
    assert {feature["properties"]["kind"] for feature in found} == {"lake"}
    assert len(found) == LAKES
    assert all(feature["id"] for feature in found)


def test_low_zooms_have_fewer_corners_and_the_same_area(client: FlaskClient, loader: Loader):
    for z in (3, 5):
        whole = plain(loader, "houses", tile_at(10, 50, z))
        for id, one in around_prepared(client, "houses", z).items():
            assert shapely.get_num_coordinates(one) < shapely.get_num_coordinates(whole[id]) / 2
            assert one.symmetric_difference(whole[id]).area < 2 * one.length


def around_prepared(client: FlaskClient, id: str, z: int) -> dict[int, Any]:
    """The shapes of the tile around the town that have ids."""
    tile = tile_at(10, 50, z)
    return {f["id"]: shape(f["geometry"]) for f in features(client, id, z, tile.row, tile.column) if f.get("id")}


def plain(loader: Loader, id: str, tile: Tile) -> dict[int, Any]:
    """A tile made from the table alone, by id."""
    statement = select_tile(replace(loader.catalog()[id], tiling=None), tile)
    [(mvt, _)] = loader.connection.cursor(binary=True).execute(statement.text, statement.params).fetchall()
    return {feature["id"]: shape(feature["geometry"]) for feature in features_of(bytes(mvt or b""), id)}


@pytest.mark.parametrize("id", ["houses", "streets", "districts"])
@pytest.mark.parametrize("z", [9, 11, 13, 14, 16])
def test_parts_make_the_same_tile_as_the_whole(client: FlaskClient, loader: Loader, id: str, z: int):
    z = max(z, loader.tiling(id).full_zoom)
    for x, y in [(8.1, 50), (9.13, 50.17), (10.2, 50.1), (10.02, 50.02), (11.3, 49.9), (41.99, 42.1), (44, 44)]:
        tile = tile_at(x, y, z)
        whole = plain(loader, id, tile)
        found = features(client, id, z, tile.row, tile.column)
        assert len({feature["id"] for feature in found}) == len(found), "a feature has one part in a tile"
        parts = {feature["id"]: shape(feature["geometry"]) for feature in found}
        for number in whole.keys() | parts.keys():
            one, other = (shapes.get(number, shapely.Polygon()).intersection(EDGE) for shapes in (whole, parts))
            if id == "streets":
                assert one.difference(other.buffer(2)).is_empty and other.difference(one.buffer(2)).is_empty
            else:
                assert one.symmetric_difference(other).area <= max(4, 1.5 * (one.length + other.length))


def test_a_tile_inside_a_large_polygon_reads_a_small_part(loader: Loader):
    collection, tile = loader.catalog()["houses"], tile_at(11.9, 50.15, 16)
    text = select_tile(collection, tile).text
    assert "isthmus_corners" in text.as_string(None)
    table = collection.tiling.table if collection.tiling else ""
    most = loader.one(
        f"SELECT max(ST_NPoints(geom_3857)) FROM data.{table} WHERE isthmus_last = 24 AND isthmus_level < 14"
    )
    assert most <= 256


def test_neighbours_have_no_gap_between_them_at_low_zooms(client: FlaskClient, loader: Loader):
    assert loader.tiling("districts").has_large
    for z in (0, 2, 4, 5):
        tile = tile_at(45, 45, z)
        found = features(client, "districts", z, tile.row, tile.column)
        shapes = [shapely.make_valid(shape(feature["geometry"])) for feature in found]
        together = shapely.union_all(shapes)
        rings = [ring for part in getattr(together, "geoms", [together]) for ring in part.interiors]
        assert sum(shapely.Polygon(ring).area for ring in rings) <= 10, "some units that were rounded away"
        overlaps = sum(one.area for one in shapes) - together.area
        assert overlaps < 0.02 * together.area + 10


def test_short_lines_that_a_zoom_shows_the_next_shows_too(client: FlaskClient, loader: Loader):
    full = loader.tiling("streets").full_zoom
    names = [{f["properties"]["name"] for f in around(client, "streets", z)} for z in range(4, full + 1)]
    for fewer, more in pairwise(names):
        assert fewer < more
    assert len(names[-1]) > STREETS * 0.99, "a few are shorter than a unit"
    assert f"street {STREETS}" in names[0], "the long road"


def test_lines_shorter_than_a_unit_are_drawn_at_low_zooms(loader: Loader, client: FlaskClient):
    places = around_a_town(STREETS)
    lanes = shapely.linestrings(np.stack([places, places + 0.0001], axis=1))
    write_ogr(loader.path("lanes.fgb"), pa.table({"geometry": pa.array(shapely.to_wkb(lanes))}), "FlatGeobuf")
    loader.load_all("lanes.fgb")
    for z in (0, 3, 5):
        place = tile_at(10, 50, z)
        found = features(client, "lanes", z, place.row, place.column)
        text = f"SELECT count(*) FROM data.{loader.tiling('lanes').table} WHERE isthmus_first <= {z}"
        assert len(found) == loader.one(text) > 0
        assert all(f["id"] and f["geometry"]["type"] == "LineString" for f in found)


def test_what_has_small_parts_only_is_there_at_low_zooms(loader: Loader, client: FlaskClient):
    """Islets, and lanes, far from each other in one feature, and so many corners that it is simplified."""
    places = np.random.default_rng(6).uniform((9, 49), (11, 51), (150, 2))
    islets = shapely.multipolygons(shapely.box(*places.T, *(places + 0.0003).T))
    lanes = shapely.multilinestrings(list(shapely.linestrings(np.stack([places, places + 0.0003], axis=1))))
    for id, whole in (("islets", islets), ("alleys", lanes)):
        table = pa.table({"geometry": pa.array(shapely.to_wkb([whole]))})
        write_ogr(loader.path(f"{id}.fgb"), table, "FlatGeobuf", geometry_type="Unknown")
        loader.load_all(f"{id}.fgb")
        parts: list[int] = []
        for z in (0, 2, 4):
            place = tile_at(9.9, 50.1, z)
            [found] = features(client, id, z, place.row, place.column)
            parts.append(len(getattr(shape(found["geometry"]), "geoms", [whole])))
        assert parts[0] < parts[2], "a cell has its largest"


def test_line_that_crosses_itself_is_simplified(loader: Loader, client: FlaskClient):
    """A track of a day around a field: to a unit of zoom 0 it is a point, of zoom 6 a few."""
    corners = np.cumsum(np.random.default_rng(8).normal(0, 1e-4, (30_000, 2)), axis=0) + (10, 50)
    table = pa.table({"geometry": pa.array(shapely.to_wkb([shapely.linestrings(corners)]))})
    write_ogr(loader.path("track.fgb"), table, "FlatGeobuf", geometry_type="LineString")
    loader.load_all("track.fgb")
    text = f"SELECT sum(ST_NPoints(geom_3857)) FROM data.{loader.tiling('track').table} WHERE isthmus_first = 6"
    assert 2 <= loader.one(text) < 500
    for z in (0, 6, 10):
        place = tile_at(*corners[0], z)
        [found] = features(client, "track", z, place.row, place.column)
        assert found["geometry"]["type"] in ("LineString", "MultiLineString")


def load_time(loader: Loader, name: str, shapes: list[shapely.Geometry], geometry_type: str) -> float:
    """Seconds that the load of a file of some shapes takes."""
    table = pa.table({"geometry": pa.array(shapely.to_wkb(shapes))})
    write_ogr(loader.path(name), table, "FlatGeobuf", geometry_type=geometry_type)
    start = time.monotonic()
    loader.load_all(name)
    return time.monotonic() - start


def test_area_of_very_many_parts_is_loaded_in_time(loader: Loader, client: FlaskClient):
    """Fields of the size of a few units at zoom 4, which are as many as at that of 12."""
    x, y = (part.ravel() for part in np.meshgrid(np.arange(200) * 0.05 + 5, np.arange(200) * 0.05 + 45))
    fields = shapely.box(x, y, x + 0.03, y + 0.03)
    apart = load_time(loader, "apart.fgb", list(fields), "Polygon")
    together = load_time(loader, "fields.fgb", [shapely.multipolygons(fields)], "MultiPolygon")
    assert together < 20 * apart, "7 times here, and 44 where all parts are simplified together"
    place = tile_at(10, 50, 5)
    [found] = features(client, "fields", 5, place.row, place.column)
    assert len(found["geometry"]["coordinates"]) > 5_000
    assert shape(found["geometry"]).is_valid


def test_other_sets_show_the_same_shapes(client: FlaskClient):
    mercator = {f.get("id") for f in features(client, "houses", 4, 5, 8)}
    degrees = {f.get("id") for f in features(client, "houses", 3, 1, 8, "WorldCRS84Quad")}
    assert len(mercator) > LAKES / 2
    assert mercator <= degrees | {None, 0}


def test_large_shapes_of_other_sets_are_whole(client: FlaskClient):
    for z in (3, 5, 7):
        column, row = int((11.5 + 180) / 180 * 2**z), int((90 - 50) / 180 * 2**z)
        found = [f for f in features(client, "houses", z, row, column, "WorldCRS84Quad") if f.get("id")]
        assert len({f["id"] for f in found}) == len(found)


@pytest.mark.parametrize("id", ["houses", "streets", "districts"])
def test_sets_of_a_projection_are_made_of_what_was_prepared_and_valid(client: FlaskClient, id: str):
    """Europe's LAEA: of what a low zoom shows, the large shapes have the area that they have with everything."""
    tms = "EuropeanETRS89_LAEAQuad"
    limits = json.loads(client.get(f"/collections/{id}/tiles/{tms}").data)["tileMatrixSetLimits"]
    for limit in limits[:6]:
        row, column = (limit["minTileRow"] + limit["maxTileRow"]) // 2, (limit["minTileCol"] + limit["maxTileCol"]) // 2
        path = f"/collections/{id}/tiles/{tms}/{limit['tileMatrix']}/{row}/{column}"
        shown = client.get(path)
        if shown.status_code == 204:
            continue
        assert shown.status_code == 200
        check_tile(shown.data)
        whole = {f.get("id"): repaired(f) for f in features_of(client.get(f"{path}?all=true").data, id)}
        for feature in features_of(shown.data, id):
            if id != "streets" and repaired(feature).area > 40_000 and feature.get("id") in whole:
                assert repaired(feature).area == pytest.approx(whole[feature["id"]].area, rel=0.05)


def repaired(feature: Any) -> shapely.Geometry:
    """The geometry of a feature, repaired where rounding made it cross itself."""
    return shapely.make_valid(shape(feature["geometry"]))


def test_a_tile_of_a_low_zoom_goes_by_the_index_of_its_zoom(loader: Loader):
    statement = select_tile(loader.catalog()["houses"], tile_at(10, 50, 7))
    explained = sql.SQL("EXPLAIN {}").format(statement.text)
    plan = "\n".join(row[0] for row in loader.connection.execute(explained, statement.params))
    [name] = set(re.findall(r"(houses_\d+_tiles_geom_3857_idx\d*)", plan))
    of_index = "SELECT pg_get_expr(indpred, indrelid) FROM pg_index WHERE indexrelid = %s::regclass"
    last, first = re.findall(r"isthmus_\w+ [<>]= (\d+)", loader.one(of_index, f"data.{name}"))
    assert int(first) <= 7 <= int(last) < int(first) + 3, "zooms that show less than twice as much share an index"


def test_a_filter_finds_features_that_come_in_parts(client: FlaskClient, loader: Loader):
    z = loader.tiling("houses").full_zoom + 1
    tile = tile_at(11.9, 50.15, z)
    path = f"/collections/houses/tiles/WebMercatorQuad/{z}/{tile.row}/{tile.column}"
    [found] = features_of(client.get(f"{path}?filter=kind='lake'").data, "houses")
    assert found["properties"]["kind"] == "lake"


def test_what_was_loaded_keeps_its_columns(loader: Loader, client: FlaskClient):
    [feature] = client.get("/collections/houses/items?limit=1&kind=lake").get_json()["features"]
    assert set(feature["properties"]) == {"kind", "text"}


def test_polygons_that_cross_themselves_are_repaired_before_they_are_cut(loader: Loader):
    angles = np.linspace(0, 2 * np.pi, 2001)
    eight = shapely.Polygon(np.column_stack([20 + np.sin(angles) * 2, 40 + np.sin(2 * angles)]))
    assert not eight.is_valid
    table = pa.table({"name": ["eight"], "geometry": pa.array(shapely.to_wkb([eight]), pa.binary())})
    write_ogr(loader.path("eight.fgb"), table, "FlatGeobuf", geometry_type="Polygon")
    assert loader.load("eight.fgb").status == "loaded"
    collection = loader.catalog()["eight"]
    for z, (x, y), inside in [(12, (21.9, 40.9), False), (12, (21, 40), True), (12, (20, 40.5), False)]:
        statement = select_tile(collection, tile_at(x, y, z))
        [(mvt, _)] = loader.connection.cursor(binary=True).execute(statement.text, statement.params).fetchall()
        area = sum(shape(f["geometry"]).intersection(EDGE).area for f in features_of(bytes(mvt or b""), "eight"))
        assert (area > EDGE.area / 2) == inside


@pytest.mark.parametrize("id", ["houses", "streets"])
def test_tilesets_say_what_low_zooms_leave_out(client: FlaskClient, loader: Loader, id: str):
    [layer] = client.get(f"/collections/{id}/tiles/WebMercatorQuad/tilejson.json").get_json()["vector_layers"]
    [entry] = client.get(f"/collections/{id}/tiles/WebMercatorQuad").get_json()["layers"]
    known = loader.tiling(id)
    for found in (layer, entry):
        assert found["isthmus:thinned"]["below"] == known.full_zoom
        assert found["isthmus:thinned"]["properties"] == list(known.properties)
        assert "128 x 128" in found["isthmus:thinned"]["shown"]
    assert ("merged" in layer["fields"]) == ("merged" in entry["propertiesSchema"]["properties"]) == (id == "houses")
    [whole] = client.get(f"/collections/{id}/tiles/WebMercatorQuad/tilejson.json?all=true").get_json()["vector_layers"]
    assert "isthmus:thinned" not in whole


def test_a_tile_over_its_budget_keeps_a_long_line_of_many_corners(loader: Loader):
    pool, tile = Pool(loader.settings), tile_at(10, 50, 8)
    assert tile.z < loader.tiling("streets").full_zoom
    client = create_app(replace(loader.settings, tile_max_kb=4), pool).test_client()
    found = features(client, "streets", tile.z, tile.row, tile.column)
    pool.close()
    assert len(found) > 100
    assert f"street {STREETS}" in {f["properties"]["name"] for f in found}


def test_tilesets_of_everything_say_nothing(client: FlaskClient):
    [layer] = client.get("/collections/districts/tiles/WebMercatorQuad/tilejson.json").get_json()["vector_layers"]
    assert "isthmus:thinned" not in layer


def test_the_report_tells_what_the_preparation_cost(loader: Loader):
    [note] = [note for note in loader.load("streets.fgb", force=True).notes if note.code == "tiles-prepared"]
    assert re.fullmatch(
        r"tiles of zooms below \d+ were prepared: \d\.\d s, and .* MB beside the .* MB of the data.*", note.message
    )


def test_what_postgis_refuses_is_loaded_without_preparation(loader: Loader, monkeypatch: pytest.MonkeyPatch):
    refused = sql.SQL("SELECT ST_GeomFromText('POLYGON((0 0, 1 1))')")
    monkeypatch.setattr("loader.overviews.shapes_sql.insert_exact", lambda *_: refused)
    report = loader.load("districts.fgb", force=True)
    assert report.status == "loaded"
    [note] = [note for note in report.notes if note.code == "tiles-not-prepared"]
    assert note.level == "warning"
    assert loader.catalog()["districts"].tiling is None
    monkeypatch.undo()
    loader.load("districts.fgb", force=True)


def test_few_light_shapes_need_no_preparation(loader: Loader):
    table = pa.table({"n": [1], "geometry": pa.array([shapely.to_wkb(shapely.box(0, 0, 1, 1))], pa.binary())})
    write_ogr(loader.path("one.fgb"), table, "FlatGeobuf", geometry_type="Polygon")
    assert loader.load("one.fgb").status == "loaded"
    assert loader.catalog()["one"].tiling is None
