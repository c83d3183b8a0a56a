"""`isthmus net compare` on a real stack: it measures, agrees with another client, and brings back what ran before."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from netlab.observe.host import docker_proxies
from support.stack import ROOT, Stack, output, run, wait_for

POINTS = "measured_points"
LAB_SETTING = "ISTHMUS_TILES_MB"


def prepared(stack: Stack) -> None:
    """Bridge mode with a collection to measure, and a setting that must survive."""
    stack.more = {"ISTHMUS_MAX_LIMIT": "4321"}
    stack.up("bridge")
    if not stack.serves(POINTS, 3000):
        stack.drop_points(POINTS, 3000)
        wait_for(lambda: stack.serves(POINTS, 3000), 30, f"{POINTS} is served")


def environment_of(stack: Stack) -> dict[str, str]:
    """The environment of the API's container."""
    return dict(entry.split("=", 1) for entry in stack.inspect("api")["Config"]["Env"])


def runs_as_before(stack: Stack) -> None:
    """Bridge mode runs, alone, with its own settings, and answers."""
    listed = output(
        *("docker", "ps", "-a", "--filter", f"label=com.docker.compose.project={stack.project}"),
        *("--format", '{{.Label "isthmus.mode"}} {{.State}}'),
    )
    assert listed.splitlines() == ["bridge running"] * 3
    environment = environment_of(stack)
    assert environment["ISTHMUS_MAX_LIMIT"] == "4321"
    assert environment[LAB_SETTING] == ""
    assert not stack.inspect("postgis")["HostConfig"]["PortBindings"]
    stack.wait_ready()


def settings_of_today(stack: Stack) -> dict[str, str]:
    """Those of the command: without what the stack was started with, but a port for host mode's database."""
    return {**stack.environment, "ISTHMUS_MAX_LIMIT": "", "ISTHMUS_DB_HOST_PORT": str(stack.db_port)}


def compare(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, to its end."""
    return run(ROOT / "scripts/isthmus", "net", "compare", *arguments, env=settings_of_today(stack))


def log_of(stack: Stack) -> str:
    """What the scripts said."""
    return (stack.data / "var/log/compare.log").read_text()


def new_connections(stack: Stack, count: int) -> float:
    """Seconds of a request with a connection of its own, by another client: the quickest of five batches' means."""
    batches: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(count // 5):
            client = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=10)
            client.request("GET", f"/collections/{POINTS}/tiles/WebMercatorQuad/0/0/0")
            assert client.getresponse().read()
            client.close()
        batches.append((time.perf_counter() - began) / (count // 5))
    return min(batches)


def proxy_ticks(stack: Stack) -> int:
    """Ticks of CPU that the docker-proxy of the API's port took, by `stat`."""
    (pid,) = [words[0] for words in docker_proxies() if str(stack.port) in words]
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def proxy_us(stack: Stack, count: int) -> float:
    """Microseconds of docker-proxy's CPU for a request with a connection of its own."""
    before = proxy_ticks(stack)
    new_connections(stack, count)
    return (proxy_ticks(stack) - before) / os.sysconf("SC_CLK_TCK") / count * 1e6


def by_key(report: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """The results of a report by mode and workload."""
    return {(one["mode"], one["workload"]): one for one in report["results"]}


@pytest.mark.long
def test_it_measures_two_modes_and_agrees_with_another_client(home: Stack, tmp_path: Path) -> None:
    prepared(home)
    done = compare(
        home, "bridge", "host", "--quick", "--collection", POINTS, "--json", "--html", str(tmp_path / "r.html")
    )
    assert done.returncode == 0, done.stderr + log_of(home)
    runs_as_before(home)
    report = json.loads(done.stdout)
    found = by_key(report)
    assert len(found) == 10
    for key, one in found.items():
        assert one["requests"] > 10, key
        assert one["errors"] == {}, key
        assert one["wrong"] == 0, key
        assert 0 < one["p50_ms"] <= one["p99_ms"], key
    assert (report["ways"]["bridge"]["client"], report["ways"]["host"]["client"]) == ("docker-proxy", "loopback")
    assert found["host", "connect"]["proxy_cpu_us_per_request"] == 0

    steps = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert {"plan", "starting", "measuring", "restoring"} == {step["event"] for step in steps}
    assert "<svg" in (tmp_path / "r.html").read_text()
    kept = json.loads((home.data / "var/network/compare.json").read_text())
    assert kept["taken_at"] == report["taken_at"]

    in_bridge, proxy = new_connections(home, 1000), proxy_us(home, 2000)
    home.up("host")
    in_host = new_connections(home, 1000)
    assert in_host < in_bridge
    assert found["host", "connect"]["cpu_us_per_request"] < found["bridge", "connect"]["cpu_us_per_request"]
    assert proxy / 4 < found["bridge", "connect"]["proxy_cpu_us_per_request"] < proxy * 4


def interrupted(stack: Stack, *arguments: str, when: Callable[[dict[str, Any]], bool]) -> tuple[int, str]:
    """(exit code, standard error) of a comparison whose process group gets Ctrl-C's signal, twice, at that step."""
    words = [str(ROOT / "scripts/isthmus"), "net", "compare", *arguments]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(words, env=settings_of_today(stack), start_new_session=True, **pipes)
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("{") and when(json.loads(line)):
            break
    os.killpg(process.pid, signal.SIGINT)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    printed, rest = process.communicate(timeout=200)
    assert printed == ""
    return process.returncode, "".join([*said, rest])


def clients() -> list[str]:
    """Measuring clients that run."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if b"netlab.benchmark.load.client" in (process / "cmdline").read_bytes().split(b"\0"):
                found.append(process.name)
    return found


def test_ctrl_c_brings_back_what_ran_before(home: Stack) -> None:
    prepared(home)
    before = clients()
    code, said = interrupted(
        home,
        "host",
        "none",
        "--seconds",
        "3",
        when=lambda step: step["event"] == "measuring" and step["mode"] == "host",
    )
    assert code == 130, said + log_of(home)
    assert "interrupted: nothing half done is left" in said
    assert "Traceback" not in said
    runs_as_before(home)
    assert set(clients()) <= set(before)


def test_ctrl_c_while_nothing_ran_leaves_neither_containers_nor_volumes(idle: Stack, engine: None) -> None:
    idle.drop_points(POINTS, 500)
    code, said = interrupted(idle, "bridge", "host", when=lambda step: step["event"] == "starting")
    assert code == 130, said
    digest = hashlib.sha256(str(idle.data).encode()).hexdigest()[:8]
    of_project = f"label=com.docker.compose.project=isthmus-{digest}"
    assert f"isthmus-{digest}" in said
    for kind in (("ps", "-aq"), ("volume", "ls", "-q"), ("network", "ls", "-q")):
        assert output("docker", *kind, "--filter", of_project) == ""


def test_one_mode_a_missing_folder_and_an_unknown_collection_are_refused(home: Stack) -> None:
    prepared(home)
    alone = compare(home, "bridge")
    assert alone.returncode == 2
    assert "nothing to be compared with" in alone.stderr
    nowhere = compare(home, "bridge", "host", "--html", "/no/such/folder/r.html")
    assert nowhere.returncode == 1
    assert "/no/such/folder/r.html cannot be written" in nowhere.stderr
    assert '"starting"' not in nowhere.stderr, "told before minutes go by"
    unknown = compare(home, "bridge", "host", "--quick", "--collection", "measured_point")
    assert unknown.returncode != 0
    assert POINTS in unknown.stderr
    assert '"starting"' not in unknown.stderr, "told before anything is switched"
    runs_as_before(home)
