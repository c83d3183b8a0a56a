"""Which containers share a network, and which cable leads where: known by inodes and interface numbers."""

from __future__ import annotations

from dataclasses import dataclass

from netlab.model.observation import Container, Interface, Listener, NamespaceKind, Observation


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
    return tuple(namespace_of(tuple(holder_first(group)), seen) for group in groups.values())


def holder_first(group: list[Container]) -> list[Container]:
    """The container whose namespace the others joined, and then those."""
    return sorted(group, key=lambda container: container.network_mode.startswith("container:"))


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
