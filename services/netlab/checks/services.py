"""Every part of the mode is there, runs and is healthy, and no other."""

from __future__ import annotations

from collections.abc import Iterator

from netlab.checks.findings import Finding
from netlab.model.observation import Container, Observation
from netlab.model.probe_results import ProbeResults
from netlab.model.roles import services_of, start_command

GOOD = (None, "healthy")


def running(seen: Observation, tried: ProbeResults) -> Iterator[Finding]:
    """A promise for each container, for each part that is missing, and for each container that is no part."""
    expected = services_of(seen.mode)
    there = {one.service for one in seen.containers}
    for service in expected:
        if service not in there:
            yield absent(service, seen)
    for container in seen.containers:
        if expected and container.service not in expected:
            yield stray(container, seen)
        yield health(container, tried.words.get(container.name, ""))
    if seen.mode == "swarm":
        yield elsewhere(seen)


def absent(service: str, seen: Observation) -> Finding:
    """A part of the mode that has no container."""
    return Finding(
        code="part-runs",
        subject=service,
        promise=f"mode {seen.mode} has a container {service}",
        expected="a container",
        seen="none",
        because=f"no container of project {seen.project} has the label of that service",
    ).held(when=False, fix=start_command(seen.mode))


def stray(container: Container, seen: Observation) -> Finding:
    """A container of the project that the mode does not have."""
    return Finding(
        code="part-known",
        subject=container.name,
        promise="only the mode's own parts run in the project",
        expected=", ".join(services_of(seen.mode)),
        seen=container.service or "a container without a service",
        because="it is of another mode, or was added by hand; on this project's network it reaches the database",
    ).held(when=False, fix=f"docker rm -f {container.name}")


def health(container: Container, words: str) -> Finding:
    """The container runs, and its own health check is content."""
    state = f"{container.state}, {container.health}" if container.health and container.running else container.state
    promise = Finding(
        code="part-runs",
        subject=container.name,
        promise="runs and is healthy",
        expected="running, healthy" if container.health else "running",
        seen=state,
        because=reason(container, words),
    )
    if container.running and container.health == "starting":
        return promise.held(when=False, otherwise="warning", fix=f"wait; then docker logs --tail 30 {container.name}")
    return promise.held(when=container.running and container.health in GOOD, fix=cure(container))


def reason(container: Container, words: str) -> str:
    """How its state is known, or what it means."""
    if container.state == "paused":
        return "a paused container keeps its connections and answers nobody"
    if words:
        return f"{'its last health check' if container.running else 'the engine'} said: {words}"
    return "its health check asks the real question" if container.running else "it has ended, or was never started"


def cure(container: Container) -> str:
    """What brings a container back."""
    if container.state == "paused":
        return f"docker unpause {container.name}"
    if container.state in ("exited", "created"):
        return f"docker start {container.name}; docker logs --tail 30 {container.name}"
    return f"docker logs --tail 30 {container.name}; docker restart {container.name}"


def elsewhere(seen: Observation) -> Finding:
    """The tasks of other nodes, which an engine does not list."""
    return Finding(
        code="tasks-here",
        subject=seen.project,
        promise="every task of the stack is looked at",
        expected="the tasks of all nodes",
        seen="",
        because="",
    ).unseen(
        "tasks of other nodes are not shown by this node's engine",
        "run the check on each node; docker stack ps " + seen.project,
    )
