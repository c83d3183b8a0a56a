"""Who shares a network, which cable leads where, what carries a published port: by inodes, numbers and rules."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from netlab.model.observation import Container, Interface, Listener, NatRule, Observation, Proxy, Publication

NamespaceKind = Literal["host", "own", "shared", "isolated"]
ANY = ("", "0.0.0.0", "::")  # noqa: S104


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace and who is in it. The host's own has the interfaces and listeners of the host."""

    kind: NamespaceKind
    inode: int | None
    containers: tuple[Container, ...]
    interfaces: tuple[Interface, ...]
    listeners: tuple[Listener, ...]


@dataclass(frozen=True, slots=True)
class Cable:
    """A veth pair: a card in a container, and its other end on the host (None: not seen, or in an overlay)."""

    container: Container
    card: Interface
    host_end: Interface | None
    network: str | None = None
    """The network of the engine that it leads into."""


def namespaces(seen: Observation) -> tuple[Namespace, ...]:
    """The namespaces of the running containers, in order of their first container's name."""
    groups: dict[str, list[Container]] = {}
    for container in seen.containers:
        if container.running:
            groups.setdefault(namespace_key(container, seen), []).append(container)
    for group in groups.values():
        group.sort(key=lambda one: one.network_mode.startswith("container:"))  # who holds it, before who joined it
    return tuple(namespace_of(tuple(group), seen) for group in groups.values())


def namespace_key(container: Container, seen: Observation) -> str:
    """What is equal for containers of one namespace: the inode or, where it could not be read, the engine's word."""
    if container.namespace is not None:
        return str(container.namespace)
    if container.network_mode == "host":
        return str(seen.host.namespace)
    return container.network_mode.removeprefix("container:") if ":" in container.network_mode else container.id


def namespace_of(members: tuple[Container, ...], seen: Observation) -> Namespace:
    """The namespace that these containers are in."""
    first = members[0]
    if is_hosts(first, seen):
        return Namespace("host", seen.host.namespace, members, seen.host.interfaces, seen.host.listeners)
    if all(card.kind == "loopback" for card in first.interfaces) and (first.interfaces or first.network_mode == "none"):
        kind: NamespaceKind = "isolated"
    else:
        kind = "shared" if len(members) > 1 else "own"
    return Namespace(kind, first.namespace, members, first.interfaces, first.listeners)


def is_hosts(container: Container, seen: Observation) -> bool:
    """Whether the container uses the host's network."""
    if container.namespace is None:
        return container.network_mode == "host"
    return container.namespace == seen.host.namespace or (seen.engine.hidden and container.network_mode == "host")


def cables(seen: Observation) -> tuple[Cable, ...]:
    """The veth pairs of the stack, each once, though the containers of a shared namespace all see it."""
    return tuple(
        Cable(namespace.containers[0], card, end := host_end(card, seen), network_of(card, end, seen))
        for namespace in namespaces(seen)
        if namespace.kind != "host"
        for card in namespace.interfaces
        if card.kind == "veth"
    )


def host_end(card: Interface, seen: Observation) -> Interface | None:
    """The host's interface that names this card as its other end, as this card names it."""
    if seen.engine.hidden:
        return None
    ends = [one for one in seen.host.interfaces if (one.index, one.peer_index) == (card.peer_index, card.index)]
    return ends[0] if ends else None


def network_of(card: Interface, end: Interface | None, seen: Observation) -> str | None:
    """The network that a card is plugged into: by the engine's JSON or, where that is silent, by the bridge."""
    named = [one.network for container in seen.containers for one in container.attachments if one.mac == card.mac]
    bridged = [one.name for one in seen.networks if end is not None and end.bridge == one.bridge]
    return next(iter((*named, *bridged)), None)


@dataclass(frozen=True, slots=True)
class Carriers:
    """The firewall rule carries other machines' clients, docker-proxy this host's. None: not there, or not seen."""

    rule: NatRule | None
    proxy: Proxy | None


def carriers(port: Publication, container: Container, seen: Observation) -> Carriers:
    """Who carries a published port of this container.

    A rule for every address has no destination, and the proxy of `::` shares the rule of IPv4's.
    """
    addresses = {card.partition("/")[0] for one in container.interfaces for card in one.addresses}
    rules = [
        rule
        for rule in seen.host.nat_rules or ()
        if rule.host_port == port.host_port
        and rule.container_port == port.container_port
        and same_address(rule.host_address, port.host_address)
        and (not addresses or rule.container_address in addresses)
    ]
    proxies = [
        proxy
        for proxy in seen.host.proxies
        if (proxy.host_port, proxy.host_address) == (port.host_port, port.host_address)
    ]
    return Carriers(rules[0] if rules else None, proxies[0] if proxies else None)


def same_address(one: str, other: str) -> bool:
    """Whether two host addresses of a port are the same, or both mean every address."""
    return one == other or (one in ANY and other in ANY)


def is_loopback(address: str) -> bool:
    """Whether only this host's own clients reach an address."""
    return address not in ANY and ip_address(address).is_loopback


def is_of_stack(listener: Listener, seen: Observation) -> bool:
    """Whether a socket of the host is one that the stack's containers in the host's namespace listen on."""
    return any(listens_there(listener, one) for one in seen.containers if one.running and is_hosts(one, seen))


def listens_there(listener: Listener, container: Container) -> bool:
    """Whether that address and port are the container's setting."""
    if listener.port is None:
        return False
    if container.setting("LISTEN"):
        address, _, port = container.setting("LISTEN").rpartition(":")
        return port == str(listener.port) and same_address(address.strip("[]"), listener.address)
    port = container.setting("PGPORT") if container.setting("PG_LISTEN") else ""
    return port == str(listener.port)
