"""The facts under a picture, as tables: what the picture shortens is whole here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from netlab.model.observation import Container, Mount, Observation, endpoint
from netlab.model.wiring import cables, carriers, namespaces
from netlab.report.observation import shortened

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a title and a sentence that says what a row is."""

    title: str
    says: str
    heads: Row
    rows: tuple[Row, ...]


def tables(seen: Observation) -> tuple[Table, ...]:
    """All tables that have a row."""
    found = (Table(title, says, heads, tuple(rows(seen))) for title, says, heads, rows in TABLES)
    return tuple(one for one in found if one.rows)


def container_row(one: Container) -> Row:
    """A container."""
    addresses = [address for card in one.interfaces if card.kind != "loopback" for address in card.addresses]
    links = [f"{alias} → {name}" for attachment in one.attachments for alias, name in attachment.links]
    return (
        one.name,
        f"{one.image}{' (older than its tag)' if one.stale else ''}",
        ", ".join(filter(None, (one.state, one.health))),
        one.user or "root",
        str(one.namespace or ""),
        " ".join(addresses),
        shortened(one.network_mode),
        ", ".join((*links, *(f"{name} → {address}" for name, address in one.hosts))),
    )


def network_rows(seen: Observation) -> Iterator[Row]:
    """The networks; of those that have an interface its MTU."""
    sizes = {card.name: card.mtu for card in seen.host.interfaces}
    for one in seen.networks:
        size = sizes.get(one.bridge or "", one.mtu)
        yield (
            *(one.name, one.driver, one.bridge or "", " ".join(one.subnets), " ".join(one.gateways)),
            str(size or ""),
        )


def cable_rows(seen: Observation) -> Iterator[Row]:
    """The veth pairs."""
    for one in cables(seen):
        end = (
            f"{one.host_end.name} #{one.host_end.index}" if one.host_end else f"#{one.card.peer_index}, not on the host"
        )
        card = f"{one.card.name} #{one.card.index}"
        yield one.container.name, card, " ".join(one.card.addresses), end, one.network or ""


def port_rows(seen: Observation) -> Iterator[Row]:
    """The published ports. Where the firewall could not be read it is said to be not seen."""
    unseen = "not seen" if seen.host.nat_rules is None else "none"
    for one in seen.containers:
        for port in one.published:
            found = carriers(port, one, seen)
            rule = found.rule.text if found.rule else unseen
            proxy = f"process {found.proxy.pid}" if found.proxy else "none"
            start = endpoint(port.host_address or "0.0.0.0", port.host_port)  # noqa: S104
            yield start, one.name, f"{port.container_port}/{port.protocol}", rule, proxy


def socket_rows(seen: Observation) -> Iterator[Row]:
    """The sockets of each namespace."""
    for one in namespaces(seen):
        owner = "the host" if one.kind == "host" else one.containers[0].name
        yield from ((owner, listener.text, listener.process or "") for listener in one.listeners)


def mount_rows(seen: Observation) -> Iterator[Row]:
    """The mounts of each container, by their paths in it."""
    for one in seen.containers:
        yield from (mount_row(one, mount) for mount in sorted(one.mounts, key=lambda mount: mount.target))


def mount_row(one: Container, mount: Mount) -> Row:
    """A mount."""
    owner = f"{mount.rights.uid}:{mount.rights.gid}" if mount.rights else ""
    mode = mount.rights.mode if mount.rights else ""
    where = mount.source if mount.volume is None else f"{mount.volume} ({mount.source})"
    return one.name, mount.target, "rw" if mount.writable else "ro", mount.kind, where, owner, mode


TABLES: tuple[tuple[str, str, Row, Callable[[Observation], Iterable[Row]]], ...] = (
    (
        "Containers",
        "Those with the same namespace share one network.",
        ("container", "image", "state", "user", "network namespace", "addresses", "--network", "knows by name"),
        lambda seen: map(container_row, seen.containers),
    ),
    (
        "Networks",
        "What the engine calls a network, and the interface of the host that it is made of.",
        ("network", "driver", "interface", "subnet", "gateway", "MTU"),
        network_rows,
    ),
    (
        "Cables",
        "A veth pair each: its two ends name each other by number.",
        ("container", "its end", "address", "the other end", "network"),
        cable_rows,
    ),
    (
        "Published ports",
        "A rule of the firewall carries clients of other machines, docker-proxy those of this host.",
        ("on the host", "container", "its port", "NAT rule", "docker-proxy"),
        port_rows,
    ),
    (
        "Sockets that wait for clients",
        "Of the host's own namespace those of other programs too.",
        ("namespace of", "address", "process"),
        socket_rows,
    ),
    (
        "Storage",
        "A bind mount is a path of the host, a volume one that Docker keeps, tmpfs is memory.",
        ("container", "in the container", "rights", "kind", "on the host", "owner", "mode"),
        mount_rows,
    ),
    (
        "Not seen",
        "What could not be looked at, and how it would be.",
        ("what", "why", "remedy"),
        lambda seen: ((one.what, one.why, one.remedy) for one in seen.unseen),
    ),
)
