"""The thread that has tiles made: what it asks a server for, when it stands aside, and when it lets go."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from loader.prerender import renderer as render
from loader.prerender.renderer import Renderer, rendering
from loader.prerender.which_tiles import OverviewTiles
from loader.progress import Event

PLACES = tuple((2, row, column) for row in range(4) for column in range(4))


class Server(ThreadingHTTPServer):
    """A server that answers as the API does, and notes what it was asked for."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Answer)
        self.version = 1
        self.tile = b"tile"
        self.status = 200
        self.hold: Callable[[int], None] = lambda number: None
        self.looks = 0
        self.tiles: list[str] = []
        self.kept: set[str] = set()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    """One request: TileJSON with the version, or a tile that is kept from then on."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path.endswith("tilejson.json"):
            self.server.looks += 1
            self._send(200, b'{"version": "1.0.%d"}' % self.server.version, "total;dur=1")
            return
        self.server.tiles.append(self.path)
        self.server.hold(len(self.server.tiles))
        timing = "cache;desc=hit, total;dur=0.1" if self.path in self.server.kept else "cache;desc=miss, total;dur=9"
        self.server.kept.add(self.path)
        self._send(self.server.status, self.server.tile, timing)

    def _send(self, status: int, body: bytes, timing: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Server-Timing", timing)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving(port: int = 0) -> Iterator[Server]:
    """A server for as long as the block runs."""
    with Server(port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    """A server."""
    with serving() as running:
        yield running


@contextmanager
def renderer_at(address: str, told: list[Event], **settings: Any) -> Iterator[Renderer]:
    """A renderer that asks that address."""
    with rendering(Settings(data_dir=Path("nowhere"), api=address, **settings), told.append) as renderer:
        yield renderer


def wanted(id: str = "roads", version: int = 1) -> OverviewTiles:
    """Sixteen tiles of a collection."""
    return OverviewTiles(id, ((id, version),), PLACES)


def wait_for(look: Callable[[], Any], within_s: float = 10) -> None:
    """Until something is so."""
    deadline = time.monotonic() + within_s
    while not look():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.005)


def test_each_tile_is_asked_for_once_and_that_is_told(server: Server):
    told: list[Event] = []
    with renderer_at(server.address, told) as renderer:
        renderer.want([wanted()])
        wait_for(lambda: told)
    assert server.tiles == [f"/collections/roads/tiles/WebMercatorQuad/2/{row}/{place}" for _, row, place in PLACES]
    values = told[0].values
    assert (told[0].event, values["collection"], values["tiles"], values["made"], values["bytes"]) == (
        ("rendered", "roads", 16, 16, 64)
    )


def test_what_was_kept_already_is_told_apart(server: Server):
    told: list[Event] = []
    server.kept = {f"/collections/roads/tiles/WebMercatorQuad/2/{row}/{place}" for _, row, place in PLACES}
    with renderer_at(server.address, told) as renderer:
        renderer.want([wanted("roads"), wanted("other")])
        wait_for(lambda: len(told) == 2)
    assert [(event.values["collection"], event.values["made"]) for event in told] == [("roads", 0), ("other", 16)]


def test_the_same_again_is_not_asked_for_and_a_new_version_is(server: Server):
    told: list[Event] = []
    with renderer_at(server.address, told) as renderer:
        renderer.want([wanted()])
        wait_for(lambda: told)
        renderer.want([wanted(), wanted("other")])
        wait_for(lambda: len(told) == 2)
        assert len(server.tiles) == 32
        server.kept.clear()
        server.version = 2
        renderer.want([wanted(version=2)])
        wait_for(lambda: len(told) == 3)
    assert len(server.tiles) == 48


def held_at_third(server: Server) -> tuple[threading.Event, threading.Event]:
    """The server waits with the third tile: what tells that it was asked for, and what lets it go on."""
    third, go_on = threading.Event(), threading.Event()

    def hold(number: int) -> None:
        if number == 3:
            third.set()
            go_on.wait(10)

    server.hold = hold
    return third, go_on


def test_a_version_that_the_api_does_not_see_yet_is_waited_for(server: Server):
    told: list[Event] = []
    with renderer_at(server.address, told) as renderer:
        renderer.want([wanted(version=2)])
        wait_for(lambda: server.looks == 2)
        assert server.tiles == []
        server.version = 2
        wait_for(lambda: told)
    assert len(server.tiles) == 16


def test_an_api_of_other_data_is_told_of_once(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(render, "LOOKS", 2)
    told: list[Event] = []
    with renderer_at(server.address, told) as renderer:
        renderer.want([wanted("roads", 7), wanted("other", 8), wanted("last", 1)])
        wait_for(lambda: len(told) == 2)
    assert "does not serve what was loaded" in told[0].values["message"]
    assert told[1].values["collection"] == "last", "it does not keep the others waiting"


def test_it_stands_aside_while_files_are_loaded(server: Server):
    told: list[Event] = []
    third, go_on = held_at_third(server)
    with renderer_at(server.address, told) as renderer:
        renderer.want([wanted()])
        assert third.wait(10)
        with renderer.aside():
            go_on.set()
            time.sleep(0.3)
            assert len(server.tiles) == 3
        wait_for(lambda: told)
    assert len(server.tiles) == 16


def test_what_nobody_wants_any_more_is_dropped_in_the_middle(server: Server):
    told: list[Event] = []
    third, go_on = held_at_third(server)
    with renderer_at(server.address, told) as renderer:
        renderer.want([wanted("gone"), wanted("stays")])
        assert third.wait(10)
        renderer.want([wanted("stays")])
        go_on.set()
        wait_for(lambda: told)
    assert [event.values["collection"] for event in told] == ["stays"]
    assert sum("/gone/" in path for path in server.tiles) == 3


def test_stop_ends_it_in_the_middle_and_it_tells_nothing_more(server: Server):
    told: list[Event] = []
    third, go_on = held_at_third(server)
    with renderer_at(server.address, told) as renderer:
        renderer.want([wanted()])
        assert third.wait(10)
    go_on.set()
    wait_for(lambda: not any(thread.name == "render" for thread in threading.enumerate()))
    assert (len(server.tiles), told) == (3, [])


def test_a_missing_api_is_told_of_once_and_asked_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(render, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(render, "LONGEST_PAUSE_S", 0.05)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told: list[Event] = []
    with renderer_at(f"127.0.0.1:{port}", told) as renderer:
        renderer.want([wanted()])
        wait_for(lambda: told)
        time.sleep(0.3)
        assert [event.event for event in told] == ["state"]
        assert "does not answer" in told[0].values["message"]
        with serving(port) as server:
            wait_for(lambda: len(told) == 2)
            assert (told[1].event, len(server.tiles)) == ("rendered", 16)


def test_it_gives_up_until_something_is_loaded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(render, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(render, "GIVEN_UP_AFTER", 6)
    attempts: list[str] = []

    def refuse(address: str) -> list[str]:
        attempts.append(address)
        return ["127.0.0.1:1"]

    monkeypatch.setattr(render, "api_addresses", refuse)
    with renderer_at("api:8080", []) as renderer:
        renderer.want([wanted()])
        wait_for(lambda: len(attempts) == 6)
        time.sleep(0.2)
        assert len(attempts) == 6
        renderer.want([wanted(version=2)])
        wait_for(lambda: len(attempts) == 12)


def test_tiles_that_fail_are_counted_and_do_not_stop_the_others(server: Server):
    told: list[Event] = []
    server.status = 504
    with renderer_at(server.address, told) as renderer:
        renderer.want([wanted()])
        wait_for(lambda: told)
    assert (told[0].values["tiles"], told[0].values["made"], told[0].values["failed"]) == (16, 0, 16)


def test_it_takes_no_more_than_its_share_of_the_room(server: Server):
    told: list[Event] = []
    server.tile = b"x" * 100_000
    with renderer_at(server.address, told, tiles_mb=2) as renderer:
        renderer.want([wanted("one"), wanted("two")])
        wait_for(lambda: len(told) == 2)
    assert [(event.values["tiles"], event.values["left"]) for event in told] == [(9, 7), (0, 16)]


def test_it_takes_no_more_than_its_time(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(render, "MOST_S", 0.2)
    server.hold = lambda number: time.sleep(0.1)
    told: list[Event] = []
    with renderer_at(server.address, told) as renderer:
        renderer.want([wanted()])
        wait_for(lambda: told)
    assert 1 <= told[0].values["tiles"] <= 3
    assert 0.2 <= told[0].values["seconds"] < 5


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("unix:/run/isthmus/api.sock", ["unix:/run/isthmus/api.sock"]),
        ("https://maps.example.org/gis", ["https://maps.example.org/gis"]),
        ("0.0.0.0:8080", ["0.0.0.0:8080"]),
        ("[::1]:8080", ["[::1]:8080"]),
        ("api:8080", ["10.0.1.5:8080", "10.0.1.6:8080"]),
    ],
)
def test_each_task_behind_a_name_is_asked(address: str, expected: list[str], monkeypatch: pytest.MonkeyPatch):
    def lookup(host: str, port: int, *_: Any) -> list[Any]:
        if host == "[::1]":
            raise socket.gaierror("no IPv4 address")
        return [("", "", "", "", (one, port)) for one in (["10.0.1.6", "10.0.1.5"] if host == "api" else [host])]

    monkeypatch.setattr(render.socket, "getaddrinfo", lookup)
    assert render.api_addresses(address) == expected
