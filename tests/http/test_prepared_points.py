"""Tiles of more points than a tile can show: what low zooms leave out, and that high zooms leave out nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import mapbox_vector_tile
import numpy as np
import pyarrow as pa
import pytest
import shapely
from flask import Flask
from flask.testing import FlaskClient
from psycopg import sql

from api.app import create_app
from api.sql.tiles.tiles import select_tile
from api.tiles.budget import goes_by_box
from api.tms.tile import HALF_WORLD_M, Tile, tile_at
from core.database.connections import Database as Pool, connect
from loader.catalogue import open_catalogue
from loader.table.cleanup import freeze
from support.cluster import Cluster
from support.loading import Loader, write_ogr

COUNT = 30_000
SIDE_CAR = '[tiles]\nrank = "people"\n'


def write_towns(loader: Loader, name: str) -> pa.Table:
    """Points around one town, with numbers of people none of which occurs twice."""
    chance = np.random.default_rng(1)
    places = chance.normal((25, 60), (0.5, 0.25), (COUNT, 2))
    table = pa.table(
        {
            "people": chance.permutation(COUNT),
            "name": [f"a town with a name of some length {number}" for number in range(COUNT)],
            "kind": ["town"] * COUNT,
            "geometry": pa.array(shapely.to_wkb(shapely.points(places)), pa.binary()),
        }
    )
    write_ogr(loader.path(name), table, "FlatGeobuf", geometry_type="Point")
    return table


@pytest.fixture(scope="module")
def loader(cluster: Cluster) -> Iterator[Loader]:
    """A database with the towns, once ranked by people and once by chance."""
    database = cluster.clone()
    own = sql.Identifier(database.owner.db_name)
    with database.connect() as connection:  # as it is but in tests: else VACUUM comes too early
        connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = on").format(own))
    with open_catalogue(database.owner) as connection:
        loader = Loader(database.owner, connection)
        write_towns(loader, "ranked.fgb")
        write_towns(loader, "plain.fgb")
        loader.path("ranked.toml").write_text(SIDE_CAR)
        loader.load_all("ranked.fgb", "plain.fgb")
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
    options = {"y_coord_down": True}
    return mapbox_vector_tile.decode(response.data, default_options=options)[id]["features"]


def by_cell(found: list[Any], side: int = 128) -> dict[tuple[int, int], list[Any]]:
    """The features of a tile by cell."""
    cells: dict[tuple[int, int], list[Any]] = {}
    for feature in found:
        x, y = (int(value // (4096 / side)) for value in feature["geometry"]["coordinates"])
        cells.setdefault((x, y), []).append(feature)
    return cells


def everywhere(client: FlaskClient, id: str, z: int) -> list[Any]:
    """The features of all tiles of a zoom, those in a buffer left out."""
    first, last = tile_at(21, 62, z), tile_at(29, 58, z)
    places = [
        (row, column) for row in range(first.row, last.row + 1) for column in range(first.column, last.column + 1)
    ]
    return [
        feature
        for row, column in places
        for feature in features(client, id, z, row, column)
        if all(0 <= value < 4096 for value in feature["geometry"]["coordinates"])
    ]


def test_tile_of_a_low_zoom_shows_the_most_important_point_of_each_cell(client: FlaskClient, loader: Loader):
    z = 5
    assert z < loader.tiling("ranked").full_zoom
    # 128 cells in each of the 2^5 tiles that the world is wide
    cell_m = HALF_WORLD_M * 2 / 2**z / 128
    text = "SELECT max(people) FROM data.ranked_1 GROUP BY floor(ST_X(geom_3857) / %s), floor(ST_Y(geom_3857) / %s)"
    best = {row[0] for row in loader.connection.execute(text, [cell_m, cell_m])}
    assert {feature["properties"]["people"] for feature in everywhere(client, "ranked", z)} == best


def test_tile_of_a_low_zoom_has_few_of_many_points(client: FlaskClient):
    [*found] = features(client, "plain", 0, 0, 0)
    assert 0 < len(found) < 200
    assert max(map(len, by_cell(found).values())) <= 2, "one for each cell, and positions are rounded"


def test_what_a_zoom_shows_the_next_shows_too(client: FlaskClient, loader: Loader):
    ids = [
        {feature["id"] for feature in everywhere(client, "plain", z)} for z in range(loader.tiling("plain").full_zoom)
    ]
    for fewer, more in pairwise(ids):
        assert fewer < more
    assert len(ids[-1]) < COUNT


def test_from_the_full_zoom_on_tiles_hold_everything(client: FlaskClient, loader: Loader):
    found = everywhere(client, "plain", loader.tiling("plain").full_zoom)
    assert len({feature["id"] for feature in found}) == COUNT
    assert set(found[0]["properties"]) == {"people", "name", "kind"}


def test_low_zooms_have_the_properties_that_are_short(client: FlaskClient, loader: Loader):
    assert loader.tiling("plain").properties == ("people", "kind")
    low = features(client, "plain", 2, 1, 2)[0]
    assert set(low["properties"]) == {"people", "kind"}


def test_filtered_tile_of_a_low_zoom_has_every_feature_that_meets_the_filter(client: FlaskClient):
    path = "/collections/plain/tiles/WebMercatorQuad/0/0/0"
    response = client.get(path, query_string={"filter": "people < 100", "properties": "people,name"})
    found = mapbox_vector_tile.decode(response.data)["plain"]["features"]
    assert sorted(feature["properties"]["people"] for feature in found) == list(range(100))
    assert all(len(feature["properties"]) == 2 for feature in found)
    some = client.get(path, query_string={"properties": "kind,name"})
    thinned = mapbox_vector_tile.decode(some.data)["plain"]["features"]
    assert len(thinned) < 200
    assert {tuple(feature["properties"]) for feature in thinned} == {("kind",)}, "names are not prepared"


def test_other_sets_are_made_from_the_same_rows(client: FlaskClient):
    mercator = {feature["id"] for feature in features(client, "plain", 1, 0, 1)}
    degrees = {feature["id"] for feature in features(client, "plain", 0, 0, 1, "WorldCRS84Quad")}
    assert mercator == degrees
    assert mercator


def test_a_tile_of_a_low_zoom_goes_by_an_index_of_the_low_zooms(loader: Loader):
    statement = select_tile(loader.catalog()["plain"], Tile(3, 2, 4))
    explained = sql.SQL("EXPLAIN {}").format(statement.text)
    plan = "\n".join(row[0] for row in loader.connection.execute(explained, statement.params))
    [name] = re.findall(r"Index.* (plain_\d+_tiles_geom_3857_idx\d*)", plan)
    of_index = "SELECT pg_get_expr(indpred, indrelid) FROM pg_index WHERE indexrelid = %s::regclass"
    assert loader.one(of_index, f"data.{name}") in ("(isthmus_first <= 3)", "(isthmus_first <= 4)")


def visible(loader: Loader, id: str) -> int:
    """Pages of a tile table that VACUUM knows to be the same for everyone."""
    return loader.one("SELECT relallvisible FROM pg_class WHERE oid = %s::regclass", f"data.{loader.tiling(id).table}")


def test_the_rows_of_tile_tables_are_frozen_before_anybody_reads_them(loader: Loader):
    for id in ("plain", "ranked"):
        pages = loader.one(f"SELECT count(DISTINCT (ctid::text::point)[0]) FROM data.{loader.tiling(id).table}")
        assert visible(loader, id) == pages > 0


def test_no_load_waits_for_those_who_read_or_lock_a_tile_table(loader: Loader):
    write_towns(loader, "read.fgb")
    told: list[str] = []
    with connect(loader.settings) as other, other.transaction():
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT FROM isthmus.generation")  # may not see what is loaded from here on
        loader.load("read.fgb")
        assert visible(loader, "read") == 0
    with connect(loader.settings) as other, other.transaction():
        other.execute(f"LOCK TABLE data.{loader.tiling('read').table} IN SHARE MODE")
        freeze(loader.connection, told.append)
        assert visible(loader, "read") == 0
    freeze(loader.connection, told.append)
    assert visible(loader, "read") > 0
    assert told == ["freeze"] * 2


def test_many_points_are_read_in_the_order_of_the_disk(loader: Loader):
    full_zoom = loader.tiling("plain").full_zoom
    assert not goes_by_box(loader.catalog()["plain"], Tile(3, 2, 4))
    assert goes_by_box(replace(loader.catalog()["plain"], row_count=10), Tile(3, 2, 4)), "few are found by the index"
    assert goes_by_box(loader.catalog()["plain"], Tile(full_zoom, 2, 4))


def test_a_new_version_takes_its_tile_table_with_it_when_it_goes(loader: Loader):
    def tables() -> set[str]:
        rows = loader.connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'data'")
        return {row[0] for row in rows if row[0].startswith("plain_")}

    before = tables()
    assert len(before) == 2
    for _ in range(loader.settings.keep_versions):
        loader.load("plain.fgb", force=True)
    after = tables()
    assert not before & after
    assert len(after) == 2 * loader.settings.keep_versions


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('rank = "peple"', "people"),
        ('rank = "name"', "columns of numbers: people"),
        ('properties = ["nam"]', "name"),
        ('properties = "name"', 'properties = ["name", "kind"]'),
        ('rnk = "people"', "rank"),
        ("rank = 5", "population"),
    ],
)
def test_a_side_car_that_names_no_column_is_refused_with_a_hint(loader: Loader, text: str, hint: str):
    write_towns(loader, "bad.fgb")
    loader.path("bad.toml").write_text(f"[tiles]\n{text}\n")
    report = loader.load("bad.fgb")
    assert report.error is not None
    assert report.error["code"] == "side-car-invalid"
    assert hint in str(report.error["hint"])


def test_the_side_car_names_the_properties_of_low_zooms(loader: Loader, client: FlaskClient):
    write_towns(loader, "chosen.fgb")
    loader.path("chosen.toml").write_text('[tiles]\nproperties = ["name"]\n')
    assert loader.load("chosen.fgb").status == "loaded"
    assert loader.tiling("chosen").properties == ("name",)


def test_names_are_shown_at_low_zooms_where_features_have_a_rank(loader: Loader):
    places = np.random.default_rng(1).normal((25, 60), (0.5, 0.25), (COUNT, 2))
    table = pa.table(
        {
            "name": [f"shop {number}" for number in range(COUNT)],
            "brand": [f"brand {number % 9}" for number in range(COUNT)],
            "people": np.arange(COUNT),
            "geometry": pa.array(shapely.to_wkb(shapely.points(places)), pa.binary()),
        }
    )
    for name in ("shops", "ranked_shops"):
        write_ogr(loader.path(f"{name}.fgb"), table, "FlatGeobuf", geometry_type="Point")
    loader.path("ranked_shops.toml").write_text(SIDE_CAR)
    [note] = [note for note in loader.load("shops.fgb").notes if note.code == "tiles-prepared"]
    assert note.message.endswith("; features have brand, people there, not name")
    assert loader.tiling("shops").properties == ("brand", "people")
    assert loader.load("ranked_shops.fgb").status == "loaded"
    assert loader.tiling("ranked_shops").properties == ("name", "brand", "people")


def test_features_with_much_to_say_are_fewer_in_a_tile(loader: Loader):
    places = np.random.default_rng(1).normal((25, 60), (0.01, 0.01), (4000, 2))
    for name, words in (("brief", 1), ("wordy", 200)):
        table = pa.table(
            {
                "text": [f"word {number} " * words for number in range(len(places))],
                "geometry": pa.array(shapely.to_wkb(shapely.points(places)), pa.binary()),
            }
        )
        write_ogr(loader.path(f"{name}.fgb"), table, "FlatGeobuf", geometry_type="Point")
        assert loader.load(f"{name}.fgb").status == "loaded"
    assert loader.catalog()["brief"].tiling is None
    assert loader.tiling("wordy").full_zoom > 6
