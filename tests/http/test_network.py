"""`/network`: what the network lab left on the data volume, whatever lies there."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from netlab.report.store import store_report
from support.cluster import Database
from support.http import get
from support.network import leave_network

CHECK = {
    "taken_at": "2026-11-25T15:00:00+00:00",
    "project": "isthmus",
    "mode": "bridge",
    "promises": [
        {
            "code": "veth-pairs",
            "promise": "each container has a cable",
            "expected": "3",
            "seen": "3",
            "because": "the numbers of the ends agree",
            "fix": None,
            "verdict": "kept",
            "subject": "isthmus-api-1",
        },
        {
            "code": "db-on-loopback",
            "promise": "the database is not reachable from outside",
            "expected": "no port",
            "seen": "<b>0.0.0.0:5432</b>",
            "because": "it is published on every address",
            "fix": "publish it on 127.0.0.1",
            "verdict": "broken",
            "subject": "isthmus-postgis-1",
        },
    ],
}
COMPARE = {
    "taken_at": "2026-11-25T15:10:00+00:00",
    "project": "isthmus",
    "modes": ["bridge", "host"],
    "rounds": 5,
    "results": [
        {"mode": "bridge", "workload": "cached-tile", "rps": 23000.5, "p50_ms": 0.41, "spread": {"rps": 0.1}},
        {"mode": "host", "workload": "cached-tile", "rps": 48000.0, "p50_ms": 0.2, "cpu_us_per_request": 25},
    ],
    "workloads": [{"name": "cached-tile", "title": "cached tile"}],
    "findings": [{"text": "host serves twice as many: docker-proxy copies each byte"}],
    "advice": ["use host where the ports are free"],
}
DAMAGE = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"a": NaN}',
    b'{"a": 1e999}',
    b'{"a": "\\ud800"}',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"a": ' + b"1" * 10_000 + b"}",
    b" " * 2_000_001,
]
STRANGE = [
    {},
    {"containers": None, "taken_at": None},
    {
        "containers": [
            None,
            1,
            "x",
            [],
            {"name": {"a": [1]}, "interfaces": {}, "mounts": [{"target": 5}], "published": [{}]},
        ]
    },
    {"containers": [{"name": "x" * 1000, "mounts": [{"target": "y" * 400}] * 3}] * 400},
    {"promises": [{"verdict": "kept"}, {"verdict": ["kept"]}, {}, 7], "mode": {"a": 1}},
    {
        "results": [{"mode": "host", "rps": True, "p50_ms": None}, {}, []],
        "findings": "x",
        "advice": [{"text": 1}, None],
    },
    {"results": [{str(number): number for number in range(100)}], "findings": [{"text": "<script>alert(1)</script>"}]},
    {"explanation": ["no text"], "mode": 5},
    {
        "results": [{"rps": 10**400, "bytes_per_s": -(10**4000), "workload": {}, "errors": {}}],
        "workloads": [{"name": []}],
    },
]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty data folder."""
    return tmp_path


@pytest.fixture
def app(world: Database, data_dir: Path) -> Iterator[Flask]:
    pool = Pool(world.reader)
    yield create_app(replace(world.reader, data_dir=data_dir, mode="bridge"), pool)
    pool.close()


def leave(data_dir: Path, name: str, value: Any) -> None:
    """Leave a report as the lab does."""
    store_report(data_dir, name, value if isinstance(value, str) else json.dumps(value))


def leave_raw(data_dir: Path, name: str, raw: bytes) -> Path:
    """Put any bytes there."""
    folder = data_dir / "var/network"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(raw)
    return folder / name


def html(client: FlaskClient) -> str:
    response = client.get("/network?f=html")
    assert response.status_code == 200, response.text
    return response.text


def test_before_anything_was_left_it_says_how(client: FlaskClient):
    document = get(client, "/network")
    assert (document["show"], document["check"], document["compare"], document["picture"]) == (None, None, None, None)
    assert document["mode"] == "bridge"
    assert "./scripts/isthmus net show on the host" in document["notes"][0]
    page = html(client)
    assert "No picture of the network was left yet" in page
    assert "./scripts/isthmus net compare" in page
    assert '<img src="http://localhost/network' not in page


def test_what_was_left_is_there_as_json(client: FlaskClient, data_dir: Path):
    leave_network(data_dir)
    leave(data_dir, "check.json", CHECK)
    leave(data_dir, "compare.json", COMPARE)
    document = get(client, "/network")
    assert document["notes"] == []
    assert (document["check"], document["compare"]) == (CHECK, COMPARE)
    assert document["show"]["mode"] == "bridge"
    assert [one["name"] for one in document["show"]["containers"]] == [
        f"isthmus-{n}-1" for n in ("api", "loader", "postgis")
    ]
    assert document["picture"] == "http://localhost/network/picture"


def test_the_page_tells_it_with_what_is_broken_first(client: FlaskClient, data_dir: Path):
    leave_network(data_dir)
    leave(data_dir, "check.json", CHECK)
    leave(data_dir, "compare.json", COMPARE)
    page = html(client)
    for words in (
        "isthmus-postgis-1",
        "172.18.0.4/16",
        "127.0.0.1:18100",
        "/run/secrets/reader_password",
        "a bridge of the",
    ):
        assert words in page
    assert re.findall(r"\d+ (?:broken|warnings|not seen|kept)", page)[:4] == [
        "1 broken",
        "0 warnings",
        "0 not seen",
        "1 kept",
    ]
    assert (
        page.index("verdict broken") < page.index("publish it on 127.0.0.1") < page.index("<summary>1 kept</summary>")
    )
    assert "&lt;b&gt;0.0.0.0:5432&lt;/b&gt;" in page
    assert "<td>23,000</td>" in page
    assert re.findall("<th>([^<]+)</th>", page)[3:8] == [
        "workload",
        "mode",
        "requests/s",
        "p50 ms",
        "CPU µs per request",
    ]
    assert "docker-proxy those of this one." in page
    assert "docker-proxy copies each byte" in page
    assert page.count("<td>cached tile</td>") == 2
    assert "use host where the ports are free" in page
    assert '<img src="http://localhost/network/picture"' in page


def test_the_picture_is_an_image_that_may_do_nothing_else(client: FlaskClient, data_dir: Path):
    leave_network(data_dir)
    response = client.get("/network/picture")
    assert response.status_code == 200
    assert response.content_type == "image/svg+xml"
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert b"isthmus in mode bridge" in response.data


def test_scripts_of_a_picture_that_somebody_dropped_are_never_part_of_the_page(client: FlaskClient, data_dir: Path):
    leave_raw(data_dir, "show.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    assert "alert" not in html(client)
    assert "sandbox" in client.get("/network/picture").headers["Content-Security-Policy"]


def test_a_report_of_another_mode_is_said_to_be_one(client: FlaskClient, data_dir: Path):
    leave_network(data_dir, "none")
    assert get(client, "/network")["notes"] == ["The report is of mode none, and the stack runs in mode bridge now."]


def test_in_native_mode_it_says_that_there_are_no_containers(world: Database, data_dir: Path):
    pool = Pool(world.reader)
    client = create_app(replace(world.reader, data_dir=data_dir, mode="native"), pool).test_client()
    assert get(client, "/network")["notes"][0].startswith(
        "Native mode has no containers to look at: ./scripts/up bridge"
    )
    pool.close()


def test_without_a_picture_there_is_a_problem_that_says_how(client: FlaskClient):
    response = client.get("/network/picture")
    assert (response.status_code, response.json["code"]) == (404, "network-picture-missing")
    assert "net show" in response.json["hint"]


@pytest.mark.parametrize("raw", DAMAGE, ids=lambda raw: repr(raw[:12]))
@pytest.mark.parametrize("name", ["show.json", "check.json", "compare.json"])
def test_a_damaged_report_is_said_to_be_damaged(client: FlaskClient, data_dir: Path, name: str, raw: bytes):
    leave_raw(data_dir, name, raw)
    notes = get(client, "/network")["notes"]
    assert notes[0].startswith(f"{name} on the data volume is damaged or cannot be read: ./scripts/isthmus net ")
    assert f"{name} on the data volume is damaged" in html(client)


@pytest.mark.parametrize("raw", [b"", b"<html></html>", b"<svg ", b"\x00" * 10])
def test_a_damaged_picture_is_not_shown(client: FlaskClient, data_dir: Path, raw: bytes):
    leave_raw(data_dir, "show.svg", raw)
    assert get(client, "/network")["picture"] is None
    assert client.get("/network/picture").status_code == 404
    assert "show.svg on the data volume is damaged" in html(client)


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: json.dumps(value)[:30])
@pytest.mark.parametrize("name", ["show.json", "check.json", "compare.json"])
def test_json_of_another_shape_is_shown_as_far_as_it_goes(client: FlaskClient, data_dir: Path, name: str, value: Any):
    leave(data_dir, name, value)
    assert get(client, "/network")[name.removesuffix(".json")] == value
    page = html(client)
    assert "<script>alert" not in page
    assert len(page) < 1_000_000


def test_links_to_elsewhere_are_not_followed(client: FlaskClient, data_dir: Path, tmp_path: Path):
    (tmp_path / "secret.json").write_text('{"password": "x"}')
    (tmp_path / "secret.svg").write_text("<svg >password</svg>")
    folder = data_dir / "var/network"
    folder.mkdir(parents=True)
    (folder / "show.json").symlink_to(tmp_path / "secret.json")
    (folder / "show.svg").symlink_to(tmp_path / "secret.svg")
    assert "password" not in client.get("/network").text
    assert client.get("/network/picture").status_code == 404
    elsewhere = folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(elsewhere)
    (elsewhere / "check.json").write_text('{"password": "x"}')
    assert "password" not in client.get("/network").text


def test_something_that_is_no_file_does_not_block(client: FlaskClient, data_dir: Path):
    folder = data_dir / "var/network"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "show.json")
    (folder / "show.svg").mkdir()
    (folder / "check.json").mkdir()
    assert len(get(client, "/network")["notes"]) == 3


def test_it_is_kept_by_clients_until_something_is_left(client: FlaskClient, data_dir: Path):
    leave_network(data_dir)
    for path in ("/network", "/network?f=html"):
        first = client.get(path)
        again = {"If-None-Match": first.headers["ETag"]}
        assert client.get(path, headers=again).status_code == 304
        assert client.get(path, headers={"If-Modified-Since": first.headers["Last-Modified"]}).status_code == 304
        assert first.headers["Cache-Control"] == "public, no-cache"
    before = client.get("/network").headers["ETag"]
    leave(data_dir, "check.json", CHECK)
    assert client.get("/network", headers={"If-None-Match": before}).status_code == 200
    picture = client.get("/network/picture")
    assert client.get("/network/picture", headers={"If-None-Match": picture.headers["ETag"]}).status_code == 304


def test_the_landing_page_leads_there(client: FlaskClient):
    related = [link["href"] for link in get(client, "/")["links"] if link["rel"] == "related"]
    assert "http://localhost/network" in related
    assert "http://localhost/network?f=html" in client.get("/?f=html").text


def test_it_needs_no_database(world: Database, data_dir: Path):
    leave_network(data_dir)
    settings = replace(world.reader, data_dir=data_dir, db_port=1, mode="bridge")
    pool = Pool(settings)
    client = create_app(settings, pool).test_client()
    assert get(client, "/network")["show"]["mode"] == "bridge"
    assert client.get("/network/picture").status_code == 200
    pool.close()


def test_an_operator_may_hide_it(world: Database, data_dir: Path):
    leave_network(data_dir)
    pool = Pool(world.reader)
    client = create_app(replace(world.reader, data_dir=data_dir, network_page="off"), pool).test_client()
    for path in ("/network", "/network?f=html", "/network/picture"):
        response = client.get(path)
        assert response.status_code == 403
        assert "network-hidden" in response.text
        assert "isthmus-api-1" not in response.text
    assert "/network" not in client.get("/?f=html").text
    assert "/network" not in client.get("/").text
    pool.close()


def test_mistakes_in_what_is_asked_are_told(client: FlaskClient):
    assert client.get("/network?form=html").status_code == 400
    assert client.get("/network/picture?f=png").status_code == 400
    assert client.get("/network", headers={"Accept": "image/png"}).status_code == 406
    assert client.post("/network").status_code == 405
