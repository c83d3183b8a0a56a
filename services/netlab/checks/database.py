"""The database is for the stack alone: no address outside loopback leads to it, by sockets, ports, rules, by trying."""

from __future__ import annotations

from collections.abc import Iterator

from netlab.checks.findings import Finding
from netlab.checks.ports import text_of
from netlab.model.observation import Container, Observation, Publication
from netlab.model.probe_results import ConnectionProbe, ProbeResults
from netlab.model.roles import db_port, of_role, start_command
from netlab.model.wiring import is_loopback

SOCKETS = {
    "bridge": ("PostgreSQL listens in the private network", "any address of its own namespace"),
    "swarm": ("PostgreSQL listens in the overlay network", "any address of its own namespace"),
    "container": ("PostgreSQL listens on the shared loopback only", "127.0.0.1"),
    "host": ("PostgreSQL listens on the host's loopback only", "127.0.0.1"),
    "none": ("PostgreSQL listens on no TCP port", "a unix socket only"),
}
"""What is promised of PostgreSQL's own socket in each mode, and what is expected."""


def private(seen: Observation, tried: ProbeResults) -> Iterator[Finding]:
    """A promise for each PostgreSQL, and one for each door that was knocked at."""
    for container in of_role("postgis", seen):
        yield sockets(container, seen)
        if seen.mode in ("bridge", "container", "swarm"):
            yield no_way_in(container, seen)
    yield from knocked(seen, tried.knocks)


def sockets(container: Container, seen: Observation) -> Finding:
    """Where PostgreSQL itself listens: by loopback, by its file, or in bridge mode in the private network."""
    listeners = seen.host.listeners if container.namespace == seen.host.namespace else container.listeners
    found = [one for one in listeners if one.port == db_port(container)]
    wrong = [one for one in found if seen.mode == "none" or not is_loopback(one.address)]
    words, expected = SOCKETS[seen.mode]
    promise = Finding(
        code="database-socket",
        subject=container.name,
        promise=words,
        expected=expected,
        seen=", ".join(one.text for one in found) or "no TCP socket",
        because=f"/proc/net/tcp and tcp6 of {'the host' if seen.mode == 'host' else 'its namespace'} list such sockets",
    )
    if not container.running:
        return promise.unseen(f"the container is {container.state}", f"docker start {container.name}")
    if seen.mode in ("bridge", "swarm"):
        return promise
    return promise.held(when=not wrong, fix=listen_fix(seen.mode))


def listen_fix(mode: str) -> str:
    """The line of the mode's file that says where PostgreSQL listens."""
    value = '""' if mode == "none" else "127.0.0.1"
    return f"compose/{mode}.yaml: ISTHMUS_PG_LISTEN: {value}, then {start_command(mode)}"


def no_way_in(container: Container, seen: Observation) -> Finding:
    """No port of the host, published or made by a rule of somebody's, leads to PostgreSQL from outside loopback."""
    ways = [f"port {text_of(one)}" for one in open_ports(container, seen)]
    addresses = {one.ip for one in container.attachments}
    rules = [
        one
        for one in seen.host.nat_rules or ()
        if one.container_address in addresses and one.container_port == db_port(container)
    ]
    ways += [f"the rule {one.text}" for one in rules if not one.host_address or not is_loopback(one.host_address)]
    return Finding(
        code="database-published",
        subject=container.name,
        promise="no port of the host leads other machines to PostgreSQL",
        expected="none, or one on loopback",
        seen="; ".join(ways) or ", ".join(map(text_of, container.published)) or "none",
        because="published ports pass the host's own firewall, and PostgreSQL's password would be all that is left"
        if ways
        else "the engine's list of published ports and the NAT rules were read",
    ).held(when=not ways, fix=published_fix(seen.mode))


def published_fix(mode: str) -> str:
    """Where the port of the database is published."""
    line = "compose/bridge-db-port.yaml: host_ip: 127.0.0.1" if mode == "bridge" else "take the port's mapping out"
    return f"{line}, then {start_command(mode)}; or delete the rule that leads there"


def open_ports(container: Container, seen: Observation) -> list[Publication]:
    """Ports outside loopback that lead to PostgreSQL, also those that the holder of its namespace publishes."""
    there = [one for one in seen.containers if one.namespace == container.namespace or one == container]
    return [
        port
        for one in there
        for port in one.published
        if port.container_port == db_port(container) and not is_loopback(port.host_address)
    ]


def knocked(seen: Observation, knocks: tuple[ConnectionProbe, ...]) -> Iterator[Finding]:
    """What happened when this host connected to its own outer addresses at the database's ports."""
    if not knocks:
        return
    opened = [one for one in knocks if one.open]
    where = ", ".join(one.target for one in (opened or knocks))
    yield Finding(
        code="database-refuses",
        subject=seen.project,
        promise="a connection to the database from outside loopback is refused",
        expected="refused at every address of this host",
        seen=f"connected to {where}" if opened else f"{', '.join(sorted({one.text for one in knocks}))} at {where}",
        because="it was tried just now",
    ).held(when=not opened, fix=listen_fix(seen.mode) if seen.mode != "bridge" else start_command(seen.mode))
