"""A file that is loaded again: tiles of what changed are fresh at once, all others stay as they were made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import shapely
from flask.testing import FlaskClient
from psycopg import sql

from api.app import create_app
from api.tms.tile import Tile, tile_at
from core.catalog.collections import Collection
from core.database.connections import Database as Pool
from loader.catalogue import open_catalogue, serve
from loader.table import changes
from support.cluster import Database
from support.loading import Loader, feature, write_geojson, write_ogr

Rows = dict[int, tuple[str, float, float]]
"""By id: a name, longitude and latitude."""

HELSINKI, SUVA, QUITO = (24.94, 60.17), (178.44, -18.14), (-78.47, -0.18)
CITIES: Rows = {1: ("Helsinki", *HELSINKI), 2: ("Suva", *SUVA), 3: ("Quito", *QUITO)}


@pytest.fixture
def loader(database: Database) -> Iterator[Loader]:
    """A loader into the database that the API reads."""
    with open_catalogue(database.owner) as connection:
        yield Loader(database.owner, connection)


@pytest.fixture
def client(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """An API that looks at the catalogue with every request."""
    monkeypatch.setattr("api.catalog.live.CHECK_EVERY_S", 0.0)
    pool = Pool(database.reader)
    yield create_app(replace(database.reader, tiles_dir=str(tmp_path)), pool).test_client()
    pool.close()


def load(loader: Loader, rows: Rows, **more: Any) -> Collection:
    """Load these cities, and give the collection."""
    points = [
        feature({"name": name, **more}, {"type": "Point", "coordinates": [x, y]}, id=id)
        for id, (name, x, y) in rows.items()
    ]
    write_geojson(loader.path("cities.geojson"), points)
    report = loader.load("cities.geojson", force=True)
    assert report.status == "loaded", report.error
    return loader.catalog()["cities"]


def address(place: tuple[float, float], z: int = 9, tms: str = "WebMercatorQuad") -> str:
    """The address of the tile of a place."""
    tile = tile_at(*place, z)
    if tms == "WorldCRS84Quad":
        span = 180 / 2**z
        tile = Tile(z, int((90 - place[1]) / span), int((place[0] + 180) / span))
    return f"/collections/cities/tiles/{tms}/{tile.z}/{tile.row}/{tile.column}"


def etags(client: FlaskClient, *places: tuple[float, float], **where: Any) -> list[str]:
    """The ETags of the tiles of places."""
    return [client.get(address(place, **where)).headers["ETag"] for place in places]


def cache_of(client: FlaskClient, path: str) -> str:
    """Whether a tile was kept."""
    return client.get(path).headers["Server-Timing"].split(",")[0]


@pytest.mark.parametrize("tms", ["WebMercatorQuad", "WorldCRS84Quad"])
def test_only_the_tiles_of_a_changed_feature_are_made_again(loader: Loader, client: FlaskClient, tms: str):
    load(loader, CITIES)
    before = etags(client, HELSINKI, SUVA, QUITO, tms=tms)
    load(loader, {**CITIES, 2: ("Suva City", *SUVA)})
    assert cache_of(client, address(HELSINKI, tms=tms)) == "cache;desc=hit"
    assert cache_of(client, address(SUVA, tms=tms)) == "cache;desc=miss"
    assert b"Suva City" in client.get(address(SUVA, tms=tms)).data
    after = etags(client, HELSINKI, SUVA, QUITO, tms=tms)
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]
    unchanged = client.get(address(QUITO, tms=tms), headers={"If-None-Match": before[2]})
    assert unchanged.status_code == 304


def test_a_feature_that_moves_changes_its_old_place_and_its_new_one(loader: Loader, client: FlaskClient):
    load(loader, CITIES)
    elsewhere = (2.35, 48.85)
    before = client.get(address(SUVA)).data
    kept = etags(client, HELSINKI, QUITO)
    load(loader, {**CITIES, 2: ("Suva", *elsewhere)})
    assert b"Suva" in before
    assert client.get(address(SUVA)).status_code in (204, 404)
    assert b"Suva" in client.get(address(elsewhere)).data
    assert etags(client, HELSINKI, QUITO) == kept


def test_what_is_loaded_again_as_it_was_has_tiles_made_again(
    loader: Loader, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    """A new release may make something else of the same file: here the one before put all a kilometre to the north."""
    to_the_north = sql.SQL("ST_Translate(ST_Transform(geom, 3857), 0, 1000)")
    monkeypatch.setattr("loader.table.ddl.to_3857", lambda _srid: to_the_north)
    load(loader, CITIES)
    wrong = client.get(address(HELSINKI)).data
    monkeypatch.undo()
    monkeypatch.setattr("api.catalog.live.CHECK_EVERY_S", 0.0)
    load(loader, CITIES)
    assert client.get(address(HELSINKI)).data != wrong


def test_new_and_lost_features_change_their_places(loader: Loader, client: FlaskClient):
    load(loader, CITIES)
    [kept] = etags(client, HELSINKI)
    load(loader, {1: CITIES[1], 3: CITIES[3], 4: ("Suva again", *SUVA)})
    assert b"Suva again" in client.get(address(SUVA)).data
    load(loader, {1: CITIES[1], 3: CITIES[3], 4: ("Suva again", *SUVA), 5: ("Espoo", 24.65, 60.2)})
    assert b"Espoo" in client.get(address((24.65, 60.2))).data
    assert etags(client, HELSINKI) != [kept], "the two are in one tile"
    after = load(loader, {1: CITIES[1], 3: CITIES[3]})
    assert len(after.changes) == 3
    assert client.get(address(SUVA)).status_code in (204, 404)


def test_a_roll_back_brings_the_old_tiles_back(loader: Loader, client: FlaskClient):
    old = load(loader, CITIES)
    before = etags(client, HELSINKI, SUVA)
    load(loader, {**CITIES, 2: ("Suva City", *SUVA)})
    assert etags(client, HELSINKI, SUVA) != before
    serve(loader.connection, "cities", old.version)
    assert etags(client, HELSINKI, SUVA) == before
    again = load(loader, {**CITIES, 1: ("Helsingfors", *HELSINKI)})
    assert again.changes[0].version == old.version
    assert etags(client, SUVA) == before[1:]
    assert b"Helsingfors" in client.get(address(HELSINKI)).data


def test_another_column_or_too_many_changes_make_every_tile_another(
    loader: Loader, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    load(loader, CITIES)
    before = etags(client, HELSINKI)
    assert load(loader, CITIES, extra=1).changes == ()
    with_extra = etags(client, HELSINKI)
    assert with_extra != before
    assert load(loader, CITIES, extra="one").changes == (), "the column has another type"
    monkeypatch.setattr(changes, "MOST_ROWS", 2)
    assert load(loader, {id: ("x", x, y) for id, (_, x, y) in CITIES.items()}, extra="one").changes == ()


def test_the_history_has_a_bound(loader: Loader, client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(changes, "MOST_CHANGES", 2)
    for number in range(4):
        found = load(loader, {**CITIES, 2: (f"Suva {number}", *SUVA)})
    assert len(found.changes) == 2


def test_a_tile_of_several_collections_stays_with_those_of_each(loader: Loader, client: FlaskClient):
    load(loader, CITIES)
    tile = tile_at(*HELSINKI, 9)
    path = f"/tiles/WebMercatorQuad/9/{tile.row}/{tile.column}"
    before = client.get(path).headers["ETag"]
    load(loader, {**CITIES, 2: ("Suva City", *SUVA)})
    assert client.get(path).headers["ETag"] == before
    assert cache_of(client, path) == "cache;desc=hit"


SQUARE = "(({0} {1}, {2} {1}, {2} {3}, {0} {1}))"
FRAME = [f"MULTIPOLYGON({SQUARE.format(x, y, x + 1, y + 1)})" for x, y in ((-180, -90), (179, 89), (20, 20))]
WIDE = {
    "two parts far apart": f"MULTIPOLYGON({SQUARE.format(0, 0, 1, 1)}, {SQUARE.format(40, 40, 41, 41)})",
    "a ring that jumps at 180 degrees": "MULTIPOLYGON(((179 10, -179 10, -179 11, 179 12, 179 11, 179.1 10, 179 10)))",
    "beyond Web Mercator in part": f"MULTIPOLYGON({SQUARE.format(0, 80, 10, 89)})",
    "beyond Web Mercator": f"MULTIPOLYGON({SQUARE.format(0, 86, 10, 89)})",
    "nothing": "MULTIPOLYGON EMPTY",
}
PATHS = [
    f"/collections/shapes/tiles/{tms}/3/{row}/{column}"
    for tms, columns in (("WebMercatorQuad", 8), ("WorldCRS84Quad", 16))
    for row in range(8)
    for column in range(columns)
]


@pytest.mark.parametrize("text", WIDE.values(), ids=WIDE)
def test_shapes_of_all_kinds_change_all_that_they_touch(
    loader: Loader, client: FlaskClient, database: Database, text: str
):
    """Compared, tile by tile, with an API that keeps nothing."""

    def load_shapes(*shapes: str) -> None:
        geometries = pa.array([shapely.to_wkb(shapely.from_wkt(shape)) for shape in (*FRAME, *shapes)])
        table = pa.table({"name": ["x"] * (len(FRAME) + len(shapes)), "geometry": geometries})
        write_ogr(loader.path("shapes.fgb"), table, "FlatGeobuf", geometry_type="MultiPolygon", SPATIAL_INDEX="NO")
        report = loader.load("shapes.fgb", force=True)
        assert report.status == "loaded", report.error

    pool = Pool(database.reader)
    bare = create_app(replace(database.reader, tile_cache_mb=0, tiles_mb=0), pool).test_client()
    load_shapes(WIDE["two parts far apart"].replace("0", "0.5"))
    before = {path: client.get(path).headers.get("ETag") for path in PATHS}
    load_shapes(text)
    assert len(loader.catalog()["shapes"].changes) == 1
    assert [client.get(path).data for path in PATHS] == [bare.get(path).data for path in PATHS]
    assert any(client.get(path).headers.get("ETag") == etag is not None for path, etag in before.items())
    pool.close()
