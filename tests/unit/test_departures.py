"""Whose client has left: by which connection a request can have come, and what is uncertain counts for the client."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from hypothesis import given, strategies as st

from api.monitoring.in_flight import RESTED_S, Asking, Attended, Bell, Visit, all_visits, for_everyone, here
from api.server.disconnects import LAG_S, REACH_S, TICKS_S, can_carry, has_left
from api.server.sockets import OpenConnection, Traffic, open_connections

WITHIN_S = 5
TOTAL_TICKS = 0.01
BEGAN = 1000.0
PROMPT = Asking(thread=1, began_s=BEGAN, after_s=BEGAN)
QUEUED = Asking(thread=1, began_s=BEGAN, after_s=BEGAN - 20)
LONG_AGO, JUST_NOW = BEGAN - 10, BEGAN - 0.001


def carrying(
    received_s: float, sent_s: float = 0.0, *, segments_in: int = 2, segments_out: int = 1, id: int = 1
) -> OpenConnection:
    """A connection by when data came and were sent the last time."""
    return OpenConnection(id, Traffic(received_s, sent_s, segments_in, segments_out))


@pytest.mark.parametrize("asking", [PROMPT, QUEUED])
@pytest.mark.parametrize(
    "connection",
    [
        carrying(JUST_NOW, LONG_AGO),
        carrying(JUST_NOW, JUST_NOW, segments_in=1, segments_out=0),  # a new connection and its request in one tick
        carrying(JUST_NOW, JUST_NOW),  # an answer and the next request in one tick
        carrying(BEGAN - 5, BEGAN - 6),  # nobody knows what took so long
        carrying(BEGAN - 5, BEGAN - 5, segments_out=0),
        carrying(JUST_NOW - 0.02, JUST_NOW),  # the second of two requests that came together
        carrying(BEGAN + 2, LONG_AGO),  # the next request came before the answer to this one
        OpenConnection(1, None),
    ],
)
def test_request_can_have_come_by_it(asking: Asking, connection: OpenConnection):
    assert can_carry(connection, asking)


@pytest.mark.parametrize(
    "connection",
    [
        carrying(LONG_AGO, LONG_AGO + 0.1),
        carrying(LONG_AGO, LONG_AGO),  # answered in the same tick
        carrying(LONG_AGO, LONG_AGO, segments_in=0, segments_out=0),
        carrying(JUST_NOW, BEGAN + 0.5),
        carrying(BEGAN + 0.7, BEGAN + 0.5),
        carrying(BEGAN + 0.5, LONG_AGO, segments_in=1),
    ],
)
def test_request_that_did_not_wait_cannot_have_come_by_it(connection: OpenConnection):
    assert not can_carry(connection, PROMPT)
    assert has_left(PROMPT, set(), [], [connection])


@pytest.mark.parametrize("sent_s", [LONG_AGO, LONG_AGO + 0.1])
def test_request_that_may_have_waited_can_have_come_by_what_was_answered_meanwhile(sent_s: float):
    assert can_carry(carrying(LONG_AGO, sent_s), QUEUED)
    assert not can_carry(carrying(LONG_AGO - 20, sent_s - 20), QUEUED)


def test_connection_of_a_later_request_is_not_left_to_an_earlier_one():
    later = Asking(2, BEGAN + 0.4, BEGAN + 0.4)
    kept = carrying(BEGAN + 0.39, LONG_AGO)
    assert not has_left(PROMPT, {1}, [], [kept]), "nobody accounts for it"
    assert has_left(PROMPT, {1}, [later], [kept])
    assert not has_left(Asking(1, BEGAN, BEGAN, has_body=True), {1}, [later], [kept])


def test_connection_of_an_earlier_request_is_left_to_none_that_waited():
    earlier = Asking(2, BEGAN - 4, BEGAN - 4)
    theirs = carrying(BEGAN - 4.01, LONG_AGO)
    assert has_left(PROMPT, {1}, [earlier], [theirs])
    assert not has_left(PROMPT, {1}, [], [theirs])
    assert not has_left(QUEUED, {1}, [earlier], [theirs])


def test_two_requests_at_once_share_what_is_left():
    twin = Asking(2, BEGAN + 0.001, BEGAN)
    assert not has_left(PROMPT, {1}, [twin], [carrying(JUST_NOW)])
    assert not has_left(twin, {1}, [PROMPT], [carrying(JUST_NOW)])


def test_a_request_accounts_for_one_connection():
    later = Asking(2, BEGAN + 0.4, BEGAN + 0.4)
    two = [carrying(BEGAN + 0.39, LONG_AGO), carrying(BEGAN + 0.38, LONG_AGO, id=2)]
    assert not has_left(PROMPT, {1, 2}, [later], two)


moments = st.floats(0, 30)


@given(
    came=st.lists(st.tuples(moments, st.floats(0, 0.05), st.floats(0, 5), st.booleans()), min_size=1, max_size=8),
    error=st.floats(-TOTAL_TICKS, TOTAL_TICKS),
)
def test_nobody_has_left_while_all_are_there(came: list[tuple[float, float, float, bool]], error: float):
    """Requests at any time, each after an answer on the same connection or none, with times that are off."""
    askings, connections = list[Asking](), list[OpenConnection]()
    for number, (at, delay, before, is_new) in enumerate(came):
        began = BEGAN + at + delay
        askings.append(Asking(number, began, began))
        sent = at if is_new else at - before
        traffic = Traffic(BEGAN + at + error, BEGAN + sent + error, 1 if is_new else 2, 0 if is_new else 1)
        connections.append(OpenConnection(number, traffic))
    for asking in askings:
        possible = {connection.id for connection in connections if can_carry(connection, asking)}
        assert asking.thread in possible
        others = [other for other in askings if other is not asking]
        assert not has_left(asking, possible, others, connections)


@contextmanager
def accepted(family: int, where: Any) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection, the client's first."""
    with socket.socket(family) as listener:
        listener.bind(where)
        listener.listen()
        with socket.socket(family) as client:
            client.connect(listener.getsockname())
            server, _ = listener.accept()
            with server:
                yield client, server


def seen(server: socket.socket) -> OpenConnection | None:
    """What is known of a connection of this process."""
    number = os_number(server)
    return next((connection for connection in open_connections() or () if connection.id == number), None)


def os_number(end: socket.socket) -> int:
    """The number that Linux gives a socket."""
    return os.fstat(end.fileno()).st_ino


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_traffic_of_a_connection_is_seen(family: int, host: str):
    with accepted(family, (host, 0)) as (client, server):
        found = seen(server)
        assert found is not None and found.traffic is not None
        assert (found.traffic.segments_in, found.traffic.segments_out) == (0, 0)
        time.sleep(0.05)
        before = time.monotonic()
        client.sendall(b"ask")
        server.recv(10)
        asked = seen(server)
        assert asked is not None and asked.traffic is not None
        assert abs(asked.traffic.received_s - before) < TICKS_S
        assert asked.traffic.sent_s < asked.traffic.received_s
        time.sleep(0.05)
        server.sendall(b"answer")
        answered = seen(server)
        assert answered is not None and answered.traffic is not None
        assert answered.traffic.is_answered
        assert abs(answered.traffic.sent_s - before - 0.05) < 0.05
        assert seen(client) is None, "the client's end was not accepted"
    assert open_connections() is None or found not in (open_connections() or ())


def test_unix_socket_is_seen_without_its_traffic(tmp_path: Any):
    with accepted(socket.AF_UNIX, str(tmp_path / "s")) as (client, server):
        assert seen(server) == OpenConnection(os_number(server), None)
        assert seen(client) is None


def answering(app: Any) -> Attended:
    """The layer around an application."""
    return Attended(app, Bell())


def test_visit_lasts_until_the_answer_begins():
    visit = here.visit
    pieces = iter([b"a", b"b"])

    def whole(*_: Any) -> list[bytes]:
        asking = visit.asking()
        assert asking is not None and visit in all_visits() and visit.is_still(asking)
        with for_everyone():
            assert not visit.is_still(asking)
        assert visit.is_still(asking)
        return [b"whole"]

    answering(whole)({"REQUEST_METHOD": "GET"}, print)  # type: ignore[arg-type]
    assert visit.asking() is None
    body = answering(lambda *_: pieces)({"REQUEST_METHOD": "GET"}, print)  # type: ignore[arg-type]
    assert visit.asking() is None
    with closing(body):  # type: ignore[type-var]
        assert list(body) == [b"a", b"b"]


def began(visit: Visit, method: str, *, rest: bool = False) -> Asking:
    """A request that the current thread gets."""
    if rest:
        visit.end()
        time.sleep(RESTED_S)
    visit.begin({"REQUEST_METHOD": method})
    asking = visit.asking()
    assert asking is not None
    visit.end()
    return asking


def test_only_a_thread_that_rested_shows_that_nobody_waits():
    visit = here.visit
    first = began(visit, "GET", rest=True)
    assert first.after_s == first.began_s
    second = began(visit, "POST")
    assert (second.after_s, second.has_body, first.has_body) == (first.began_s, True, False)
    assert began(visit, "GET", rest=True).after_s > second.began_s


def test_thread_that_is_still_sending_does_not_rest():
    visit = here.visit
    before = began(visit, "GET", rest=True)
    body = answering(lambda *_: iter([b"a"]))({"REQUEST_METHOD": "GET"}, print)  # type: ignore[arg-type]
    time.sleep(RESTED_S)
    assert began(visit, "GET").after_s == before.began_s
    body.close()  # type: ignore[attr-defined]


def test_reaches_are_longer_than_the_errors_of_the_times():
    assert TICKS_S < REACH_S < LAG_S
