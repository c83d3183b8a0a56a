"""The look at the first collections, against servers that answer what a test wants."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.script_module import LIBRARY, script_module

first_look = script_module("first_look")
Answer = Callable[[], bytes]


def answer(*names: str, status: str = "200 OK") -> bytes:
    """The API's list of collections."""
    body = json.dumps({"collections": [{"id": name} for name in names]}).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


@contextmanager
def serving(server: socket.socket, reply: Answer) -> Iterator[list[bytes]]:
    """A server that sends the next reply to each request as it is; gives the requests so far."""
    asked: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(65536))
                connection.sendall(reply())

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        server.close()


@contextmanager
def tcp(reply: Answer) -> Iterator[str]:
    """host:port of a server."""
    server = socket.create_server(("127.0.0.1", 0))
    with serving(server, reply):
        yield f"127.0.0.1:{server.getsockname()[1]}"


def unix_server(path: Path) -> socket.socket:
    """A listening unix socket."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    return server


def looked(listen: str, capsys: pytest.CaptureFixture[str], seconds: float = 10) -> str:
    """What a look prints."""
    assert first_look.main(listen, seconds) == 0
    return capsys.readouterr().out


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two equal answers in a row are enough."""
    monkeypatch.setattr(first_look, "RESTS_S", 0.1)


def test_collections_are_counted_and_the_first_is_named(brief: None, capsys: pytest.CaptureFixture[str]):
    with tcp(lambda: answer("airports", "roads", "water")) as listen:
        assert looked(listen, capsys) == "3 airports\n"
    with tcp(lambda: answer('my "roads"')) as listen:
        assert looked(listen, capsys) == "1 my%20%22roads%22\n"


def test_a_unix_socket_is_asked_the_same_way(brief: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "api.sock"
    with serving(unix_server(path), lambda: answer("roads")) as asked:
        assert looked(f"unix:{path}", capsys) == "1 roads\n"
    assert asked[0].startswith(b"GET /collections?f=json HTTP/1.1\r\n")


def test_ipv6_is_called_with_and_without_brackets(brief: None, capsys: pytest.CaptureFixture[str]):
    server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    port = server.getsockname()[1]
    with serving(server, lambda: answer("roads")):
        assert first_look.collection_names(f"[::1]:{port}") == ["roads"]
        assert first_look.collection_names(f"::1:{port}") == ["roads"]


def test_a_number_that_still_rises_is_waited_for(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(first_look, "RESTS_S", 0.7)
    replies = iter([answer(), answer("b"), answer("a", "b")])
    with tcp(lambda: next(replies, answer("a", "b", "c"))) as listen:
        assert looked(listen, capsys) == "3 a\n"


def test_an_answer_that_rests_is_believed_only_after_a_while(capsys: pytest.CaptureFixture[str]):
    with tcp(lambda: answer("roads")) as listen:
        started = time.monotonic()
        assert looked(listen, capsys) == "1 roads\n"
    assert first_look.RESTS_S <= time.monotonic() - started < 8


def test_an_api_that_is_not_ready_is_asked_again(brief: None, capsys: pytest.CaptureFixture[str]):
    replies = iter([answer(status="503 Service Unavailable"), answer("x", status="404 Not Found")])
    with tcp(lambda: next(replies, answer("roads"))) as listen:
        assert looked(listen, capsys) == "1 roads\n"


@pytest.mark.parametrize(
    "reply",
    [b"", b"no HTTP at all\r\n\r\n", answer("roads")[:-5], answer("roads", status="500 Oh")],
    ids=["nothing", "noise", "cut short", "error"],
)
def test_a_server_that_answers_badly_serves_no_collections_yet(reply: bytes):
    with tcp(lambda: reply) as listen:
        assert first_look.collection_names(listen) == []


def test_nobody_there_is_no_collection_when_the_time_is_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    started = time.monotonic()
    assert looked(f"127.0.0.1:{port}", capsys, 0.5) == "0\n"
    assert looked(f"unix:{tmp_path}/none.sock", capsys, 0.5) == "0\n"
    assert 1 <= time.monotonic() - started < 5


def test_it_runs_by_itself_with_nothing_but_python(tmp_path: Path):
    with tcp(lambda: answer("roads")) as listen:
        words = [sys.executable, "-I", "-S", str(LIBRARY / "first_look.py"), listen, "10"]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 roads\n", "")
