"""How many files a reader of one request has to open, in a worker that has answered others."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from loader.catalogue import open_catalogue
from loader.property_indexes import make_all
from support.cluster import Cluster, Database
from support.hops import files_run_by
from support.http import api_client
from support.loading import Loader, random_points, write_ogr

ROWS = 20_000
ITEMS = "/collections/things/items?limit=100&"
MOST_FILES = {
    "a page with a bbox": 39,
    "a filter in CQL2": 48,
}
ASKED = {
    "a page with a bbox": ITEMS + "bbox=2,3,60,50",
    "a filter in CQL2": ITEMS + urlencode({"filter": "size < 400 AND kind = 'cafe'"}),
}
WARM = [ITEMS + "bbox=1,1,50,50", ITEMS + urlencode({"filter": "score > 3 AND name > 'p'"})]


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
def client(things: Database) -> Iterator[FlaskClient]:
    """A client of an API that has answered some requests."""
    with api_client(things.reader) as client:
        for path in (*WARM, *WARM):
            assert client.get(path).status_code == 200
        yield client


@pytest.mark.parametrize("name", MOST_FILES)
def test_a_request_runs_through_few_files(client: FlaskClient, name: str):
    statuses: list[int] = []
    files = files_run_by(lambda: statuses.append(client.get(ASKED[name]).status_code))
    assert statuses == [200]
    assert len(files) <= MOST_FILES[name], f"{len(files)} files:\n" + "\n".join(files)
