"""`/files`: what became of each file of the data folder; and what is said of a collection whose file is not served."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from loader.catalogue import open_catalogue
from loader.errors import LoadBroken
from loader.load import save_failure
from loader.progress import Event
from loader.report import Report, describe
from loader.scan import scan
from loader.states.record import FolderRecord, recorded
from loader.states.roll_back import roll_back
from support.cluster import Cluster, Database
from support.http import api_client, get
from support.loading import Loader, write_points

HOSTILE = "<img src=x onerror=alert(1)>.geojson"
STATES = ["loading", "queued", "failed", "set aside", "not read", "served"]


def look(loader: Loader) -> None:
    """Let the catalogue know what lies in the folder."""
    FolderRecord().save(loader.connection, loader.settings, scan(loader.data_dir))


def set_aside(loader: Loader, name: str) -> None:
    """Let the load of a file break off three times."""
    dataset = scan(loader.data_dir).datasets[name]
    for _ in range(3):
        error = LoadBroken(f"{name} met a mistake of Isthmus (KeyError)", hint="the log has the details")
        report = Report(name, "failed", "the test", loader.one("SELECT now()"), loader.one("SELECT now()"))
        save_failure(loader.connection, replace(report, error=describe(error)), dataset.signature, error)


@pytest.fixture(scope="module")
def folder(cluster: Cluster) -> Iterator[Database]:
    """A data folder with a file in each state but loading."""
    database = cluster.clone()
    with open_catalogue(database.owner) as connection:
        loader = Loader(database.owner, connection)
        for names in (["a", "b"], ["c"]):
            write_points(loader.path("roads.geojson"), names)
            loader.load_all("roads.geojson")
        loader.path("roads.toml").write_text('colour = "red"')
        loader.load("roads.geojson", force=True)
        roll_back(connection, "roads", None)
        loader.path("bad.gpkg").write_text("no GeoPackage")
        loader.load("bad.gpkg")
        loader.path("inner/dem.tif").write_bytes(b"II*\0")
        write_points(loader.path(HOSTILE), ["x"])
        write_points(loader.path("crash.geojson"), ["x"])
        set_aside(loader, "crash.geojson")
        look(loader)
    yield database
    cluster.drop(database)


@pytest.fixture
def client(folder: Database) -> Iterator[FlaskClient]:
    """A client of an API on that folder."""
    with api_client(folder.reader) as client:
        yield client


def test_every_file_has_a_state(client: FlaskClient) -> None:
    document = get(client, "/files")
    found = {file["path"]: file["state"] for file in document["files"]}
    assert found == {
        HOSTILE: "queued",
        "bad.gpkg": "failed",
        "crash.geojson": "set aside",
        "inner/dem.tif": "not read",
        "roads.geojson": "served",
    }
    assert document["counts"] == dict(zip(STATES, (0, 1, 1, 1, 1, 1), strict=True))
    assert (document["numberMatched"], document["numberReturned"]) == (5, 5)
    assert [file["state"] for file in document["files"]] == [state for state in STATES if document["counts"][state]]
    assert client.get("/files").headers["Cache-Control"] == "no-store"


def file_of(client: FlaskClient, path: str) -> dict[str, object]:
    """What is told of one file."""
    [found] = [file for file in get(client, "/files")["files"] if file["path"] == path]
    return found


def test_what_is_not_served_says_why_and_what_to_do(client: FlaskClient) -> None:
    bad, aside, raster = (file_of(client, path) for path in ("bad.gpkg", "crash.geojson", "inner/dem.tif"))
    assert bad["detail"] == "bad.gpkg cannot be read: what it holds is no GeoPackage"
    assert "its own ending" in str(bad["hint"])
    assert aside["attempts"] == 3
    assert "retryAt" not in aside
    assert raster["kind"] == "raster"
    assert raster["detail"] == "it is a raster, and Isthmus reads vectors"
    assert "TiTiler" in str(raster["hint"])


def test_a_served_file_shows_its_versions_and_the_way_back(client: FlaskClient) -> None:
    roads = file_of(client, "roads.geojson")
    [collection] = roads["collections"]  # type: ignore[misc]
    assert (collection["id"], collection["version"], collection["rolledBack"]) == ("roads", 2, True)
    assert [(kept["version"], kept["rows"], kept["served"]) for kept in collection["versions"]] == [
        (3, 1, False),
        (2, 1, True),
    ]
    assert get(client, "/collections/roads")["id"] == "roads"


def test_pages_of_files_and_one_state(client: FlaskClient) -> None:
    first = get(client, "/files?limit=2")
    paths = [file["path"] for file in first["files"]]
    while nexts := [link["href"] for link in first["links"] if link["rel"] == "next"]:
        first = get(client, nexts[0].removeprefix("http://localhost"))
        paths += [file["path"] for file in first["files"]]
    assert paths == [file["path"] for file in get(client, "/files")["files"]]
    only = get(client, "/files?state=not%20read")
    assert [file["path"] for file in only["files"]] == ["inner/dem.tif"]
    assert only["numberMatched"] == 1
    for query, parameter in (("state=gone", "state"), ("limit=0", "limit"), ("sate=failed", "sate")):
        response = client.get(f"/files?{query}")
        assert (response.status_code, response.json["parameter"]) == (400, parameter)  # type: ignore[index]


def test_the_page_escapes_names_and_tells_no_path_of_the_machine(client: FlaskClient, folder: Database) -> None:
    page = client.get("/files?f=html").text
    assert HOSTILE not in page
    assert "&lt;img src=x onerror=alert(1)&gt;.geojson" in page
    assert "isthmus rollback roads --to 3" in page
    assert "<noscript><meta http-equiv=" in page  # something is queued
    for text in (page, client.get("/files").text):
        assert str(folder.reader.data_dir) not in text
    assert "/files?f=html" in client.get("/?f=html").text


@pytest.mark.parametrize("below", ["", "/items", "/queryables", "/tiles/WebMercatorQuad/0/0/0", "/items/1"])
def test_a_missing_collection_says_what_became_of_its_file(client: FlaskClient, below: str) -> None:
    response = client.get(f"/collections/bad{below}")
    assert response.status_code == 404
    problem = json.loads(response.data)
    assert problem["code"] == "collection-unknown"
    assert problem["detail"].startswith("'bad' is not served: bad.gpkg could not be loaded: bad.gpkg cannot be read")
    assert "isthmus report 'bad.gpkg'" in problem["hint"]
    assert "Retry-After" not in response.headers


def test_so_does_one_that_was_set_aside_or_is_not_read_or_queued(client: FlaskClient) -> None:
    aside, raster, queued = (client.get(f"/collections/{id}") for id in ("crash", "dem", "img_src_x_onerror_alert_1"))
    assert "crash.geojson was set aside after 3 attempts" in aside.text
    assert "inner/dem.tif is not read, since it is a raster" in raster.text
    assert "is queued" in queued.text
    assert queued.headers["Retry-After"] == "5"
    assert client.get("/collections/roads_geojson").json["detail"] == "there is no collection 'roads_geojson'"  # type: ignore[index]
    assert client.get("/collections/nothing").json["hint"] == "/collections lists them"  # type: ignore[index]


def test_a_loading_one_says_how_far_it_is_and_when_to_ask_again(loader_of_folder: Loader, client: FlaskClient) -> None:
    write_points(loader_of_folder.path("big.geojson"), ["x"])
    look(loader_of_folder)
    dataset = scan(loader_of_folder.data_dir).datasets["big.geojson"]
    with recorded(loader_of_folder.settings, dataset, loader_of_folder.events.append) as listen:
        listen(Event("layers", "big.geojson", {"ids": ["lakes", "rivers"]}))
        assert file_of(client, "big.geojson")["state"] == "loading"
        loader_of_folder.connection.execute("UPDATE isthmus.loading SET started_at = now() - interval '20 s'")
        listen(Event("rows", "big.geojson", {"layer": "lakes", "rows": 500, "of": 600}))
        listen(Event("layers", "big.geojson", {"ids": ["lakes", "rivers"]}))  # which is written at once
        told = file_of(client, "big.geojson")
        assert (told["percent"], told["rows"], told["ofRows"], told["layer"]) == (25, 500, 600, "lakes")
        assert told["seconds"] in range(20, 40)
        for id in ("big", "lakes", "rivers"):
            response = client.get(f"/collections/{id}/items")
            assert response.status_code == 404
            assert f"'{id}' is not served yet: big.geojson is loading (25 %, 500 of 600 rows, since 2" in response.text
            assert 55 < int(response.headers["Retry-After"]) <= 60
        assert '<progress max="100" value="25"' in client.get("/files?f=html").text
    assert file_of(client, "big.geojson")["state"] == "queued"
    assert "queued" in client.get("/collections/rivers").text
    loader_of_folder.path("big.geojson").unlink()
    look(loader_of_folder)


@pytest.fixture
def loader_of_folder(folder: Database) -> Iterator[Loader]:
    """A loader on that folder."""
    with open_catalogue(folder.owner) as connection:
        yield Loader(folder.owner, connection)


def test_the_operator_can_hide_it_all(folder: Database) -> None:
    with api_client(replace(folder.reader, files_page="off")) as client:
        response = client.get("/files")
        assert (response.status_code, response.json["code"]) == (404, "files-hidden")  # type: ignore[index]
        assert client.get("/files?f=html").status_code == 404
        assert "/files" not in client.get("/?f=html").text + client.get("/?f=json").text
        assert "/files" not in get(client, "/api")["paths"]
        problem = client.get("/collections/bad").json
        assert problem["detail"] == "'bad' is not served: its file could not be loaded"  # type: ignore[index]
        assert "bad.gpkg" not in client.get("/collections/bad").text


def test_openapi_describes_it_and_every_array_says_of_what(client: FlaskClient) -> None:
    document = get(client, "/api")
    assert [one["$ref"].rpartition("/")[2] for one in document["paths"]["/files"]["get"]["parameters"]] == [
        "f", "fileState", "limitFiles", "offsetFiles",
    ]  # fmt: skip
    schemas = document["components"]["schemas"]
    pending = [schemas["files"], schemas["file"], schemas["servedCollection"]]
    told = get(client, "/files")
    assert set(told) <= set(schemas["files"]["properties"])
    for file in told["files"]:
        assert set(file) <= set(schemas["file"]["properties"])
        assert set(schemas["file"]["required"]) <= set(file)
    while pending:
        schema = pending.pop()
        assert schema.get("type") != "array" or "items" in schema
        pending += schema.get("properties", {}).values()


def test_a_database_without_a_catalogue_of_files_still_answers_404(cluster: Cluster) -> None:
    database = cluster.clone()
    with open_catalogue(database.owner) as connection:
        connection.execute("DROP VIEW isthmus.file_states")
    with api_client(database.reader) as client:
        assert client.get("/collections/none").status_code == 404
        assert client.get("/files").status_code == 503
    cluster.drop(database)
