"""An observation as the content of a figure: namespaces, their containers, the storage of these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from statistics import mean

from netlab.diagram.figure import Chip, Column, Figure, Shelf, Unit
from netlab.diagram.networks import Wiring, bars, plugs, port_carriers, wire_up
from netlab.diagram.scene import Block, Line
from netlab.model.observation import Container, Listener, Mount, Observation
from netlab.model.wiring import Namespace, namespaces
from netlab.report.observation import mode_words, mount_text, named, short_name, shortened, socket_words

MOST_CARDS, MOST_STOPPED = 3, 2
CABLE = ("cable", "cable: a veth pair, #: the number of a card")
REQUEST = ("request", "way of a request")
MOUNT = ("mount", "storage mounted, ro: read-only")


def figure(seen: Observation) -> Figure:
    """Everything that the picture of an observation shows."""
    wiring = wire_up(seen)
    shown = with_columns(seen)
    found, stored = units(seen, wiring, shelf_order(shown)), shelves(shown)
    return Figure(
        title=f"{seen.project} in mode {seen.mode or '?'}",
        subtitle=f"Docker {seen.engine.version}   seen at {seen.taken_at}",
        description=f"{mode_words(seen)} {summary(seen)}",
        host=Block(
            "host-name",
            (
                Line(f"host {seen.host.name}", "name"),
                Line(f"namespace {seen.host.namespace or 'not seen'}, lo 127.0.0.1", "small"),
            ),
        ),
        cards=host_cards(seen),
        bars=bars(wiring, seen),
        units=found,
        shelves=stored,
        notes=tuple(
            Block("note", (Line(f"Not seen: {one.what}: {one.why}. {one.remedy}", "text"),)) for one in seen.unseen
        ),
        legend=legend(found, stored),
    )


def units(seen: Observation, wiring: Wiring, order: Sequence[str]) -> tuple[Unit, ...]:
    """The namespaces from left to right, neighbours those that share networks, and then what does not run."""
    running = sorted(namespaces(seen), key=lambda one: place(one, wiring))
    made = [
        Unit(
            kind=one.kind,
            head=head(one),
            columns=tuple(column(container, order, seen) for container in one.containers),
            plugs=plugs(one, wiring),
            carriers=() if one.kind == "host" else port_carriers(one, wiring, seen),
        )
        for one in running
    ]
    return (*made, *stopped_units([one for one in seen.containers if not one.running], order, seen))


def stopped_units(stopped: Sequence[Container], order: Sequence[str], seen: Observation) -> list[Unit]:
    """Containers that do not run: a few with their storage, many (a Swarm keeps those that it replaced) as a list."""
    head = Block("head", (Line("does not run: no network", "small"),))
    if len(stopped) > MOST_STOPPED:
        return [Unit("stopped", head, (Column(stopped_card(stopped, seen), ()),))]
    return [Unit("stopped", head, (column(one, order, seen),)) for one in stopped]


def with_columns(seen: Observation) -> tuple[Container, ...]:
    """The containers that are drawn with their storage."""
    running = tuple(one for one in seen.containers if one.running)
    return running if len(seen.containers) - len(running) > MOST_STOPPED else seen.containers


def place(namespace: Namespace, wiring: Wiring) -> float:
    """Where a namespace stands best: over the middle of its networks' numbers."""
    holder = namespace.containers[0]
    found = [bar for card in namespace.interfaces if (bar := wiring.bar(holder, card)) is not None]
    return mean(found) if found else len(wiring.networks)


def host_cards(seen: Observation) -> Block:
    """The cards that lead out of the host."""
    found = [one for one in seen.host.interfaces if one.kind == "card" and one.up and one.addresses]
    lines = [Line(f"{one.name} #{one.index}  {one.addresses[0]}", "strong") for one in found[:MOST_CARDS]]
    if len(found) > MOST_CARDS:
        lines.append(Line(f"and {len(found) - MOST_CARDS} more"))
    more = tuple(f"{one.name} {' '.join(one.addresses)} mtu {one.mtu}" for one in found)
    return Block("card-host", tuple(lines) or (Line("no card seen"),), more)


def legend(found: Sequence[Unit], stored: Sequence[Shelf]) -> tuple[tuple[str, str], ...]:
    """The kinds of wires that are in the picture."""
    every_plug = [plug for unit in found for plug in unit.plugs]
    is_asked = any(unit.carriers for unit in found) or any(plug.clients.here for plug in every_plug)
    is_asked = is_asked or any(shelf.socket for shelf in stored)
    is_mounted = any(column.chips for unit in found for column in unit.columns)
    is_plugged = any(plug.bar is not None for plug in every_plug)
    return (*([CABLE] if is_plugged else []), *([REQUEST] if is_asked else []), *([MOUNT] if is_mounted else []))


def summary(seen: Observation) -> str:
    """How much is in the picture, for who hears it read."""
    containers, spaces = len(seen.containers), len(namespaces(seen))
    ports = sum(len(one.published) for one in seen.containers)
    return f"In the picture: {containers} containers in {spaces} network namespaces, {ports} published ports."


MOST_LINES, LONG_NAME = 6, 28
HEADS = {
    "host": "in the host's own namespace",
    "own": "namespace",
    "shared": "one namespace for all of these:",
    "isolated": "namespace",
}


def head(namespace: Namespace) -> Block:
    """What is said of a namespace: its inode, and the sockets in it."""
    is_host = namespace.kind == "host"
    sockets = [one for one in namespace.listeners if one.port is not None and not is_host]
    words = (HEADS[namespace.kind], str(namespace.inode or ""), "listens on" if sockets else "")
    lines = [Line(" ".join(filter(None, words)), "small")]
    lines += [Line(socket_words(one)) for one in sockets[:MOST_LINES]]
    if len(sockets) > MOST_LINES:
        lines.append(Line(f"and {len(sockets) - MOST_LINES} more"))
    alone = ("nothing but loopback is in it",) if namespace.kind == "isolated" else ()
    return Block("head", tuple(lines), (*alone, *(f"listens {one.text} {one.process or ''}" for one in sockets)))


def card(container: Container, seen: Observation) -> Block:
    """A container: who it is, of what image, how it is."""
    short = short_name(container, seen)
    lines = [Line(named(container.service, seen) or short, "name")]
    lines.append(Line(container.name if len(container.name) <= LONG_NAME else short))
    lines.append(Line(container.image, "small"))
    lines += [Line("older image than its tag", "warn")] if container.stale else []
    troubled = not container.running or container.health == "unhealthy"
    lines.append(Line(", ".join(filter(None, (container.state, container.health))), "warn" if troubled else "small"))
    lines.append(Line(f"user {container.user or 'root'}", "small"))
    lines += [Line(text, "small") for text in link_words(container, seen)]
    more = [container.name, f"--network {shortened(container.network_mode)}", *container.link_variables]
    return Block("container", tuple(lines), tuple(more))


def stopped_card(stopped: Sequence[Container], seen: Observation) -> Block:
    """Many containers that do not run, as a list."""
    texts = [f"{short_name(one, seen)} {one.state}" for one in stopped]
    lines = [Line(f"{len(stopped)} containers", "name"), *(Line(text, "small") for text in texts[:MOST_LINES])]
    lines += [Line(f"and {len(stopped) - MOST_LINES} more", "small")] if len(stopped) > MOST_LINES else []
    return Block("container", tuple(lines), tuple(f"{one.name} {one.state}" for one in stopped))


def link_words(container: Container, seen: Observation) -> Iterator[str]:
    """The links of a container, and that old ones leave variables."""
    for attachment in container.attachments:
        for alias, target in attachment.links:
            yield f"link {alias} → {named(target, seen)}"
    if container.link_variables:
        yield f"variables of links: {len(container.link_variables)}"


def shelf_key(mount: Mount) -> str:
    """What is equal for mounts of the same storage; memory is nobody else's, and stands on one shelf."""
    return mount.volume or mount.source or "memory"


def shelf_order(containers: Sequence[Container]) -> list[str]:
    """The storage of these containers: folders, files, volumes, memory; what more containers have first."""
    mounts = [mount for one in containers for mount in one.mounts]
    users = Counter(map(shelf_key, mounts))
    kinds = {shelf_key(mount): ("bind", "volume", "tmpfs").index(mount.kind) for mount in mounts}
    return sorted(users, key=lambda key: (kinds[key], -users[key], key))


def shelves(containers: Sequence[Container]) -> tuple[Shelf, ...]:
    """Each storage once, with the programs' sockets in it."""
    found: list[Shelf] = []
    for key in shelf_order(containers):
        pairs = [(one, mount) for one in containers for mount in one.mounts if shelf_key(mount) == key]
        is_reached = any(pairs[0][1].kind == "bind" and sockets_on(mount, one) for one, mount in pairs)
        found.append(Shelf(shelf_block(pairs[0][1]), is_reached))
    return tuple(found)


def shelf_block(mount: Mount) -> Block:
    """What the storage is on the host: its name, path, owner and mode."""
    if mount.kind == "tmpfs":
        words = ("each container its own,", "gone when it stops")
        return Block("shelf-tmpfs", (Line("memory (tmpfs)", "strong"), Line(" ".join(words), "small")))
    rights = f"{mount.rights.uid}:{mount.rights.gid} {mount.rights.mode}" if mount.rights else "rights not seen"
    lines = (Line(mount.volume or mount.source, "strong"), Line(f"{mount.kind}   {rights}", "small"))
    return Block(f"shelf-{mount.kind}", lines, (mount.source,))


def chips(container: Container, order: Sequence[str]) -> tuple[Chip, ...]:
    """Where the container has each storage that it mounts; twice on one shelf is one chip."""
    made: list[Chip] = []
    for index, key in enumerate(order):
        mounts = sorted((one for one in container.mounts if shelf_key(one) == key), key=lambda one: one.target)
        if mounts:
            lines = [line for mount in mounts for line in mount_lines(mount, container)]
            kind = "mount-rw" if any(mount.writable for mount in mounts) else "mount-ro"
            kind = "mount-socket" if any(line.text.startswith("socket ") for line in lines) else kind
            made.append(Chip(index, Block(kind, tuple(lines), tuple(mount_text(one) for one in mounts))))
    return tuple(made)


def mount_lines(mount: Mount, container: Container) -> Iterator[Line]:
    """The path in the container, whether it may write, and the sockets that listen there."""
    yield Line(f"{'rw' if mount.writable else 'ro'} {mount.target}")
    if mount.kind != "tmpfs":
        yield from (Line(f"socket {PurePosixPath(one.address).name}", "small") for one in sockets_on(mount, container))


def sockets_on(mount: Mount, container: Container) -> list[Listener]:
    """The unix sockets of a container that are files of a mount."""
    folder = mount.target.rstrip("/") + "/"
    return [one for one in container.listeners if one.port is None and one.address.startswith(folder)]


def column(container: Container, order: Sequence[str], seen: Observation) -> Column:
    """A container with its storage."""
    return Column(card(container, seen), chips(container, order))
