"""Containers of a figure: their card, their storage, what is said of the namespace that they are in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from netlab.diagram.figure import Chip, Column, Shelf
from netlab.diagram.scene import Block, Line
from netlab.diagram.words import named, short_name, socket_words
from netlab.model.observation import Container, Listener, Mount, Observation
from netlab.model.wiring import Namespace
from netlab.report.observation import mount_text, shortened

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
    users: dict[str, int] = {}
    for mount in mounts:
        users[shelf_key(mount)] = users.get(shelf_key(mount), 0) + 1
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
