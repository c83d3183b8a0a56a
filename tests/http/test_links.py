"""Links are right behind port mapping, a public URL, and proxies, and only proxies that are trusted are believed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from support.cluster import Database

FORWARDED = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "maps.example.org", "X-Forwarded-Prefix": "/gis"}


@contextmanager
def client_with(world: Database, **settings: str) -> Iterator[FlaskClient]:
    """A client of an API with other settings."""
    changed = replace(world.reader, **settings)
    pool = Pool(changed)
    try:
        yield create_app(changed, pool).test_client()
    finally:
        pool.close()


def data_link(client: FlaskClient, headers: dict[str, str], peer: str = "127.0.0.1") -> str:
    """Where the landing page says that the collections are."""
    response = client.get("/", headers=headers, environ_base={"REMOTE_ADDR": peer})
    return next(link["href"] for link in json.loads(response.data)["links"] if link["rel"] == "data")


def test_links_have_the_host_and_port_that_the_client_called(client: FlaskClient):
    assert data_link(client, {"Host": "localhost:18080"}) == "http://localhost:18080/collections"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("gis_api:8080", "http://gis_api:8080"),  # what Docker calls a service of a stack
        ("gis_api:80", "http://gis_api"),
        ("localhost:99999", ""),
        ("a b", ""),
        ("x/../y", ""),
        ("x@evil.example", ""),
    ],
)
def test_links_of_hosts_that_are_no_names_of_the_internet_lead_somewhere(client: FlaskClient, host: str, address: str):
    headers = {"Host": host}
    assert data_link(client, headers) == f"{address}/collections"
    for path in ("items?limit=2", "items/1", "items?f=jsonfg", "queryables", "tiles/WebMercatorQuad/tilejson.json"):
        answer = client.get(f"/collections/places/{path}", headers=headers)
        assert f'"{address}/collections/places' in answer.text
        assert "http:/c" not in answer.text
    assert client.get("/nope", headers=headers).json["type"] == f"{address}/problems/not-found"


def test_forwarded_headers_of_anybody_are_ignored(client: FlaskClient):
    assert data_link(client, FORWARDED) == "http://localhost/collections"


@pytest.mark.parametrize(
    ("trusted", "peer", "believed"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("10.0.0.0/8, 172.16.0.0/12", "172.18.0.1", True),
        ("10.0.0.0/8", "172.18.0.1", False),
        ("unix", "", True),
        ("127.0.0.1", "", False),
        ("::1", "::1", True),
        ("127.0.0.1", "::ffff:127.0.0.1", True),  # of a server that listens on [::]
    ],
)
def test_forwarded_headers_are_believed_from_trusted_proxies(world: Database, trusted: str, peer: str, believed: bool):
    with client_with(world, trusted_proxies=trusted) as client:
        expected = "https://maps.example.org/gis/collections" if believed else "http://localhost/collections"
        assert data_link(client, FORWARDED, peer) == expected


ABSURD = {
    "X-Forwarded-Proto": ["javascript", "https://evil.example", "<script>", "h t", "-"],
    "X-Forwarded-Prefix": ["evil.example", "//evil.example", "/a b", "/<script>", '"onload="x', "..", "/a?b", "/a#b"],
}


@pytest.mark.parametrize("name", ABSURD)
def test_what_no_proxy_says_is_not_believed_even_of_one(world: Database, name: str):
    """A proxy that does not set a header passes on what its client made up."""
    with client_with(world, trusted_proxies="127.0.0.1") as client:
        for value in ABSURD[name]:
            assert data_link(client, {name: value}) == "http://localhost/collections", value
            assert client.get("/collections/places/items?f=html", headers={name: value}).status_code == 200
        assert (
            data_link(client, {"X-Forwarded-Prefix": "/evil?, /gis/v1.0/"}) == "http://localhost/gis/v1.0/collections"
        )


@pytest.mark.parametrize(
    ("said", "base"),
    [
        ("proto=https;host=maps.example.org", "https://maps.example.org"),
        ('for="[2001:db8::1]:4711";Proto=HTTPS; Host="maps.example.org:8443"', "https://maps.example.org:8443"),
        ("host=maps.example.org:8443", "http://maps.example.org:8443"),
        ("host=evil.example;proto=https, host=maps.example.org", "http://maps.example.org"),
        ('for="a\\"b,c;host=evil.example";proto=https', "https://localhost"),
        ("for=192.0.2.1", "http://localhost"),
        ("host=evil.example, for=192.0.2.1", "http://localhost"),
        ("host=gis_api:8080,", "http://gis_api:8080"),
    ],
)
def test_forwarded_of_a_trusted_proxy_is_believed(world: Database, said: str, base: str):
    """RFC 7239. Of several elements, the last is that of the proxy that is trusted."""
    with client_with(world, trusted_proxies="127.0.0.1") as client:
        assert data_link(client, {"Forwarded": said}) == f"{base}/collections"
        assert data_link(client, {"Forwarded": said, "X-Forwarded-Prefix": "/gis"}) == f"{base}/gis/collections"
        assert data_link(client, {"Forwarded": said}, "192.0.2.7") == "http://localhost/collections"


@pytest.mark.parametrize(
    "said",
    [
        "",
        "for=",
        "host",
        "host=a b",
        'host="evil',
        "host=evil/x",
        "host=a;host=b",
        "proto=javascript",
        "=",
        ";;",
        ",,",
        "x=\xff",
    ]
    + ["host=evil.example:99999", 'host="<script>"', "for=" + "a," * 3000 + '"', '"' * 6000, "a=" * 3000, ";" * 6000],
)
def test_forwarded_that_makes_no_sense_is_ignored(world: Database, said: str):
    with client_with(world, trusted_proxies="127.0.0.1") as client:
        assert data_link(client, {"Forwarded": said}) == "http://localhost/collections"


@pytest.mark.parametrize("name", ["For", "Proto", "Host", "Port"])
def test_proxy_that_says_what_it_knows_in_headers_of_its_own_has_not_written_forwarded(world: Database, name: str):
    """It passed on what its client made up."""
    known = {"For": "192.0.2.1", "Proto": "http", "Host": "localhost", "Port": "80"}
    with client_with(world, trusted_proxies="127.0.0.1") as client:
        headers = {f"X-Forwarded-{name}": known[name], "Forwarded": "host=evil.example;proto=https"}
        assert data_link(client, headers) == "http://localhost/collections"


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({"X-Forwarded-Host": "maps.example.org", "X-Forwarded-Port": "8443"}, "http://maps.example.org:8443"),
        ({"X-Forwarded-Port": "8443", "X-Forwarded-Proto": "https"}, "https://localhost:8443"),
        ({"Host": "localhost:18080", "X-Forwarded-Port": "8443"}, "http://localhost:8443"),
        ({"X-Forwarded-Host": "maps.example.org:8443", "X-Forwarded-Port": "80"}, "http://maps.example.org:8443"),
        ({"X-Forwarded-Host": "a.org", "X-Forwarded-Port": "443", "X-Forwarded-Proto": "https"}, "https://a.org"),
        ({"X-Forwarded-Host": "a.org", "X-Forwarded-Port": "1, 8443"}, "http://a.org:8443"),
        ({"X-Forwarded-Host": "[2001:db8::1]", "X-Forwarded-Port": "8443"}, "http://[2001:db8::1]:8443"),
        ({"X-Forwarded-Host": "[2001:db8::1]:81", "X-Forwarded-Port": "8443"}, "http://[2001:db8::1]:81"),
        *(({"X-Forwarded-Port": port}, "http://localhost") for port in ("", "x", "0", "65536", "-1", "80/x", "\xb2")),
        ({"X-Forwarded-Host": "evil/x"}, "http://localhost"),
    ],
)
def test_port_of_a_trusted_proxy_is_that_of_links(world: Database, headers: dict[str, str], base: str):
    with client_with(world, trusted_proxies="127.0.0.1") as client:
        assert data_link(client, headers) == f"{base}/collections"


def test_public_url_wins_over_everything(world: Database):
    with client_with(world, public_url="https://maps.example.org/gis/", trusted_proxies="127.0.0.1") as client:
        assert (
            data_link(client, {**FORWARDED, "X-Forwarded-Host": "other"}) == "https://maps.example.org/gis/collections"
        )
        page = json.loads(client.get("/collections/places/items?limit=1").data)
        assert {link["href"].split("/collections")[0] for link in page["links"]} == {"https://maps.example.org/gis"}
        tilejson = json.loads(client.get("/collections/places/tiles/WebMercatorQuad/tilejson.json").data)
        assert tilejson["tiles"][0].startswith("https://maps.example.org/gis/collections/places/tiles/")


def test_pages_use_the_public_url_for_their_files(world: Database):
    with client_with(world, public_url="https://maps.example.org/gis") as client:
        text = client.get("/map").text
        assert 'src="https://maps.example.org/gis/static/map.mjs"' in text


def test_every_link_of_a_page_answers(client: FlaskClient):
    for url in ("/", "/collections", "/collections/places", "/collections/places/items?limit=3"):
        ask = client.head if "items" in url else client.get  # making a file takes a second
        for link in json.loads(client.get(url).data)["links"]:
            assert ask(link["href"].removeprefix("http://localhost")).status_code == 200, link
