"""What `scripts/swarm` reads and counts, by value; and that its stack file forgets no setting."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest

from support.script_module import LIBRARY, script_module

ROOT = Path(__file__).parents[2]


@pytest.fixture
def waiting() -> ModuleType:
    """scripts/lib/swarm_wait.py"""
    return script_module("swarm_wait")


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """scripts/lib/swarm_trial.py, which imports its neighbour."""
    monkeypatch.syspath_prepend(str(LIBRARY))
    return script_module("swarm_trial")


def service(waiting: ModuleType, replicas: str, update: dict[str, str] | None = None):
    """A service as the engine's answers make it."""
    line = {"Name": "maps-swarm_api", "Replicas": replicas}
    return waiting.parse_service(line, {"ID": "x1", "UpdateStatus": update or {}}, "maps-swarm")


def test_a_service_is_read_from_the_engines_answers(waiting: ModuleType):
    found = service(waiting, "1/2", {"State": "updating", "StartedAt": "2026-11-25T14:25:15Z"})
    assert (found.id, found.name, found.running, found.wanted) == ("x1", "api", 1, 2)
    assert (found.update, found.updated) == ("updating", "2026-11-25T14:25:15Z")
    assert service(waiting, "2/2 (max 1 per node)").running == 2


@pytest.mark.parametrize(
    ("replicas", "state", "settled"),
    [("2/2", "", True), ("1/2", "", False), ("3/2", "updating", False), ("2/2", "updating", False)]
    + [
        ("3/2", "", True),
        ("2/2", "rollback_started", False),
        ("2/2", "rollback_completed", True),
        ("2/2", "completed", True),
    ],
)
def test_a_service_is_settled_when_nothing_is_on_its_way(waiting: ModuleType, replicas: str, state: str, settled: bool):
    assert service(waiting, replicas, {"State": state}).settled is settled


def test_what_is_waited_for_is_named(waiting: ModuleType):
    found = [service(waiting, "1/2"), service(waiting, "2/2"), service(waiting, "3/2", {"State": "updating"})]
    assert waiting.pending(found) == "api 1/2, api 3/2 (updating)"


def test_only_an_update_of_now_can_go_wrong(waiting: ModuleType):
    found = [service(waiting, "2/2", {"State": "rollback_completed", "StartedAt": "2026-11-25T14:25:15Z"})]
    assert waiting.gone_wrong(found, "2026-11-25T14:25:14") == "api went back to what ran before"
    assert waiting.gone_wrong(found, "2026-11-25T14:25:16") == ""


def test_tasks_that_fail_one_after_the_other_are_not_waited_for(waiting: ModuleType):
    failed = [waiting.Failure("api", "exit 1", "t")] * 4 + [waiting.Failure("apiary", "exit 1", "t")] * 3
    assert waiting.ends_always("api", failed)
    assert not waiting.ends_always("apiary", failed)


def test_progress_is_told_when_it_changes_and_not_all_the_time(waiting: ModuleType, capsys: pytest.CaptureFixture[str]):
    state = waiting.Waiting(100.0)
    for now, text in [(100, "api 0/2"), (101, "api 1/2"), (103, "api 1/2"), (109, "api 1/2"), (114, "api 1/2")]:
        state.tell(text, [waiting.Failure("api", "exit 1", "t")], now)
    told = capsys.readouterr().out.splitlines()
    assert told == [
        f"  waiting for {text}; api: exit 1 ({s} s)"
        for text, s in [("api 0/2", 0)] + [("api 1/2", 3)] + [("api 1/2", 14)]
    ]


def test_a_request_counts_once_whatever_became_of_it(trial: ModuleType):
    counts = trial.Counts()
    for first, second, seconds in [("", "", 0.1), ("status 503", "", 0.5), ("refused", "refused", 0.2)]:
        counts.add(first, second, seconds)
    assert (counts.requests, counts.retried, counts.failed, counts.slowest_s) == (3, 1, 1, 0.5)
    assert counts.reasons == ["status 503, then well", "refused, then refused"]


def test_the_verdict_names_steps_that_did_not_go_well(trial: ModuleType):
    good = trial.Step("quiet", counts=trial.Counts(requests=5, retried=1))
    bad, late = (
        trial.Step("killed", counts=trial.Counts(requests=5, failed=2)),
        trial.Step("rolled", trouble="not within 1 s"),
    )
    assert trial.verdict([good]) == "5 requests, 1 of them answered at the second attempt, 0 failed: well"
    assert trial.verdict([good, bad, late]).endswith("2 failed: not well: killed, rolled")
    assert trial.line_of(late).endswith("not within 1 s")


class Sometimes(BaseHTTPRequestHandler):
    """Answers, ends without an answer, or says 503, in turn."""

    protocol_version = "HTTP/1.1"
    turns: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        turn = self.turns.pop(0) if self.turns else 200
        if turn == 0:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(turn)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def sometimes() -> Iterator[str]:
    """The address of such a server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Sometimes) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_an_attempt_says_why_it_failed_and_the_next_one_connects_anew(trial: ModuleType, sometimes: str):
    Sometimes.turns = [200, 503, 200, 0, 204]
    client = trial.Client(sometimes)
    found = [client.attempt("/x") for _ in range(5)]
    client.close()
    assert (found[0], found[1], found[2], found[4]) == ("", "status 503", "", "")
    assert "RemoteDisconnected" in found[3]


def test_clients_retry_once_and_their_counts_start_anew_with_each_step(trial: ModuleType, sometimes: str):
    Sometimes.turns = [200, 503, 200, 200]
    load = trial.Load(sometimes, ["/x"])
    load.start()
    taken = trial.Counts()
    while taken.requests < 20:
        more = load.take()
        taken.requests, taken.retried, taken.failed = (
            taken.requests + more.requests,
            taken.retried + more.retried,
            taken.failed + more.failed,
        )
    load.stop()
    assert (taken.retried, taken.failed) == (1, 0)


def settings_of(file: str, service: str) -> set[str]:
    """The ISTHMUS_* variables that a service of a compose file is given."""
    text = (ROOT / "compose" / file).read_text()
    block = re.split(rf"^  {service}:$", text, maxsplit=1, flags=re.MULTILINE)[1]
    block = re.split(r"^\S|^  [a-z]+:$", block, maxsplit=1, flags=re.MULTILINE)[0]
    return set(re.findall(r"^      (ISTHMUS_[A-Z_]+):", block, re.MULTILINE))


@pytest.mark.parametrize("service", ["api", "loader"])
def test_the_swarm_gives_each_service_the_settings_that_compose_gives_it(service: str):
    compose, swarm = settings_of("base.yaml", service), settings_of("swarm.yaml", service)
    assert len(compose) > 5
    assert compose - swarm == set()


def test_every_service_of_the_swarm_is_hardened_and_found_by_name():
    text = (ROOT / "compose/swarm.yaml").read_text()
    services = re.findall(r"^  (\w+):$", text.split("\nservices:\n")[1].split("\nnetworks:\n")[0], re.MULTILINE)
    assert services == ["edge", "api", "replica", "primary", "loader"]
    assert text.count("endpoint_mode: dnsrr") == len(services)
    assert text.count("    <<: *hardening") + text.count("    <<: *postgis") == len(services)
    assert "privileged" not in text
