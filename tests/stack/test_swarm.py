"""The stack on a swarm of one node: served by replicas, killed and updated under requests, gone without a trace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support.stack import Stack, new_stack, output, run, wait_for

SERVICES = ("edge", "api", "replica", "primary", "loader")
WHO_READS = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'isthmus_reader' AND backend_type = 'client backend'"


def swarm(stack: Stack, *arguments: str) -> str:
    """What scripts/swarm printed. Raises: AssertionError when it failed"""
    done = stack.script("swarm", *arguments)
    assert done.returncode == 0, f"swarm {arguments} exited {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def tasks(stack: Stack, service: str) -> list[str]:
    """The running containers of a service."""
    name = f"{stack.project}-swarm_{service}"
    return output("docker", "ps", "-q", "--filter", f"label=com.docker.swarm.service.name={name}").split()


def inspect(container: str) -> Any:
    """docker inspect."""
    return json.loads(output("docker", "inspect", container))[0]


def ask(container: str, statement: str) -> str:
    """A statement of the reader's, in a database's container."""
    code = 'PGPASSWORD=$(cat /run/secrets/reader_password) exec psql -XAtqc "$1" -h 127.0.0.1 isthmus isthmus_reader'
    return output("docker", "exec", container, "bash", "-c", code, "sql", statement)


def reads(stack: Stack) -> list[int]:
    """Connections of readers: of the primary, this question's own left out, and of the replicas."""
    counts = [int(ask(one, WHO_READS)) - 1 for one in (*tasks(stack, "primary"), *tasks(stack, "replica"))]
    return [counts[0], sum(counts[1:])]


def swarm_state() -> str:
    """Whether the engine is in a swarm."""
    return output("docker", "info", "-f", "{{.Swarm.LocalNodeState}}")


@pytest.fixture(scope="module")
def served(engine: None) -> Iterator[Stack]:
    """The stack on a swarm that `up` made. Another swarm would not be ours to test with."""
    assert swarm_state() == "inactive", "this engine is in a swarm already"
    with new_stack() as stack:
        stack.mode = "swarm"
        stack.drop_points("first", 40)
        try:
            told = swarm(stack, "up")
            assert f"http://127.0.0.1:{stack.port}/" in told
            assert "./scripts/swarm down" in told
            yield stack
        finally:
            swarm(stack, "down", "--volumes")


def test_an_engine_that_opens_ports_to_all_is_refused(engine: None) -> None:
    """A bridge of somebody else's binds the ports of tasks to every address."""
    assert swarm_state() == "inactive", "this engine is in a swarm already"
    output("docker", "network", "create", "docker_gwbridge")
    try:
        with new_stack() as stack:
            done = stack.script("swarm", "up")
            assert done.returncode == 1
            assert "ISTHMUS_BIND=0.0.0.0 ./scripts/swarm up" in done.stderr
    finally:
        output("docker", "network", "rm", "docker_gwbridge")
    assert swarm_state() == "inactive"


def test_the_stack_serves_at_loopback_alone(served: Stack) -> None:
    assert served.matched("first") == 40
    [edge] = tasks(served, "edge")
    bound = inspect(edge)["NetworkSettings"]["Ports"]["8080/tcp"]
    assert {one["HostIp"] for one in bound} == {"127.0.0.1"}
    published = [inspect(one)["HostConfig"]["PortBindings"] for name in SERVICES[1:] for one in tasks(served, name)]
    assert not any(published)


def test_there_are_as_many_tasks_as_promised_and_all_are_hardened(served: Stack) -> None:
    assert [len(tasks(served, name)) for name in SERVICES] == [1, 2, 2, 1, 1]
    for name in SERVICES:
        found = inspect(tasks(served, name)[0])
        assert found["HostConfig"]["ReadonlyRootfs"]
        assert found["HostConfig"]["CapDrop"] == ["ALL"]
        assert found["Config"]["User"] not in ("", "0")
        assert found["Config"]["Labels"]["com.docker.compose.project"] == "", "no container of Compose's"
        assert found["HostConfig"]["Memory"] > 0


def test_the_edge_cannot_reach_the_database(served: Stack) -> None:
    [edge], [api] = tasks(served, "edge"), tasks(served, "api")[:1]
    assert run("docker", "exec", edge, "getent", "hosts", "primary").returncode != 0
    assert run("docker", "exec", api, "getent", "hosts", "primary").returncode == 0


def test_new_files_are_served_by_every_task(served: Stack) -> None:
    served.drop_points("second", 25)
    wait_for(lambda: served.serves("second", 25), 20, "the new file is served")


def test_low_zooms_are_asked_of_every_task_whose_node_keeps_tiles_of_its_own(served: Stack) -> None:
    count = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/metrics').read().decode())"

    def asked(task: str) -> bool:
        lines = output("docker", "exec", task, "python3", "-I", "-c", count).splitlines()
        return any(line.startswith('isthmus_tile_bytes_total{zoom="3"}') for line in lines)

    wait_for(lambda: all(asked(task) for task in tasks(served, "api")), 60, "both tasks were asked for tiles")


def test_the_command_line_runs_in_the_loaders_task(served: Stack) -> None:
    assert "first" in served.script("isthmus", "list").stdout


def test_nothing_fails_while_parts_are_killed_and_updated(served: Stack) -> None:
    done = served.script("swarm", "test", "--json", "--seconds", "4")
    steps = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert {step["title"] for step in steps if step["good"]} == {
        "nothing happens",
        "an API is killed",
        "a replica of the database is killed",
        "the primary of the database is killed",
        "an update of the API is rolled out",
        "an update that cannot start rolls back",
    }
    assert all(step["counts"]["requests"] > 50 and step["counts"]["failed"] == 0 for step in steps)
    assert "failed: well" in done.stderr


def test_what_changed_is_rolled_out_by_another_up(served: Stack) -> None:
    before = {name: tasks(served, name) for name in SERVICES}
    served.more = {"ISTHMUS_TITLE": "Two by two"}
    swarm(served, "up")
    assert served.get("/?f=json").json()["title"] == "Two by two"
    after = {name: tasks(served, name) for name in SERVICES}
    assert not set(before["api"]) & set(after["api"])
    kept = {name for name in SERVICES if sorted(before[name]) == sorted(after[name])}
    assert kept == {*SERVICES} - {"api"}, output("docker", "stack", "ps", "--no-trunc", f"{served.project}-swarm")


def test_readers_are_at_the_replicas_and_nobody_else_is_at_the_primary(served: Stack) -> None:
    """APIs that started before the replicas did move there within a minute."""
    assert {ask(replica, "SELECT pg_is_in_recovery()") for replica in tasks(served, "replica")} == {"t"}
    wait_for(lambda: reads(served)[0] == 0, 90, "no reader at the primary")
    assert reads(served)[1] > 1


def test_a_mode_of_compose_does_not_run_beside_it(served: Stack) -> None:
    """`down` says what still runs; it stops what `up` started, and no more."""
    assert "./scripts/swarm down" in served.script("down").stdout
    assert served.status("/health/ready") == 200


@contextmanager
def names_of_others(network: str) -> Iterator[None]:
    """A container that others know by its name, on a network of its own."""
    output("docker", "network", "create", network)
    started = output(
        "docker", "run", "-d", "--network", network, "--entrypoint", "sleep", "isthmus-postgis:local", "60"
    )
    try:
        yield
    finally:
        output("docker", "rm", "-f", started)
        output("docker", "network", "rm", network)


def test_down_leaves_the_swarm_and_nothing_behind(served: Stack) -> None:
    label = f"label=com.docker.stack.namespace={served.project}-swarm"
    with names_of_others(f"{served.project}-others"):
        assert "the swarm stays" in served.script("swarm", "down").stderr
        assert swarm_state() == "active", "leaving would make the engine forget names (moby/moby#45144)"
    done = served.script("swarm", "down", "--volumes")
    assert (done.returncode, swarm_state()) == (0, "inactive"), done.stdout + done.stderr
    assert run("docker", "network", "inspect", "docker_gwbridge").returncode != 0
    assert output("docker", "ps", "-aq", "--filter", label) == ""
    assert output("docker", "volume", "ls", "-q", "--filter", label) == ""
    assert output("docker", "network", "ls", "-q", "--filter", label) == ""
    assert (served.data / "first.geojson").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [([], "usage:"), (["upp"], "up, down or test"), (["up", "--volumes"], "unknown argument --volumes of up")]
    + [(["test", "--seconds", "x"], "takes a number")],
)
def test_wrong_usage_is_told(arguments: list[str], told: str) -> None:
    with new_stack() as stack:
        done = stack.script("swarm", *arguments)
    assert done.returncode == 2
    assert told in done.stderr
