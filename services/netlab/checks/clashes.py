"""Ports that somebody else has: another container, or a program of the host."""

from __future__ import annotations

from collections.abc import Iterator

from netlab.model.finding import Promise
from netlab.model.observation import Listener, Observation, Publication
from netlab.model.ports import ANY
from netlab.model.probe_results import Tried
from netlab.model.roles import API_PORT, of_role


def clashes(seen: Observation, tried: Tried) -> Iterator[Promise]:
    """Somebody else has the port that a container wants."""
    for name, port in tried.wanted:
        holder = holder_of(port, seen, tried)
        if holder:
            yield clash(name, port, holder)
    for container in of_role("api", seen):
        listen = container.setting("LISTEN")
        wanted = listen.rpartition(":")[2]
        if seen.mode == "host" and wanted.isdigit() and (not container.running or container.health == "unhealthy"):
            port = Publication(listen.rpartition(":")[0], int(wanted), int(wanted))
            holder = holder_of(port, seen, tried)
            if holder:
                yield clash(container.name, port, holder)


def whose_localhost(seen: Observation, _tried: Tried) -> Iterator[Promise]:
    """`localhost` is ::1 to many clients first, and another program may listen there at the API's port."""
    ours = [port for one in seen.containers for port in one.published if port.container_port == API_PORT]
    for port in ours:
        if port.host_address != "127.0.0.1":
            continue
        taken = [one for one in seen.host.listeners if one.port == port.host_port and one.address in ("::1", "::")]
        yield Promise(
            code="localhost-ours",
            subject="this host",
            promise=f"localhost:{port.host_port} leads to the API in IPv6 too, or nowhere",
            expected="no other program at [::1]",
            seen=", ".join(map(process_text, taken)) or "nobody",
            because="many clients try ::1 first when they are given the name localhost",
        ).held(
            when=not taken, otherwise="warning", fix=f"use http://127.0.0.1:{port.host_port}, or another ISTHMUS_PORT"
        )


def clash(name: str, port: Publication, holder: str) -> Promise:
    """The port is taken."""
    other = port.host_port + 1 if port.host_port < 65535 else port.host_port - 1
    return Promise(
        code="port-free",
        subject=name,
        promise=f"port {port.host_port} is free for it",
        expected="nobody else listens there",
        seen=holder,
        because="two programs cannot have one port: the container cannot start",
    ).held(when=False, fix=f"stop {holder}, or ISTHMUS_PORT={other} ./scripts/up")


def holder_of(port: Publication, seen: Observation, tried: Tried) -> str:
    """Who has a port of the host: another container, or a process; empty when nobody."""
    for one in tried.neighbours:
        if any(theirs.host_port == port.host_port for theirs in one.published):
            return f"container {one.name}"
    return next((process_text(one) for one in seen.host.listeners if meets(one, port)), "")


def process_text(listener: Listener) -> str:
    """A listener by its process, where that may be seen."""
    return f"{listener.process} at {listener.text}" if listener.process else f"a process at {listener.text}"


def meets(listener: Listener, port: Publication) -> bool:
    """Whether a socket is in the way of a port."""
    if listener.port != port.host_port:
        return False
    return listener.address in ANY or port.host_address in ANY or listener.address == port.host_address
