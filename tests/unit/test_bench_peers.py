"""The comparison with peers, where no server is needed: addresses, links, clocks, ratios, the table."""

from __future__ import annotations

import os
import threading
import time

import pytest

from bench.peers.asks import Dialect, Everything, Feature, Items, NotOffered, VectorTile
from bench.peers.clock import cpu_s, spent
from bench.peers.fastcgi import END, HEADER, parse, record, request
from bench.peers.floor import statement_for
from bench.peers.report import as_json, render
from bench.peers.rounds import Cell, Measured, Round, Row, measure
from bench.peers.same import id_of
from bench.peers.servers import next_path


class Sleeper:
    """A contender that takes a known time, and no CPU."""

    version = "1"
    own_thread = False

    def __init__(self, name: str, took_s: float, order: list[str], python: bool = False):
        self.name, self.took_s, self.order, self.python = name, took_s, order, python
        self.processes = self

    def reading(self) -> dict[int, float]:
        return {1: sum(self.took_s for name in self.order if name == self.name)}

    def perform(self, ask: object) -> bytes:
        self.order.append(self.name)
        time.sleep(self.took_s)
        return b"x"


def test_dialect_spells_every_ask():
    plain = Dialect()
    assert plain.path(Items("a", 10, (1, 2, 3.5, 4), offset=7)) == (
        "/collections/a/items?f=json&limit=10&bbox=1.0000,2.0000,3.5000,4.0000&offset=7"
    )
    assert plain.path(Items("a", 1, where="b < 2")) == (
        "/collections/a/items?f=json&limit=1&filter=b+%3C+2&filter-lang=cql2-text"
    )
    assert plain.path(Feature("a", 5)) == "/collections/a/items/5?f=json"
    assert plain.path(VectorTile("a", 3, 2, 1)) == "/collections/a/tiles/WebMercatorQuad/3/2/1"
    assert plain.path(Everything("a", 99)) == "/collections/a/items?f=json&limit=99"


@pytest.mark.parametrize(
    "ask", [Items("a", 1, where="b < 2"), Items("a", 1, equal=("b", "2")), VectorTile("a", 0, 0, 0)]
)
def test_what_a_server_lacks_is_said(ask: Items | VectorTile):
    with pytest.raises(NotOffered):
        Dialect(tile=None, filters=False, equals=False).path(ask)


def test_next_link_is_followed_below_the_root():
    page = {
        "links": [{"rel": "self", "href": "http://x/a"}, {"rel": "next", "href": "http://x:1/a/items?offset=10&f=json"}]
    }
    assert next_path(page) == "/a/items?offset=10&f=json"
    assert next_path({"links": []}) == ""


def test_floor_skips_rows_without_making_texts_of_them():
    statement, params = statement_for(Items("points", 10, offset=90))
    assert "fid IN (SELECT fid FROM" in statement.as_string(None)
    assert params == {"limit": 10, "offset": 90}


def test_clock_counts_threads_that_ended():
    before = cpu_s(os.getpid())
    assert before is not None
    thread = threading.Thread(target=busy)
    thread.start()
    thread.join()
    assert (cpu_s(os.getpid()) or 0) - before >= 0.05


def busy() -> None:
    while time.thread_time() < 0.05:
        pass


def test_clock_of_a_process_that_ended_is_not_there():
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    assert cpu_s(child) is None


def test_spent_counts_new_processes_whole():
    assert spent({1: 2.0, 2: 9.0}, {1: 2.5, 3: 0.25}) == 0.75


@pytest.mark.parametrize(("cold", "asked"), [(False, 3), (True, 2)])
def test_servers_take_turns_and_the_median_counts_without_what_is_asked_ahead(cold: bool, asked: int):
    order: list[str] = []
    servers = [Sleeper("Isthmus", 0.001, order), Sleeper("slow", 0.003, order, python=True), Sleeper("bad", 1, order)]
    row = Row("a row", [Round([Feature("a", 1), Feature("a", 2)], ahead=[Feature("a", 3)])] * 2)
    measured = measure(row, servers, {"bad": "has none"}, cold=cold)
    assert order == [*["Isthmus"] * asked, *["slow"] * asked * 2, *["Isthmus"] * asked]
    assert measured.cells["slow"].cpu_s == pytest.approx(0.003)
    assert 0.003 <= measured.cells["slow"].took_s < 1
    assert measured.cells["slow"].size_bytes == 1
    printed = render([measured], servers, {"other": "not here"})
    assert "| a row | 1.00 | 3.00 | – | 3.0 (below the goal) |" in printed
    assert "NOT COMPARED: other: not here" in printed
    assert "a row: bad left out: has none" in printed


def test_best_peer_is_the_one_with_least_cpu_and_in_python():
    cells = {"Isthmus": Cell(1, 1, 1), "a": Cell(9, 1, 1), "b": Cell(7, 1, 1), "c": Cell(2, 1, 1)}
    servers = [Sleeper("Isthmus", 0, []), Sleeper("a", 0, [], True), Sleeper("b", 0, [], True), Sleeper("c", 0, [])]
    told = as_json([Measured(Row("r", []), cells)], servers, {})
    assert told["rows"][0]["best_python_ratio"] == 7


def test_ids_are_the_numbers_at_the_end():
    assert [id_of({"id": id}) for id in (7, "7", "points.7")] == [7, 7, 7]


def test_fastcgi_request_is_read_as_it_was_written():
    sent = request({"A": "b", "LONG": "x" * 200})
    kinds, place = [], 0
    while place < len(sent):
        version, kind, _, size, _ = HEADER.unpack_from(sent, place)
        kinds.append((version, kind, sent[place + 8 : place + 8 + size]))
        place += 8 + size
    assert [kind for _, kind, _ in kinds] == [1, 4, 4, 5]
    assert kinds[1][2] == b"\x01\x01Ab" + b"\x04\x80\x00\x00\xc8LONG" + b"x" * 200
    assert record(END, b"")[:2] == b"\x01\x03"


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"Status: 404 Not Found\r\nA: b\r\n\r\nx\n\ny", 404, b"x\n\ny"),
        (b"Content-Type: text/plain\n\nx", 200, b"x"),
        (b"", 200, b""),
    ],
)
def test_cgi_answers_have_a_status_and_a_body(answer: bytes, status: int, body: bytes):
    assert parse(answer) == (status, body)
