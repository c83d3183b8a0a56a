"""The health check of the API's container, against a server that answers what a test wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from api.server.healthcheck import main

STATUS_OF = {"/health/ready": 200, "/broken": 503}


class Answers(BaseHTTPRequestHandler):
    """Answers with the status of the path."""

    def do_GET(self) -> None:
        self.send_response(STATUS_OF[self.path])
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class UnixServer(HTTPServer):
    """The same over a unix socket."""

    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "localhost", 0

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, _ = self.socket.accept()
        return connection, ("local", 0)


def serving(server: HTTPServer) -> Iterator[HTTPServer]:
    """A server that runs beside the test."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def listen() -> Iterator[str]:
    """host:port of a server."""
    for server in serving(HTTPServer(("127.0.0.1", 0), Answers)):
        yield f"127.0.0.1:{server.server_address[1]}"


@pytest.fixture
def unix_listen(tmp_path: Path) -> Iterator[str]:
    """unix:path of a server."""
    path = tmp_path / "api.sock"
    for _ in serving(UnixServer(str(path), Answers)):  # type: ignore[arg-type]
        yield f"unix:{path}"


def test_answer_of_200_is_healthy_over_tcp_and_over_a_socket(listen: str, unix_listen: str):
    assert main([listen, "/health/ready"]) == 0
    assert main([unix_listen, "/health/ready"]) == 0


def test_other_status_is_not(listen: str, capsys: pytest.CaptureFixture[str]):
    assert main([listen, "/broken"]) == 1
    assert "503" in capsys.readouterr().out


def test_nobody_there_is_one_line_that_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main([f"unix:{tmp_path}/none.sock", "/health/ready"]) == 1
    assert main(["127.0.0.1:1", "/health/ready"]) == 1
    assert capsys.readouterr().out.count("no answer from") == 2


def test_namespace_without_its_network_card_is_not_healthy(listen: str, tmp_path: Path):
    assert main([listen, "/health/ready", str(tmp_path / "eth0")]) == 1
    (tmp_path / "eth0").touch()
    assert main([listen, "/health/ready", str(tmp_path / "eth0")]) == 0
