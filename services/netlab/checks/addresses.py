"""The cable and the address: a private network, a veth pair into its bridge, and nobody in it who does not belong."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, ip_interface, ip_network

from netlab.checks.findings import Finding
from netlab.model.observation import Container, Interface, Network, Observation
from netlab.model.probe_results import ProbeResults
from netlab.model.roles import recreate_command, role_of, start_command
from netlab.model.wiring import Cable, cables

PRIVATE = tuple(IPv4Network(one) for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
"""RFC 1918, section 3."""


def networks(seen: Observation, _tried: ProbeResults) -> Iterator[Finding]:
    """The promises about the project's network, of those modes that have one."""
    if seen.mode == "swarm":
        yield from (in_overlay(one, seen) for one in seen.containers if one.running)
    if seen.mode not in ("bridge", "container"):
        return
    network = project_network(seen)
    members = [one for one in seen.containers if one.running and (seen.mode == "bridge" or one.service == "net")]
    for container in members:
        yield plugged_in(container, network, seen)
        yield from nowhere_else(container, network)
        yield cable_leads_in(container, network, seen)
    if network is not None:
        yield private(network)
        yield from bridge_works(network, seen)
        yield from only_ours(network, seen)


def in_overlay(container: Container, seen: Observation) -> Finding:
    """A task of a swarm is in an overlay network, whose packets go from node to node inside others (VXLAN)."""
    overlays = {one.name for one in seen.networks if one.driver == "overlay"}
    found = [one for one in container.attachments if one.network in overlays and one.network != "ingress"]
    return Finding(
        code="in-overlay",
        subject=container.name,
        promise="is in an overlay network of the stack",
        expected="an address of an overlay network",
        seen=", ".join(f"{one.address} in {one.network}" for one in found) or "in none",
        because="the engine says in which networks it is; containers on other nodes are in the same one",
    ).held(when=bool(found), fix="./scripts/swarm up")


def project_network(seen: Observation) -> Network | None:
    """The network that Compose made for the project."""
    return next((one for one in seen.networks if one.name == f"{seen.project}_default"), None)


def plugged_in(container: Container, network: Network | None, seen: Observation) -> Finding:
    """The container has an address of the project's network, and that address lies in its range."""
    name = network.name if network else f"{seen.project}_default"
    there = next((one for one in container.attachments if network and one.network == name), None)
    ranges = [ip_network(one) for one in network.subnets] if network else []
    inside = there is not None and any(ip_interface(there.address).ip in one for one in ranges)
    others = ", ".join(f"{one.network} ({one.address})" for one in container.attachments)
    return Finding(
        code="in-network",
        subject=container.name,
        promise=f"is in the network {name}",
        expected=f"an address of {', '.join(network.subnets)}" if network else f"a network {name}",
        seen=there.address
        if there
        else (f"in {others}" if others else f"in none (--network {container.network_mode})"),
        because="the engine says in which networks it is, and with which address",
    ).held(when=inside, fix=reconnect(container, name, seen))


def reconnect(container: Container, network: str, seen: Observation) -> str:
    """Plugs it in again, with the name that others know it by; the network of a container without any is made anew."""
    alias = role_of(container) or container.service
    if seen.mode == "bridge" and (container.attachments or container.network_mode not in ("host", "none")):
        link = f"--link {seen.project}-postgis-1:postgis " if alias in ("api", "loader") else ""
        return f"docker network connect --alias {alias} {link}{network} {container.name}"
    return recreate_command(container, seen.mode)


def nowhere_else(container: Container, network: Network | None) -> Iterator[Finding]:
    """No further network: the database would be reached from there."""
    name = network.name if network else ""
    for one in container.attachments:
        if one.network != name and network is not None:
            yield Finding(
                code="no-other-network",
                subject=container.name,
                promise="is in no other network",
                expected=f"only {name}",
                seen=f"also {one.network} ({one.address})",
                because=f"every container of {one.network} reaches every port of it, published or not",
            ).held(
                when=False,
                otherwise="broken" if role_of(container) == "postgis" else "warning",
                fix=f"docker network disconnect {one.network} {container.name}",
            )


def cable_leads_in(container: Container, network: Network | None, seen: Observation) -> Finding:
    """eth0 is one end of a veth pair whose other end, by the kernel's numbers, is plugged into the bridge, and up."""
    bridge = network.bridge if network else None
    own = [one for one in cables(seen) if one.container == container]
    promise = Finding(
        code="veth-pair",
        subject=container.name,
        promise="a veth pair leads into the network's bridge",
        expected=f"a veth pair into {bridge or 'the bridge of the network'}",
        seen="; ".join(map(cable_text, own)) or "no veth pair",
        because="eth0's iflink is the ifindex of the host's end, and the host's end names its bridge as master",
    )
    if seen.engine.hidden or not seen.host.interfaces:
        return promise.unseen("the host's end of the pair is not shown to this host", "apt-get install iproute2")
    if container.namespace is None:
        return promise.unseen("the container could not be looked into", "docker exec must be allowed")
    good = any(leads_to(one, bridge) for one in own)
    return promise.held(when=good, fix=cable_fix(own, container, seen))


def leads_to(cable: Cable, bridge: str | None) -> bool:
    """Whether both ends name each other, the host's is in the bridge, and it is up."""
    end = cable.host_end
    return end is not None and end.bridge == bridge and end.up and end.peer_index == cable.card.index


def cable_text(cable: Cable) -> str:
    """`vethaf4bd11 (#64) = eth0 (#63) in br-5021bba34ca5`."""
    end = cable.host_end
    if end is None:
        return f"{cable.card.name} (#{cable.card.index}), whose other end #{cable.card.peer_index} is not on the host"
    into = f" in {end.bridge}" if end.bridge else " in no bridge"
    down = "" if end.up else " (down)"
    return f"{end.name}{down} (#{end.index}) = {cable.card.name} (#{cable.card.index}){into}"


def cable_fix(own: list[Cable], container: Container, seen: Observation) -> str:
    """A cable that is down is set up; one that is gone comes back with the container."""
    down = [one.host_end.name for one in own if one.host_end and not one.host_end.up]
    return f"sudo ip link set {down[0]} up" if down else f"docker restart {container.name}; {start_command(seen.mode)}"


def private(network: Network) -> Finding:
    """The range of the network is one of RFC 1918, which nobody routes to."""
    ranges = [ip_network(one) for one in network.subnets]
    fours = [one for one in ranges if isinstance(one, IPv4Network)]
    good = bool(fours) and all(any(one.subnet_of(block) for block in PRIVATE) for one in fours)
    return Finding(
        code="private-range",
        subject=f"network {network.name}",
        promise="has a private range of addresses (RFC 1918)",
        expected="a part of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16",
        seen=", ".join(network.subnets) or "no range",
        because="no router of the internet sends packets there, so only published ports lead in",
    ).held(when=good, fix='/etc/docker/daemon.json: {"default-address-pools": [{"base": "172.30.0.0/16", "size": 24}]}')


def bridge_works(network: Network, seen: Observation) -> Iterator[Finding]:
    """The bridge is an interface of the host that is up and has the gateway's address."""
    if seen.engine.hidden or not seen.host.interfaces or network.driver != "bridge":
        return
    card = next((one for one in seen.host.interfaces if one.name == network.bridge), None)
    addresses = {one.partition("/")[0] for one in card.addresses} if card else set[str]()
    good = card is not None and card.up and set(network.gateways) <= addresses
    yield Finding(
        code="bridge-up",
        subject=f"network {network.name}",
        promise="its bridge is up and has the gateway's address",
        expected=f"{network.bridge} up with {', '.join(network.gateways)}",
        seen=bridge_text(card),
        because="packets between containers, and all that come from the host, go through the bridge",
    ).held(when=good, fix=bridge_fix(network, card, seen))


def bridge_text(card: Interface | None) -> str:
    """What there is of a bridge."""
    if card is None:
        return "no such interface"
    return f"{card.name} {'up' if card.up else 'down'} with {', '.join(card.addresses) or 'no address'}"


def bridge_fix(network: Network, card: Interface | None, seen: Observation) -> str:
    """What brings a bridge back."""
    if card is None:
        return f"./scripts/down; {start_command(seen.mode)}"
    if not card.up:
        return f"sudo ip link set {network.bridge} up"
    length = network.subnets[0].partition("/")[2] if network.subnets else "16"
    return f"sudo ip addr add {network.gateways[0]}/{length} dev {network.bridge}"


def only_ours(network: Network, seen: Observation) -> Iterator[Finding]:
    """Nobody else is in the project's network."""
    ours = {one.name for one in seen.containers}
    foreign = [one for one in network.members if one not in ours]
    yield Finding(
        code="only-ours",
        subject=f"network {network.name}",
        promise="only the stack's containers are in it",
        expected="no other container",
        seen=", ".join(foreign) or f"{len(network.members)} of the stack",
        because="whoever is in it reaches PostgreSQL's port, published or not",
    ).held(when=not foreign, fix="; ".join(f"docker network disconnect {network.name} {one}" for one in foreign))
