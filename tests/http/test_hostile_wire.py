"""Bytes on the wire that are no good HTTP, against the server as it runs: it answers or hangs up, and goes on."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from support.cluster import Database
from support.promises import LEAKS
from support.server import running_api

MOST_S = 15
TREE = b'{"op": ">", "args": [{"property": "population"}, 1000000]}'
POST = b"POST /collections/places/items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
GET = b"GET /collections/places/items/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"


@pytest.fixture(scope="module", params=["granian", "gthread"])
def worker_class(request: pytest.FixtureRequest) -> str:
    """The class of gunicorn's worker."""
    return request.param


@pytest.fixture(scope="module")
def address(world: Database, worker_class: str) -> Iterator[tuple[str, int]]:
    """Where a server listens."""
    with running_api(world, ISTHMUS_WORKERS="1", ISTHMUS_WORKER_CLASS=worker_class) as url:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        yield parts.hostname, parts.port


def said(address: tuple[str, int], *sent: bytes, half_closed: bool = False) -> bytes:
    """All that the server says to some bytes until it hangs up, or until it has said nothing for a second."""
    with socket.create_connection(address, timeout=2) as connection:
        try:
            for part in sent:
                connection.sendall(part)
            if half_closed:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has hung up already
        heard = b""
        try:
            while block := connection.recv(65536):
                heard += block
        except OSError:
            pass
        return heard


def statuses(heard: bytes) -> list[int]:
    """The statuses of all answers."""
    return [int(number) for number in re.findall(rb"HTTP/1\.[01] (\d{3})", heard)]


def goes_on(address: tuple[str, int]) -> None:
    """Assert that the next client is served."""
    connection = http.client.HTTPConnection(*address, timeout=MOST_S)
    connection.request("GET", "/collections/places/items/1")
    assert json.loads(connection.getresponse().read())["id"] == 1
    connection.close()


def chunked(*chunks: bytes) -> bytes:
    """A body in chunks."""
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


MALFORMED = {
    "nothing": b"",
    "a line feed": b"\n",
    "no HTTP at all": b"hello\r\n\r\n",
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
    "HTTP/2 without an agreement": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 9,
    "HTTP/0.9": b"GET /\r\n",
    "HTTP/3.7": b"GET / HTTP/3.7\r\nHost: x\r\n\r\n",
    "no version": b"GET /\r\nHost: x\r\n\r\n",
    "no target": b"GET HTTP/1.1\r\nHost: x\r\n\r\n",
    "spaces in the target": b"GET /collections /x HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in the target": b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes in the target": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "whole address as the target": b"GET http://evil.example/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "authority as the target": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "star as the target": b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a method of small letters": b"get / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a method of signs": b"G(E)T / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n",
    "a header without a name": b"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
    "a name with a space": b"GET / HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
    "CR in a header": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rX-Evil: 1\r\n\r\n",
    "a header of a megabyte": b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "thousands of headers": GET + b"".join(b"A%d: b\r\n" % number for number in range(5000)) + b"\r\n",
    "a target of a megabyte": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a length that is none": POST + b"Content-Length: x\r\n\r\n",
    "a length below zero": POST + b"Content-Length: -1\r\n\r\n",
    "a length with a sign": POST + b"Content-Length: +5\r\n\r\n",
    "a length beyond all": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "a length and chunks": POST
    + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
    "an unknown encoding": POST + b"Transfer-Encoding: nonsense\r\n\r\n{}",
    "a chunk of a wrong size": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a chunk below zero": POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
    "a chunk beyond all": POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "a chunk without its end": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}x0\r\n\r\n",
    "an endless extension of a chunk": POST
    + b"Transfer-Encoding: chunked\r\n\r\n2;"
    + b"a" * 200_000
    + b"\r\n{}\r\n0\r\n\r\n",
    "an expectation that is none": POST + b"Expect: nonsense\r\nContent-Length: 2\r\n\r\n{}",
    "an upgrade": GET + b"Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_bytes_that_are_no_good_http_are_answered_or_hung_up_on(address: tuple[str, int], sent: bytes) -> None:
    start = time.monotonic()
    heard = said(address, sent, half_closed=True)
    assert time.monotonic() - start < MOST_S
    assert all(status < 500 or status == 501 for status in statuses(heard)), heard[:300]
    assert not LEAKS.search(heard), heard[:300]
    assert b"X-Evil" not in heard
    goes_on(address)


PATHS = ("/", "/conformance", "/collections/places/items/1", "/collections/places/tiles/WebMercatorQuad/0/0/0", "/nope")


@pytest.mark.parametrize("path", PATHS)
def test_request_that_says_no_host_or_several_is_refused(address: tuple[str, int], path: str) -> None:
    for hosts, version, refused in (
        ("", "1.1", True),
        ("Host: a\r\nHost: b\r\n", "1.1", True),
        ("Host: a\r\n", "1.1", False),
        ("Host:\r\n", "1.1", True),
        ("", "1.0", False),
    ):
        heard = said(address, f"GET {path} HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n".encode())
        expected = 400 if refused else 404 if path == "/nope" else 200
        assert statuses(heard) == [expected], (hosts, version, heard[:300])


def test_body_that_stops_in_the_middle_keeps_nobody_waiting(address: tuple[str, int]) -> None:
    for sent in (POST + b"Content-Length: 1000\r\n\r\n{", POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"):
        heard = said(address, sent, half_closed=True)
        assert all(status < 500 for status in statuses(heard)), heard[:300]
        goes_on(address)


@pytest.mark.parametrize("worker_class", ["granian"], indirect=True)
def test_many_who_send_nothing_more_keep_nobody_waiting(address: tuple[str, int]) -> None:
    """More of them than there are threads. Each holds one of gthread, which needs a proxy in front that buffers."""
    idle = [socket.create_connection(address, timeout=2) for _ in range(40)]
    try:
        for number, connection in enumerate(idle):
            connection.sendall((b"GET / HTTP/1.1\r\nHo", POST + b"Content-Length: 10\r\n\r\n{")[number % 2])
        start = time.monotonic()
        goes_on(address)
        assert time.monotonic() - start < MOST_S
    finally:
        for connection in idle:
            connection.close()
    goes_on(address)


def test_crowd_whose_bodies_do_not_come_holds_up_nobody_else(address: tuple[str, int]) -> None:
    """Each is refused at once, while the places for bodies are held by others of them."""
    idle = [socket.create_connection(address, timeout=2) for _ in range(200)]
    try:
        for connection in idle:
            connection.sendall(POST + b"Content-Length: 10\r\n\r\n")
        start = time.monotonic()
        goes_on(address)
        assert time.monotonic() - start < 2.5
    finally:
        for connection in idle:
            connection.close()
    goes_on(address)


def test_many_honest_searches_at_once_are_all_answered(address: tuple[str, int]) -> None:
    with ThreadPoolExecutor(16) as threads:
        sent = POST + b"Content-Length: %d\r\n\r\n" % len(TREE) + TREE
        heard = list(threads.map(lambda _: statuses(said(address, sent)), range(100)))
    assert heard == [[200]] * 100


@pytest.mark.parametrize("pieces", [(TREE,), (TREE[:10], TREE[10:]), tuple(bytes([byte]) for byte in TREE)])
def test_body_in_chunks_is_a_body(address: tuple[str, int], pieces: tuple[bytes, ...]) -> None:
    heard = said(address, POST + b"Transfer-Encoding: chunked\r\n\r\n", chunked(*pieces))
    assert statuses(heard) == [200], heard[:300]
    assert b'"numberReturned":3' in heard


def test_client_that_waits_for_leave_to_send_its_body_gets_it(address: tuple[str, int]) -> None:
    head = POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(TREE)
    with socket.create_connection(address, timeout=MOST_S) as connection:
        connection.sendall(head)
        heard = connection.recv(1000)
        assert statuses(heard)[:1] == [100]
        connection.sendall(TREE)
        while block := connection.recv(65536):
            heard += block
    assert statuses(heard) == [100, 200]


@pytest.mark.parametrize("framed", ["length", "chunks"])
def test_body_that_is_too_long_is_refused_before_it_is_read(address: tuple[str, int], framed: str) -> None:
    body = b" " * 20_000_000
    sent = (
        (POST + b"Content-Length: %d\r\n\r\n" % len(body), body)
        if framed == "length"
        else (POST + b"Transfer-Encoding: chunked\r\n\r\n", chunked(body))
    )
    start = time.monotonic()
    heard = said(address, *sent)
    assert time.monotonic() - start < MOST_S
    assert statuses(heard) in ([413], []), heard[:300]
    goes_on(address)


def test_requests_in_one_go_are_answered_in_their_order(address: tuple[str, int]) -> None:
    keep = GET.replace(b"Connection: close\r\n", b"")
    heard = said(address, (keep + b"\r\n") * 3 + GET.replace(b"items/1", b"items/none") + b"\r\n")
    assert statuses(heard) == [200, 200, 200, 404]
