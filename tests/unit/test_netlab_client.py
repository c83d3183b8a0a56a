"""The measuring client against a server whose every answer is known."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from netlab.benchmark.load.client import Driver
from netlab.benchmark.load.http_reader import BadResponse, ResponseReader
from netlab.benchmark.load.job import Job, client_process, quantile

REQUEST = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer-Timing: cache;desc=hit, total;dur=1\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: 1\r\n\r\n"
)
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"
EMPTY = b"HTTP/1.1 204 No Content\r\nserver-timing: cache;desc=miss\r\n\r\n"


def fed(text: bytes, sizes: list[int]) -> ResponseReader:
    """A reader that got the text in blocks of these sizes, and the rest at once."""
    reader = ResponseReader()
    for size in sizes:
        block, text = text[:size], text[size:]
        if block:
            reader.feed(block)
    if text:
        reader.feed(text)
    return reader


@pytest.mark.parametrize(("text", "body_bytes"), [(PLAIN, 5), (CHUNKED, 11), (EMPTY, 0)])
@given(sizes=st.lists(st.integers(1, 9), max_size=60))
def test_an_answer_is_the_same_in_whatever_blocks_it_comes(text: bytes, body_bytes: int, sizes: list[int]) -> None:
    reader = fed(text, sizes)
    assert reader.done
    assert reader.body_bytes == body_bytes


def test_server_timing_tells_cached_tiles_from_rendered_ones() -> None:
    assert fed(PLAIN, []).cached_tile is True
    assert fed(EMPTY, []).cached_tile is False
    assert fed(CHUNKED, []).cached_tile is None


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    reader = fed(UNTIL_CLOSED, [])
    assert not reader.done
    assert reader.closes
    reader.feed(b"")
    assert reader.done
    assert reader.body_bytes == 5


@pytest.mark.parametrize("text", [PLAIN[:-1], CHUNKED[:-2], b"HTTP/1.1 200"])
def test_half_an_answer_is_an_error(text: bytes) -> None:
    with pytest.raises(BadResponse, match="in the middle"):
        fed(text, []).feed(b"")


@pytest.mark.parametrize(
    "text", [b"SSH-2.0-OpenSSH\r\n\r\n", PLAIN + b"x", CHUNKED.replace(b"6;x", b"zz"), b"x" * 70_000]
)
def test_what_is_no_answer_is_an_error(text: bytes) -> None:
    with pytest.raises(BadResponse):
        fed(text, [])


@given(st.lists(st.integers(1, 1000), min_size=1))
def test_a_quantile_is_one_of_the_values(values: list[int]) -> None:
    ordered = sorted(values)
    assert quantile(ordered, 0.5) in values
    assert quantile(ordered, 1.0) == ordered[-1]
    assert quantile(ordered, 0.0) == ordered[0]


def test_quantiles_by_nearest_rank() -> None:
    ordered = list(range(1, 101))
    assert (quantile(ordered, 0.5), quantile(ordered, 0.99), quantile([], 0.5)) == (50, 99, None)


def test_every_request_of_a_job_has_a_number_of_its_own() -> None:
    assert Job("unix:/x", "GET /#\r\n", 0.5, 3, 2, first=7).requests() == [b"GET /00000007\r\n", b"GET /00000008\r\n"]


Answer = Callable[[int], bytes | None]
"""The answer to the n-th request; None closes the connection without one."""


@contextmanager
def server(answer: Answer, path: Path | None = None) -> Iterator[str]:
    """A server of HTTP that answers each request as it is told, and its address."""
    listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
    listener.bind(str(path) if path else ("127.0.0.1", 0))
    listener.listen(64)
    counter = iter(range(10**9))

    def talk(client: socket.socket) -> None:
        with client:
            waiting = b""
            while block := client.recv(65536):
                waiting += block
                while b"\r\n\r\n" in waiting:
                    _, _, waiting = waiting.partition(b"\r\n\r\n")
                    text = answer(next(counter))
                    if text is None:
                        return
                    client.sendall(text)
                    if b"Connection: close" in text:
                        return

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=quietly, args=(talk, client), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"unix:{path}" if path else f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def quietly(talk: Callable[[socket.socket], None], client: socket.socket) -> None:
    """A client that leaves in the middle is none of the server's errors."""
    try:
        talk(client)
    except OSError:
        return


def job(address: str, **more: object) -> Job:
    """A job of a fifth of a second at most."""
    values: dict[str, object] = {"seconds": 5.0, "connections": 3, "most": 30}
    return Job(address, REQUEST, **(values | more))  # type: ignore[arg-type]


def test_as_many_requests_as_asked_for_are_sent_and_counted() -> None:
    with server(lambda _: PLAIN) as address:
        tally = Driver(job(address)).run()
    assert (tally.requests, tally.errors, tally.cached, tally.body_bytes) == (30, {}, 30, 150)
    assert tally.p50_us is not None
    assert tally.p99_us is not None
    assert 1 < tally.p50_us <= tally.p99_us < 5e6
    assert tally.elapsed_ns > tally.p50_us * 1000
    assert 0 < tally.cpu_ns < 5e9


def test_a_unix_socket_and_a_new_connection_each(tmp_path: Path) -> None:
    with server(lambda _: UNTIL_CLOSED, tmp_path / "s") as address:
        tally = Driver(job(address, keep_alive=False)).run()
    assert (tally.requests, tally.errors, tally.body_bytes) == (30, {}, 150)


def test_a_server_that_closes_is_connected_to_again() -> None:
    with server(lambda _: UNTIL_CLOSED) as address:
        tally = Driver(job(address)).run()
    assert (tally.requests, tally.errors) == (30, {})


def test_errors_are_counted_each_and_none_is_an_answer() -> None:
    bad = {3: b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", 5: b"nonsense\r\n\r\n", 7: None}
    with server(lambda number: bad.get(number, PLAIN)) as address:
        tally = Driver(job(address)).run()
    assert tally.requests == 27
    assert sum(tally.errors.values()) == 3
    assert tally.errors["status 503"] == 1
    assert tally.errors["closed in the middle of a response"] == 1


def test_nobody_there_is_an_error_that_ends() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        tally = Driver(job(f"127.0.0.1:{probe.getsockname()[1]}")).run()
    assert tally.requests == 0
    assert set(tally.errors) == {"Connection refused"}


def test_the_time_ends_it_and_an_export_is_cut_off() -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 100_000
    with server(lambda _: long) as address:
        tally = Driver(job(address, seconds=0.3, connections=1, cut=True)).run()
    assert (tally.requests, tally.errors, tally.body_bytes) == (0, {}, 100_000)
    assert 0.25e9 < tally.elapsed_ns < 5e9


def test_the_process_does_jobs_and_ends_with_its_owner() -> None:
    with server(lambda _: PLAIN) as address, client_process() as client:
        tallies = [client.run(job(address)) for _ in range(2)]
        process = client._process  # noqa: SLF001
    assert [one.requests for one in tallies] == [30, 30]
    assert process.poll() is not None
