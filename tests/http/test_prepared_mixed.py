"""Tiles of a mixture of points, lines, polygons and collections: each kind as if it were alone, in one layer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
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
from support.loading import Loader, feature, write_geojson, write_ogr
from support.mvt import check_tile, features_of

POSTS, STREETS, HOUSES = 12_000, 11_000, 11_000
LAKE, ROAD, PARK = 1, 2, 3
"""Numbers of large shapes: a polygon, a line, and a collection of a polygon and points."""

WHOLE = shapely.box(0, 0, 4096, 4096)
SIDE_CAR = '[tiles]\nrank = "people"\n'
Shapes = dict[int, Any]
"""By number."""


def around_a_town(count: int, seed: int) -> np.ndarray:
    """Places around a town, in degrees."""
    return np.random.default_rng(seed).normal((10, 50), (0.2, 0.1), (count, 2))


def rough(x: float, y: float, radius: float) -> shapely.Polygon:
    """A polygon of 3000 corners."""
    angles = np.linspace(0, 2 * np.pi, 3000, endpoint=False)
    distance = radius * (1 + 0.1 * np.sin(angles * 9) + 0.02 * np.sin(angles * 140))
    return shapely.Polygon(np.column_stack([x + distance * np.cos(angles), y + distance * np.sin(angles)]))


def of_each_kind() -> dict[str, Shapes]:
    """The features of a mixture, as tiles are to show them."""
    chance = np.random.default_rng(3)
    starts, size = around_a_town(STREETS, 2), np.array([0.00015, 0.0001])
    ends = starts + chance.normal(0, 1, (STREETS, 2)) * 10 ** chance.uniform(-4, -1, (STREETS, 1))
    houses = around_a_town(HOUSES, 4)
    along = np.linspace(0, 1, 3000)
    road = shapely.LineString(np.column_stack([6 + 8 * along, 50 + np.sin(along * 40) / 10]))
    posts = shapely.points(around_a_town(POSTS, 1))
    streets = shapely.linestrings(np.stack([starts, ends], axis=1))
    blocks = shapely.box(*(houses - size).T, *(houses + size).T)
    return {
        "points": dict(enumerate(posts, 100_000)),
        "lines": {ROAD: road, **dict(enumerate(streets, 200_000))},
        "polygons": {LAKE: rough(9.7, 50.1, 0.3), PARK: rough(10.4, 49.9, 0.2), **dict(enumerate(blocks, 300_000))},
    }


def write(loader: Loader, name: str, shapes: Shapes) -> None:
    """A file of them, those with large numbers the more important ones by chance that is the same each time."""
    numbers = np.array(list(shapes))
    table = pa.table(
        {
            "number": numbers,
            "people": numbers * 7919 % 1_000_003,
            "text": [f"a feature with a text of some length {number}" for number in numbers],
            "geometry": pa.array(shapely.to_wkb(list(shapes.values())), pa.binary()),
        }
    )
    loader.path(f"{name}.toml").write_text(SIDE_CAR)
    write_ogr(loader.path(f"{name}.fgb"), table, "FlatGeobuf")


@pytest.fixture(scope="module")
def loader(cluster: Cluster) -> Iterator[Loader]:
    """A database with the mixture, and with its kinds alone. Of the mixture, the park and every tenth house, street and
    post come in collections beside what tiles do not show.
    """
    database, kinds = cluster.clone(), of_each_kind()
    town = shapely.Point(10, 50)
    beside = {"points": [], "lines": [town], "polygons": [town, shapely.LineString([(9, 50), (9.5, 50.1)])]}
    mixture = {
        number: shapely.GeometryCollection([*beside[kind], one]) if number % 10 == 0 or number == PARK else one
        for kind, shapes in kinds.items()
        for number, one in shapes.items()
    }
    shuffled = np.random.default_rng(6).permutation(list(mixture)).tolist()
    with open_catalogue(database.owner) as connection:
        loader = Loader(database.owner, connection)
        for name, shapes in {**kinds, "mixture": {number: mixture[number] for number in shuffled}}.items():
            write(loader, name, shapes)
        loader.load_all(*(f"{name}.fgb" for name in (*kinds, "mixture")))
        yield loader
    cluster.drop(database)


@pytest.fixture(scope="module")
def app(loader: Loader) -> Iterator[Flask]:
    """The API on it."""
    pool = Pool(loader.settings)
    yield create_app(replace(loader.settings, explain="on"), pool)
    pool.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def path(id: str, tile: Tile, tms: str = "WebMercatorQuad") -> str:
    return f"/collections/{id}/tiles/{tms}/{tile.z}/{tile.row}/{tile.column}"


def features(client: FlaskClient, id: str, tile: Tile) -> list[Any]:
    """The features of a tile."""
    response = client.get(path(id, tile))
    if response.status_code in (204, 404):  # nothing is there, or the tileset ends before
        return []
    assert response.status_code == 200
    return features_of(response.data, id)


def drawn(found: list[Any]) -> Counter[tuple[str, Any]]:
    """What is drawn: numbers or how many a square stands for, and the place of each corner."""
    return Counter((str(sorted(f["properties"].items())), shapely.normalize(shape(f["geometry"])).wkt) for f in found)


def table_of(loader: Loader, name: str) -> str:
    """The tile table of a collection."""
    return f"data.{loader.tiling(name).table}"


def of_number(found: list[Any], number: int) -> Any:
    """The shape of a feature, cut to the tile; empty where it is not there."""
    shapes = [shapely.make_valid(shape(f["geometry"])) for f in found if f["properties"].get("number") == number]
    assert len(shapes) <= 1, "a feature has one part in a tile"
    return shapes[0].intersection(WHOLE) if shapes else shapely.Polygon()


@pytest.mark.parametrize("z", [0, 3, 4, 5, 6, 7])
def test_a_low_zoom_shows_each_kind_of_a_mixture_as_if_it_were_alone(client: FlaskClient, loader: Loader, z: int):
    kinds = ("points", "lines", "polygons")
    assert z < min(loader.tiling(kind).full_zoom for kind in (*kinds, "mixture"))
    place = tile_at(10.05, 50.05, z)
    alone = [one for kind in kinds for one in features(client, kind, place)]
    assert drawn(features(client, "mixture", place)) == drawn(alone)
    assert {f["geometry"]["type"].removeprefix("Multi") for f in alone} == {"Point", "LineString", "Polygon"}


def test_a_low_zoom_has_a_few_of_many_features(client: FlaskClient, loader: Loader):
    tile = client.get(path("mixture", tile_at(10, 50, 5)))
    [shown, of] = map(int, re.fullmatch(r"thinned;shown=(\d+);of=(\d+)", tile.headers["Isthmus-Tile"]).groups())  # type: ignore[union-attr]
    assert shown == len(features_of(tile.data, "mixture")) < 3000
    assert of == POSTS + STREETS + HOUSES + 3, "those whose middle lies in the tile: all"
    check_tile(tile.data)


def test_squares_stand_for_houses_alone(client: FlaskClient):
    found = features(client, "mixture", tile_at(10, 50, 5))
    squares = [f for f in found if "merged" in f["properties"]]
    assert sum(f["properties"]["merged"] for f in squares) == HOUSES
    assert all(not f.get("id") and set(f["properties"]) == {"merged"} for f in squares)
    assert {f["geometry"]["type"] for f in squares} == {"Polygon"}


def test_ids_are_those_of_items(client: FlaskClient, loader: Loader):
    for z in (5, loader.tiling("mixture").full_zoom):
        found = [f for f in features(client, "mixture", tile_at(10, 50, z)) if f.get("id")]
        some = [*found[:: len(found) // 20], *(f for f in found if f["properties"]["number"] < 10)]
        ids = ",".join(str(f["id"]) for f in some)
        items = client.get(f"/collections/mixture/items?limit=100&ids={ids}").get_json()["features"]
        assert {f["id"]: f["properties"]["number"] for f in items} == {f["id"]: f["properties"]["number"] for f in some}


def test_from_the_full_zoom_on_tiles_hold_everything(client: FlaskClient, loader: Loader):
    z = loader.tiling("mixture").full_zoom
    first, last = tile_at(8, 51, z), tile_at(12, 49, z)
    places = [Tile(z, r, c) for r in range(first.row, last.row + 1) for c in range(first.column, last.column + 1)]
    found = [f for place in places for f in features(client, "mixture", place)]
    assert len({f["properties"]["number"] for f in found}) >= POSTS + 0.99 * (STREETS + HOUSES)
    assert all("text" in f["properties"] for f in found), "and every property"
    assert not any("merged" in f["properties"] for f in found)


@pytest.mark.parametrize("z", [8, 10, 13])
def test_large_shapes_come_in_parts_that_make_the_same_tile(client: FlaskClient, loader: Loader, z: int):
    z = max(z, loader.tiling("mixture").full_zoom)
    plain = replace(loader.catalog()["mixture"], tiling=None)
    for x, y in [(9.41, 50.1), (10.6, 49.9), (10.35, 50.05), (9.7, 50.4), (7.01, 50), (10.4, 49.9)]:
        place = tile_at(x, y, z)
        statement = select_tile(plain, place)
        [(mvt, _)] = loader.connection.cursor(binary=True).execute(statement.text, statement.params).fetchall()
        whole, parts = features_of(bytes(mvt or b""), "mixture"), features(client, "mixture", place)
        assert {f["id"] for f in whole} == {f["id"] for f in parts}
        for number in (LAKE, PARK):
            one, other = of_number(whole, number), of_number(parts, number)
            assert one.symmetric_difference(other).area <= max(4, 1.5 * (one.length + other.length))
        one, other = of_number(whole, ROAD), of_number(parts, ROAD)
        assert one.difference(other.buffer(2)).is_empty and other.difference(one.buffer(2)).is_empty
    assert loader.one(f"SELECT count(DISTINCT fid) FROM {table_of(loader, 'mixture')} WHERE isthmus_level > 0") == 3


def test_other_sets_show_the_same_features(client: FlaskClient, loader: Loader):
    mercator = {f["id"] for f in features(client, "mixture", tile_at(10, 50, 4)) if f.get("id")}
    degrees = Tile(3, int((90 - 50) / 22.5), int((180 + 10) / 22.5))
    answer = client.get(path("mixture", degrees, "WorldCRS84Quad"))
    assert answer.headers["Isthmus-Tile"].startswith("thinned;shown=")
    found = features_of(answer.data, "mixture")
    assert len(mercator ^ {f["id"] for f in found if f.get("id")}) < 3, "a few lines are shorter than a unit of one"
    assert {f["geometry"]["type"].removeprefix("Multi") for f in found} == {"Point", "LineString", "Polygon"}
    check_tile(client.get(f"{path('mixture', Tile(3, 4, 4), 'EuropeanETRS89_LAEAQuad')}?all=false").data or answer.data)


def test_everything_can_be_asked_for_and_a_filter_finds_what_it_means(client: FlaskClient, loader: Loader):
    place = path("mixture", tile_at(10, 50, 5))
    low = {f["id"] for f in features(client, "mixture", tile_at(10, 50, 5)) if f.get("id")}
    whole = client.get(f"{place}?all=true&properties=number")
    assert len(features_of(whole.data, "mixture")) > 4 * len(low)
    found = features_of(client.get(f"{place}?filter=number BETWEEN 100000 AND 100049").data, "mixture")
    assert {f["properties"]["number"] for f in found} == set(range(100_000, 100_050))
    assert "text" in found[0]["properties"]


def test_tilesets_say_what_low_zooms_leave_out_of_each_kind(client: FlaskClient, loader: Loader):
    [layer] = client.get("/collections/mixture/tiles/WebMercatorQuad/tilejson.json").get_json()["vector_layers"]
    [entry] = client.get("/collections/mixture/tiles/WebMercatorQuad").get_json()["layers"]
    for found in (layer, entry):
        told = found["isthmus:thinned"]
        assert told["below"] == loader.tiling("mixture").full_zoom
        assert told["properties"] == ["number", "people"]
        for words in ("the most important point", "lines at least", "squares for the others", "largest 'people'"):
            assert words in told["shown"]
    assert layer["fields"]["merged"] == "Number"
    assert "merged" in entry["propertiesSchema"]["properties"]


def test_a_tile_of_a_low_zoom_goes_by_the_index_of_its_zoom(loader: Loader):
    statement = select_tile(loader.catalog()["mixture"], tile_at(10, 50, 6))
    explained = sql.SQL("EXPLAIN {}").format(statement.text)
    plan = "\n".join(row[0] for row in loader.connection.execute(explained, statement.params))
    [name] = set(re.findall(r"(mixture_\d+_tiles_geom_3857_idx\d*)", plan))
    of_index = "SELECT pg_get_expr(indpred, indrelid) FROM pg_index WHERE indexrelid = %s::regclass"
    last, first = re.findall(r"isthmus_\w+ [<>]= (\d+)", loader.one(of_index, f"data.{name}"))
    assert int(first) <= 6 <= int(last) < int(first) + 3, "zooms that show less than twice as much share an index"


def test_explain_tells_of_the_rows_that_were_prepared_and_advises_nothing(client: FlaskClient, loader: Loader):
    told = client.get(f"{path('mixture', tile_at(10, 50, 5))}?explain=true").get_json()
    assert loader.tiling("mixture").table in str(told)
    assert told["advice"] == []


def test_a_tile_over_its_budget_keeps_what_lower_zooms_show(loader: Loader):
    pool, place = Pool(loader.settings), tile_at(10, 50, 6)
    client = create_app(replace(loader.settings, tile_max_kb=10), pool).test_client()
    small = client.get(path("mixture", place))
    [shown, of] = map(int, re.fullmatch(r"thinned;shown=(\d+);of=(\d+)", small.headers["Isthmus-Tile"]).groups())  # type: ignore[union-attr]
    assert 100 < shown < of
    numbers = {f["properties"].get("number") for f in features_of(small.data, "mixture")}
    above = client.get(path("mixture", tile_at(10, 50, 3)))
    with_ids = {f["properties"]["number"] for f in features_of(above.data, "mixture") if f.get("id")}
    assert with_ids & {LAKE, ROAD} <= numbers
    pool.close()


def load(loader: Loader, name: str, geometries: list[Any]) -> None:
    """Load features of some geometries, numbered from 1."""
    found = [
        feature({"number": number}, None if one is None else shapely.geometry.mapping(one), id=number)
        for number, one in enumerate(geometries, 1)
    ]
    write_geojson(loader.path(f"{name}.geojson"), found)
    report = loader.load(f"{name}.geojson", force=True)
    assert report.status == "loaded", report.error


def low_tile(client: FlaskClient, name: str, z: int = 4) -> list[Any]:
    return features(client, name, tile_at(10, 50, z))


def test_points_and_lines_have_no_squares(loader: Loader, client: FlaskClient):
    posts = list(shapely.points(around_a_town(11_000, 9)))
    load(loader, "network", [*posts, shapely.LineString([(9, 50), (11, 50.5)])])
    assert loader.tiling("network").kinds == ("points", "lines")
    [layer] = client.get("/collections/network/tiles/WebMercatorQuad/tilejson.json").get_json()["vector_layers"]
    assert layer["fields"] == {"number": "Number"}
    assert "polygons" not in layer["isthmus:thinned"]["shown"]
    found = low_tile(client, "network")
    assert 11_001 in {f["properties"]["number"] for f in found}
    assert 1 < len(found) < 200


def test_collections_of_points_are_prepared_as_points(loader: Loader, client: FlaskClient):
    posts = [shapely.GeometryCollection([one]) for one in shapely.points(around_a_town(11_000, 9))]
    load(loader, "grouped", posts)
    assert loader.catalog()["grouped"].geometry_type == "GeometryCollection"
    assert loader.tiling("grouped").kinds == ("points",)
    assert 0 < len(low_tile(client, "grouped")) < 200


def test_what_has_no_place_is_in_no_tile_and_no_preparation_fails(loader: Loader, client: FlaskClient):
    posts = list(shapely.points(around_a_town(11_000, 9)))
    empty = shapely.GeometryCollection([shapely.Point(10, 50), shapely.Polygon()])
    load(loader, "odd", [None, shapely.GeometryCollection(), empty, shapely.Point(10, 89), rough(10, 50, 0.1), *posts])
    assert loader.tiling("odd").kinds == ("points", "polygons")
    assert 5 in {f["properties"]["number"] for f in low_tile(client, "odd")}
    z = loader.tiling("odd").full_zoom
    assert {2, 4}.isdisjoint(f["properties"]["number"] for f in low_tile(client, "odd", z))


def test_of_invalid_features_polygons_alone_are_repaired(loader: Loader, client: FlaskClient):
    angles = np.linspace(0, 2 * np.pi, 2001)
    eight = shapely.Polygon(np.column_stack([10 + np.sin(angles) * 2, 50 + np.sin(2 * angles)]))
    along = np.linspace(0, 1, 400)
    dot = [(10, 50), (10, 50)]
    line = shapely.MultiLineString([dot, np.column_stack([9 + 2 * along, 50 + np.sin(along * 9) / 9])])
    assert not eight.is_valid and not line.is_valid
    spread = shapely.MultiPoint(around_a_town(300, 8))
    load(loader, "invalid", [eight, line, spread, *shapely.points(around_a_town(11_000, 9))])
    low = {f["properties"]["number"]: f["geometry"] for f in low_tile(client, "invalid", 6)}
    assert low[1]["type"].endswith("Polygon")
    assert low[2]["type"].endswith("LineString")
    rows = f"SELECT ST_NPoints(geom_3857) FROM {table_of(loader, 'invalid')} WHERE fid = 3"
    assert loader.one(rows) in (None, 300), "points are never simplified, nor cut"
    z = 12
    for (x, y), inside in [((11.9, 50.9), False), ((11, 50), True), ((10, 50.5), False)]:
        found = features(client, "invalid", tile_at(x, y, z))
        assert (of_number(found, 1).area > WHOLE.area / 2) == inside


def test_small_mixtures_need_no_preparation(loader: Loader, client: FlaskClient):
    load(loader, "few", [shapely.Point(10, 50), shapely.box(9, 49, 9.5, 49.5), shapely.LineString([(9, 50), (11, 51)])])
    found = loader.catalog()["few"]
    assert found.tiling is None
    assert found.is_prepared, "no tile of it needs a time-out"
    assert len(low_tile(client, "few")) == 3


def test_after_a_reload_tiles_where_nothing_differs_stay(loader: Loader, client: FlaskClient):
    posts = list(shapely.points(around_a_town(11_000, 9)))
    shapes = [*posts, shapely.LineString([(9, 50), (9.01, 50.01)]), shapely.box(30, 10, 30.01, 10.01)]
    load(loader, "changing", shapes)
    z = loader.tiling("changing").full_zoom + 2
    near, far = path("changing", tile_at(9.001, 50.001, z)), path("changing", tile_at(30.001, 10.001, z))

    def etags() -> list[str]:
        fresh = create_app(loader.settings, Pool(loader.settings)).test_client()
        return [fresh.get(place).headers["ETag"] for place in (near, far)]

    before = etags()
    load(loader, "changing", [*posts, shapely.LineString([(9, 50), (9.02, 50.01)]), shapes[-1]])
    after = etags()
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True]


def test_the_report_tells_what_the_preparation_cost(loader: Loader):
    [note] = [note for note in loader.load("mixture.fgb", force=True).notes if note.code == "tiles-prepared"]
    cost = r"tiles of zooms below \d+ were prepared: \d+\.\d s, and .* MB beside the .* MB of the data"
    assert re.fullmatch(rf"{cost}; features have number, people there, not text", note.message)
