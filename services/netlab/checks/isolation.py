"""Who shares namespaces and folders with whom, in the stack and beside it, and which ports of others stand open.

The inode of the network namespace decides, never the engine's word alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from netlab.checks.findings import Finding
from netlab.checks.ports import BYPASS, text_of
from netlab.model.observation import Container, Observation, Publication
from netlab.model.probe_results import Neighbour, ProbeResults
from netlab.model.roles import mount_at, of_role, recreate_command, start_command
from netlab.model.wiring import is_hosts, is_loopback

LOOK_INSIDE = "the container's image needs sh and cat; docker exec must be allowed"


def namespaces(seen: Observation, tried: ProbeResults) -> Iterator[Finding]:
    """The promises of the mode about namespaces."""
    alive = [one for one in seen.containers if one.running]
    if seen.mode == "none":
        yield from (only_loopback(one, seen) for one in alive)
        yield from no_network_joins(tried)
    elif seen.mode == "host":
        yield from (hosts_own(one, seen) for one in alive)
    elif seen.mode == "container":
        yield from one_for_all(alive, seen)
    else:
        yield from (one_of_its_own(one, alive, seen) for one in alive)


def only_loopback(container: Container, seen: Observation) -> Finding:
    """Mode none: a namespace with no card but lo."""
    cards = ["the host's own cards"] if is_hosts(container, seen) else [one.name for one in container.interfaces]
    promise = Finding(
        code="only-loopback",
        subject=container.name,
        promise="has no network card but loopback",
        expected="lo",
        seen=", ".join(cards),
        because="these are the cards in its network namespace; only files lead in and out",
    )
    if not cards:
        return promise.unseen("its namespace could not be read", LOOK_INSIDE)
    return promise.held(when=cards == ["lo"], fix=recreate_command(container, seen.mode))


def no_network_joins(tried: ProbeResults) -> Iterator[Finding]:
    """Mode none: the engine plugs such a container into nothing."""
    for one in tried.joinings:
        yield Finding(
            code="joining-refused",
            subject=one.container,
            promise="docker network connect is refused",
            expected="refused",
            seen="refused" if one.refused else one.text,
            because=f"it was tried: {one.text}",
        ).held(when=one.refused, fix=f"docker network disconnect bridge {one.container}")


def hosts_own(container: Container, seen: Observation) -> Finding:
    """Mode host: the host's own namespace, so no veth pair and no address of its own."""
    promise = Finding(
        code="hosts-namespace",
        subject=container.name,
        promise="uses the host's own network, with no veth pair",
        expected=f"namespace {seen.host.namespace}",
        seen=f"namespace {container.namespace}, --network {container.network_mode[:24]}",
        because="the inode of its network namespace is compared with the host's",
    )
    if seen.engine.hidden:
        return promise.held(when=container.network_mode == "host", fix=recreate_command(container, seen.mode))
    if container.namespace is None or seen.host.namespace is None:
        return promise.unseen("its namespace could not be read", LOOK_INSIDE)
    return promise.held(when=container.namespace == seen.host.namespace, fix=recreate_command(container, seen.mode))


def one_for_all(alive: list[Container], seen: Observation) -> Iterator[Finding]:
    """Mode container: everybody is in the holder's namespace, and that one has a card."""
    holder = next((one for one in alive if one.service == "net"), None)
    for container in alive:
        if container != holder:
            yield joins(container, holder, seen)
        yield has_a_card(container, seen)


def joins(container: Container, holder: Container | None, seen: Observation) -> Finding:
    """A joiner is in the namespace that the holder has now, not in one that died with the holder's last restart."""
    promise = Finding(
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


def has_a_card(container: Container, seen: Observation) -> Finding:
    """eth0 is really there: without it nobody outside the namespace is reached."""
    cards = [card.name for card in container.interfaces]
    promise = Finding(
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


def one_of_its_own(container: Container, alive: list[Container], seen: Observation) -> Finding:
    """Mode bridge: nobody else is in the container's namespace."""
    with_it = [one.name for one in alive if one.namespace == container.namespace and one != container]
    if is_hosts(container, seen):
        with_it = ["the host"]
    promise = Finding(
        code="own-namespace",
        subject=container.name,
        promise="has a network namespace of its own",
        expected="shared with nobody",
        seen=f"shared with {', '.join(with_it)}" if with_it else f"namespace {container.namespace}, shared with nobody",
        because="inodes of network namespaces are compared; a shared one shares ports and loopback too",
    )
    if container.namespace is None and not with_it:
        return promise.unseen("its namespace could not be read", LOOK_INSIDE)
    return promise.held(when=not with_it, fix=recreate_command(container, seen.mode))


def company(seen: Observation, tried: ProbeResults) -> Iterator[Finding]:
    """Nobody else is inside the stack's namespaces or works on its data."""
    yield namespaces_are_ours(seen, tried)
    yield data_is_ours(seen, tried)


def namespaces_are_ours(seen: Observation, tried: ProbeResults) -> Finding:
    """No container of others joined one of ours."""
    ids = {one.id for one in seen.containers}
    names = {one.name for one in seen.containers}
    guests = [one for one in tried.neighbours if one.network_mode.removeprefix("container:") in ids | names]
    return Finding(
        code="no-guests",
        subject=seen.project,
        promise="no other container is in a namespace of the stack",
        expected="none",
        seen=", ".join(f"{one.name} ({one.state})" for one in guests) or "none",
        because="--network container:ID shares every port and loopback, the database's too",
    ).held(when=not guests, fix="; ".join(f"docker rm -f {one.name}" for one in guests))


def data_is_ours(seen: Observation, tried: ProbeResults) -> Finding:
    """No other stack works on the data folder, and nobody else has the database's volume."""
    mounts = [mount_at(one, "/data") for one in of_role("loader", seen)]
    folders = {one.source for one in mounts if one}
    volumes = {one.volume for part in of_role("postgis", seen) for one in part.mounts if one.volume}
    strangers = [one for one in tried.neighbours if one.project != seen.project or not one.mode]
    others = [one for one in strangers if one.mode and folders & set(one.sources)]
    others += [one for one in strangers if volumes & set(one.sources) and one not in others]
    return Finding(
        code="data-is-ours",
        subject=seen.project,
        promise="no other stack works on the same data",
        expected="none",
        seen=", ".join(f"{one.name} of {one.project or 'no project'}" for one in others) or "none",
        because="two loaders on one folder write the same reports, and two servers on one volume lose tables",
    ).held(when=not others, fix=other_stack_fix(others))


def other_stack_fix(others: list[Neighbour]) -> str:
    """One of the two has to go."""
    projects = sorted({one.project for one in others if one.project})
    removed = [f"docker rm -f {one.name}" for one in others if not one.project]
    return "; ".join([*removed, *(f"ISTHMUS_PROJECT={one} ./scripts/down" for one in projects)])


def open_ports(seen: Observation, tried: ProbeResults) -> Iterator[Finding]:
    """Ports of other containers that other machines reach. One of an image that this project built has its label."""
    found = [(one, port) for one in tried.neighbours for port in one.published if not is_loopback(port.host_address)]
    copies = [pair for pair in found if pair[0].project == seen.project]
    others = [pair for pair in found if pair not in copies]
    yield open_to_all(
        "copies-private", "containers run by hand of the stack's images publish on loopback only", copies
    ).held(when=not copies, fix="; ".join(f"docker rm -f {one.name}" for one, _ in copies))
    yield open_to_all("others-private", "other containers publish on loopback only", others).held(
        when=not others,
        otherwise="warning",
        fix="docker run -p 127.0.0.1:HOST:CONTAINER, or rules in the chain DOCKER-USER",
    )


def open_to_all(code: str, words: str, found: list[tuple[Neighbour, Publication]]) -> Finding:
    """What of other containers stands open."""
    return Finding(
        code=code,
        subject="this host",
        promise=words,
        expected="none is open to other machines",
        seen="; ".join(f"{one.name}: {text_of(port)}" for one, port in found) or "none is open",
        because=BYPASS if found else "the engine's list of all containers was read",
    )
