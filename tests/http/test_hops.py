"""How many files a reader of one request has to open, in a worker that has answered others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from api.tms.tile import tile_at
from loader.catalogue import open_catalogue
from loader.table.property_indexes import make_all
from support.cluster import Cluster, Database
from support.hops import files_run_by
from support.http import api_client
from support.loading import Loader, random_points, write_ogr

ROWS = 20_000
ITEMS = "/collections/things/items?limit=100&"
TILE = "/collections/things/tiles/WebMercatorQuad/{0.z}/{0.row}/{0.column}"
CACHED = TILE.format(tile_at(20, 55, 4))
MOST_FILES = {
    "a page with a bbox": 29,
    "a filter in CQL2": 37,
    "a cold tile": 23,
    "a cached tile": 7,
}
ASKED = {
    "a page with a bbox": ITEMS + "bbox=2,3,60,50",
    "a filter in CQL2": ITEMS + urlencode({"filter": "size < 400 AND kind = 'cafe'"}),
    "a cold tile": TILE.format(tile_at(45, 40, 4)),
    "a cached tile": CACHED,
}
WARM = [ITEMS + "bbox=1,1,50,50", ITEMS + urlencode({"filter": "score > 3 AND name > 'p'"}), CACHED]


@pytest.fixture(scope="module")
def things(cluster: Cluster) -> Iterator[Database]:
    """Points with properties that have indexes."""
    database = cluster.clone()
    with open_catalogue(database.owner) as connection:
        loader = Loader(database.owner, connection)
        columns = {
            "kind": [("cafe", "park", "stop")[number % 3] for number in range(ROWS)],
            "name": [f"place {number}" for number in range(ROWS)],
            "size": pa.array([number * 7919 % ROWS // 4 for number in range(ROWS)], pa.int32()),
            "score": [number / 8 for number in range(ROWS)],
            "geometry": random_points(ROWS),
        }
        write_ogr(loader.path("things.fgb"), pa.table(columns), "FlatGeobuf", geometry_type="Point")
        loader.load_all("things.fgb")
        make_all(connection, loader.events.append, ["things"], auto=True)
    yield database
    cluster.drop(database)


@pytest.fixture
def client(things: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """A client of an API that has answered some requests, and does not look at the catalogue meanwhile."""
    monkeypatch.setattr("api.catalog.live.CHECK_EVERY_S", 3600)
    with api_client(replace(things.reader, tiles_dir=str(tmp_path))) as client:
        for path in (*WARM, *WARM):
            assert status_of(client, path) == 200
        yield client


def status_of(client: FlaskClient, path: str) -> int:
    """The status of a response, compressed where it is a tile, as browsers take it."""
    return client.get(path, headers={"Accept-Encoding": "gzip"} if "/tiles/" in path else {}).status_code


@pytest.mark.parametrize("name", MOST_FILES)
def test_a_request_runs_through_few_files(client: FlaskClient, name: str):
    statuses: list[int] = []
    files = files_run_by(lambda: statuses.append(status_of(client, ASKED[name])))
    assert statuses == [200]
    assert len(files) <= MOST_FILES[name], f"{len(files)} files:\n" + "\n".join(files)
