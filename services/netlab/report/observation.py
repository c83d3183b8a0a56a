"""An observation in words: as text for a terminal, as the JSON that the API reads, and what its names are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from netlab.model.observation import Container, Interface, Listener, Mount, Network, Observation, Publication, endpoint
from netlab.model.wiring import Cable, Carriers, Namespace, cables, carriers, is_of_stack, namespaces

NAMESPACE_WORDS = {
    "host": "NAMESPACE of the host itself",
    "own": "NAMESPACE of its own",
    "shared": "NAMESPACE that all of these share",
    "isolated": "NAMESPACE with nothing but loopback",
}


def observation_text(seen: Observation) -> str:
    """The whole picture."""
    parts = [
        [f"{seen.project} in mode {seen.mode or '?'}   (Docker {seen.engine.version}, seen at {seen.taken_at})"],
        host_lines(seen),
    ]
    parts += [list(namespace_lines(one)) for one in namespaces(seen)]
    parts.append([f"{one.name}  {one.state}" for one in seen.containers if not one.running])
    unseen = [f"  {one.what}: {one.why}. {one.remedy}" for one in seen.unseen]
    parts.append(["NOT SEEN", *unseen] if unseen else [])
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def host_lines(seen: Observation) -> list[str]:
    """The host: its cards, the bridges with the cables into them, the published ports and what carries them."""
    host = seen.host
    lines = [f"HOST {host.name}   namespace {host.namespace}"]
    for card in host.interfaces:
        if card.kind == "card" and card.up and card.addresses:
            lines.append(f"  {card.name:<17}card     {' '.join(card.addresses)}  mtu {card.mtu}")
    for network in seen.networks:
        if network.driver in ("host", "null"):
            continue  # words for "no network of the engine's"
        lines += network_lines(network, seen)
    for container in seen.containers:
        lines += [f"  {port_text(container, one, carriers(one, container, seen))}" for one in container.published]
    return lines + [f"  {listener_text(one)}" for one in host.listeners if is_of_stack(one, seen)]


def network_lines(network: Network, seen: Observation) -> list[str]:
    """A network of the engine: its interface on the host, its addresses, and the cables that are plugged into it."""
    card = next((one for one in seen.host.interfaces if one.name == network.bridge), None)
    name = network.bridge or "(its own)"
    addresses = " ".join(network.subnets)
    gateway = f"gateway {' '.join(network.gateways)}" if network.gateways else ""
    mtu = f"mtu {card.mtu}" if card else ""
    words = (f"{name:<17}{network.driver:<7}", addresses, gateway, mtu, f"network {network.name}")
    plugged = [one for one in cables(seen) if one.network == network.name]
    return ["  " + "  ".join(filter(None, words)), *(f"    {cable_text(one)}" for one in plugged)]


def cable_text(cable: Cable) -> str:
    """One veth pair: the host's end, and the container's."""
    end = f"{cable.host_end.name} (#{cable.host_end.index})" if cable.host_end else f"#{cable.card.peer_index}"
    addresses = " ".join(cable.card.addresses)
    return f"{end} ═══ {cable.card.name} (#{cable.card.index}) of {cable.container.name}  {addresses}"


def port_text(container: Container, port: Publication, carried: Carriers) -> str:
    """A published port and the two that may carry it."""
    ways = [f"NAT rule -> {carried.rule.container_address}:{carried.rule.container_port}"] if carried.rule else []
    ways += [f"docker-proxy {carried.proxy.pid}"] if carried.proxy else []
    where = endpoint(port.host_address, port.host_port)
    by = " and ".join(ways) or "nothing that can be seen"
    return f"{where} published -> {container.name} {port.container_port}/{port.protocol}   by {by}"


def namespace_lines(namespace: Namespace) -> Iterator[str]:
    """A namespace, its cards and sockets, and the containers in it."""
    yield f"{NAMESPACE_WORDS[namespace.kind]}   {namespace.inode or ''}".rstrip()
    if namespace.kind != "host":
        yield from (f"  {card.name:<8}{card_text(card)}" for card in namespace.interfaces)
        yield from (f"  {listener_text(one)}" for one in namespace.listeners)
    for container in namespace.containers:
        yield from container_lines(container)


def listener_text(listener: Listener) -> str:
    """A socket that waits for clients, and whose it is."""
    return f"listens {listener.text}  {listener.process or ''}".rstrip()


def card_text(card: Interface) -> str:
    """The addresses of a card, and where its cable ends."""
    cable = f"  other end #{card.peer_index}" if card.peer_index else ""
    return f"{' '.join(card.addresses)}  mtu {card.mtu}{cable}"


def container_lines(container: Container) -> Iterator[str]:
    """A container: what it is, the names it knows, its storage."""
    health = f" {container.health}" if container.health else ""
    stale = "  (an older image than its tag)" if container.stale else ""
    yield f"  {container.name}   {container.state}{health}   {container.image}{stale}"
    yield f"    user {container.user or 'root'}   --network {shortened(container.network_mode)}"
    for one in container.attachments:
        yield f"    in {one.network} as {', '.join(one.aliases) or container.name}"
        for alias, target in one.links:
            yield f"    link {alias} -> {target}"
    for name, address in container.hosts:
        yield f"    /etc/hosts {name} -> {address}"
    for variable in container.link_variables:
        yield f"    link variable {variable}"
    yield from (f"    {mount_text(one)}" for one in container.mounts)


def shortened(network_mode: str) -> str:
    """The mode, with a container's id as `docker ps` shows it."""
    return network_mode[: len("container:") + 12] if network_mode.startswith("container:") else network_mode


def mount_text(mount: Mount) -> str:
    """A mount as `docker run -v` would say it, with the owner of the folder on the host."""
    source = mount.volume or mount.source or "memory"
    rights = f"   {mount.rights.uid}:{mount.rights.gid} {mount.rights.mode}" if mount.rights else ""
    return f"{mount.kind:<6} {source} -> {mount.target}  {'rw' if mount.writable else 'ro'}{rights}"


SWARM_IDS = re.compile(r"(\.[a-z0-9]{25})+$")
"""What a Swarm adds to the names of its tasks: ids of the task and, of a service on every node, of the node."""


def short_name(container: Container, seen: Observation) -> str:
    """The container's name without its project's: `api-1` of `isthmus-api-1`, `api.2` of a task of a Swarm."""
    return named(SWARM_IDS.sub("", container.name), seen)


def named(name: str, seen: Observation) -> str:
    """A name without its project's, where there is something else to it."""
    shorter = name.removeprefix(f"{seen.project}-").removeprefix(f"{seen.project}_")
    return shorter or name


def socket_words(listener: Listener) -> str:
    """A socket and its program; the engine's name server is said to be one."""
    if listener.port is not None and listener.address == "127.0.0.11":
        return f"{listener.text} DNS"
    return f"{listener.text} {(listener.process or '').partition(' ')[0]}".rstrip()


def observation_json(seen: Observation) -> dict[str, Any]:
    """The observation, with the namespaces and the cables that follow from it, and what the mode is in words."""
    return {
        **asdict(seen),
        "namespaces": [
            {"kind": one.kind, "inode": one.inode, "containers": [container.name for container in one.containers]}
            for one in namespaces(seen)
        ],
        "cables": [
            {
                "container": one.container.name,
                "interface": one.card.name,
                "host_interface": one.host_end.name if one.host_end else None,
                "bridge": one.host_end.bridge if one.host_end else None,
            }
            for one in cables(seen)
        ],
        "explanation": mode_words(seen),
    }


MODE_WORDS = {
    "bridge": "Each container has a network of its own, and a cable (a veth pair) from its eth0 into a bridge of the"
    " host, a switch made of software with private addresses (RFC 1918). From outside only published ports lead in: a"
    " rule of the firewall (NAT) carries clients of other machines, docker-proxy those of this one.",
    "host": "The containers have no network of their own: they use the host's cards and ports as its other programs do."
    " Nothing stands between a client and them, neither bridge nor NAT, so their ports must be free on the host.",
    "container": "All containers share one network, that of a container which only holds it: they reach each other at"
    " 127.0.0.1, and no two may use the same port. One cable leads from it into the bridge, and its holder publishes"
    " the port.",
    "none": "The containers have nothing but loopback: no card, no cable, no way in or out over a network. They talk"
    " through sockets that are files on shared storage, and so does who asks them.",
    "swarm": "The services run on one or more machines, joined by overlay networks: what one container sends to another"
    " travels in VXLAN packets between the machines. Each container also has a cable into docker_gwbridge, its"
    " way out.",
}


def mode_words(seen: Observation) -> str:
    """What the mode is, or that there is none to tell."""
    return MODE_WORDS.get(seen.mode, "The containers carry no label isthmus.mode, so no mode is told.")
