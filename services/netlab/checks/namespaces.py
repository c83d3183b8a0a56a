"""Who shares a network with whom: the inode of the network namespace decides, never the engine's word alone."""

from __future__ import annotations

from collections.abc import Iterator

from netlab.model.finding import Promise
from netlab.model.namespaces import is_hosts
from netlab.model.observation import Container, Observation
from netlab.model.probe_results import Tried
from netlab.model.roles import start_command

LOOK_INSIDE = "the container's image needs sh and cat; docker exec must be allowed"


def isolation(seen: Observation, tried: Tried) -> Iterator[Promise]:
    """The promises of the mode about namespaces."""
    alive = [one for one in seen.containers if one.running]
    if seen.mode == "none":
        for container in alive:
            yield only_loopback(container, seen)
        yield from no_network_joins(tried)
    elif seen.mode == "host":
        for container in alive:
            yield hosts_own(container, seen)
    elif seen.mode == "container":
        yield from one_for_all(alive, seen)
    else:
        for container in alive:
            yield one_of_its_own(container, alive, seen)


def only_loopback(container: Container, seen: Observation) -> Promise:
    """Mode none: a namespace with no card but lo."""
    cards = ["the host's own cards"] if is_hosts(container, seen) else [one.name for one in container.interfaces]
    promise = Promise(
        code="only-loopback",
        subject=container.name,
        promise="has no network card but loopback",
        expected="lo",
        seen=", ".join(cards),
        because="these are the cards in its network namespace; only files lead in and out",
    )
    if not cards:
        return promise.unseen("its namespace could not be read", LOOK_INSIDE)
    return promise.held(when=cards == ["lo"], fix=recreate(container, seen))


def no_network_joins(tried: Tried) -> Iterator[Promise]:
    """Mode none: the engine plugs such a container into nothing."""
    for one in tried.joinings:
        yield Promise(
            code="joining-refused",
            subject=one.container,
            promise="docker network connect is refused",
            expected="refused",
            seen="refused" if one.refused else one.text,
            because=f"it was tried: {one.text}",
        ).held(when=one.refused, fix=f"docker network disconnect bridge {one.container}")


def hosts_own(container: Container, seen: Observation) -> Promise:
    """Mode host: the host's own namespace, so no veth pair and no address of its own."""
    promise = Promise(
        code="hosts-namespace",
        subject=container.name,
        promise="uses the host's own network, with no veth pair",
        expected=f"namespace {seen.host.namespace}",
        seen=f"namespace {container.namespace}, --network {container.network_mode[:24]}",
        because="the inode of its network namespace is compared with the host's",
    )
    if seen.engine.hidden:
        return promise.held(when=container.network_mode == "host", fix=recreate(container, seen))
    if container.namespace is None or seen.host.namespace is None:
        return promise.unseen("its namespace could not be read", LOOK_INSIDE)
    return promise.held(when=container.namespace == seen.host.namespace, fix=recreate(container, seen))


def one_for_all(alive: list[Container], seen: Observation) -> Iterator[Promise]:
    """Mode container: everybody is in the holder's namespace, and that one has a card."""
    holder = next((one for one in alive if one.service == "net"), None)
    for container in alive:
        if container != holder:
            yield joins(container, holder, seen)
        yield has_a_card(container, seen)


def joins(container: Container, holder: Container | None, seen: Observation) -> Promise:
    """A joiner is in the namespace that the holder has now, not in one that died with the holder's last restart."""
    promise = Promise(
        code="one-namespace",
        subject=container.name,
        promise="is in the network namespace that net holds",
        expected=f"namespace {holder.namespace}" if holder else "the namespace of a running net",
        seen=f"namespace {container.namespace}",
        because="a restart of the holder makes a new namespace and leaves the joiners in the old one",
    )
    if container.namespace is None or (holder is not None and holder.namespace is None):
        return promise.unseen("a namespace could not be read", LOOK_INSIDE)
    same = holder is not None and container.namespace == holder.namespace
    return promise.held(when=same, fix=start_command(seen.mode) if holder else "docker start the container net")


def has_a_card(container: Container, seen: Observation) -> Promise:
    """eth0 is really there: without it nobody outside the namespace is reached."""
    cards = [card.name for card in container.interfaces]
    promise = Promise(
        code="has-card",
        subject=container.name,
        promise="has the namespace's network card",
        expected="eth0, up",
        seen=", ".join(f"{one.name}{'' if one.up else ' (down)'}" for one in container.interfaces) or "no card",
        because="these are the cards in its network namespace",
    )
    if not cards and not is_hosts(container, seen):
        return promise.unseen("its namespace could not be read", LOOK_INSIDE)
    good = any(one.kind != "loopback" and one.up for one in container.interfaces)
    return promise.held(when=good, fix=start_command(seen.mode))


def one_of_its_own(container: Container, alive: list[Container], seen: Observation) -> Promise:
    """Mode bridge: nobody else is in the container's namespace."""
    with_it = [one.name for one in alive if one.namespace == container.namespace and one != container]
    if is_hosts(container, seen):
        with_it = ["the host"]
    promise = Promise(
        code="own-namespace",
        subject=container.name,
        promise="has a network namespace of its own",
        expected="shared with nobody",
        seen=f"shared with {', '.join(with_it)}" if with_it else f"namespace {container.namespace}, shared with nobody",
        because="inodes of network namespaces are compared; a shared one shares ports and loopback too",
    )
    if container.namespace is None and not with_it:
        return promise.unseen("its namespace could not be read", LOOK_INSIDE)
    return promise.held(when=not with_it, fix=recreate(container, seen))


def recreate(container: Container, seen: Observation) -> str:
    """The network of a container is chosen when it is made."""
    return f"docker rm -f {container.name}; {start_command(seen.mode)}"
