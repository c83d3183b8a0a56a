"""Networks of a figure: the bars that cables lead to, the plugs at their ends, and what carries published ports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netlab.diagram.figure import Bar, Clients, Plug
from netlab.diagram.scene import Block, Line
from netlab.model.observation import Container, Interface, Listener, Network, Observation, Publication, endpoint
from netlab.model.wiring import Cable, Namespace, cables, carriers, is_loopback, listens_there
from netlab.report.observation import named, socket_words

NO_NETWORKS = ("host", "null")


@dataclass(frozen=True, slots=True)
class Wiring:
    """The networks in the order of their bars, and the bar that each cable leads to, by (container, card)."""

    networks: tuple[Network, ...]
    bar_of: dict[tuple[str, str], int]
    cable_of: dict[tuple[str, str], Cable]

    def bar(self, container: Container, card: Interface) -> int | None:
        """The bar of a card."""
        return self.bar_of.get((container.name, card.name))


def wire_up(seen: Observation) -> Wiring:
    """Which card is plugged into which network: by the host's end of the cable, or by the engine's word.

    Of the networks without a cable Docker's first one and the project's own are of interest.
    """
    known = [one for one in seen.networks if one.driver not in NO_NETWORKS]
    found = {(one.container.name, one.card.name): one for one in cables(seen)}
    known += bridges_without_network(seen, known, list(found.values()))
    names = {key: cable.network or (cable.host_end and cable.host_end.bridge) for key, cable in found.items()}
    used = [one for one in known if one.name in names.values()]
    entered = {names[one.container.name, one.card.name] for one in found.values() if one.container.published}
    idle = [one for one in known if one not in used and (one.name == "bridge" or one.name.startswith(seen.project))]
    used.sort(key=lambda one: (one.name not in entered, one.driver == "overlay"))
    ordered = (*used, *idle)
    places = {one.name: index for index, one in enumerate(ordered)}
    return Wiring(ordered, {key: places[name] for key, name in names.items() if name in places}, found)


def bridges_without_network(seen: Observation, known: Sequence[Network], found: Sequence[Cable]) -> list[Network]:
    """Bridges of the host that a cable leads to though the engine named no network of theirs."""
    named = {one.bridge for one in known}
    missing = {one.host_end.bridge for one in found if one.host_end and one.host_end.bridge} - named
    cards = [one for one in seen.host.interfaces if one.name in missing]
    return [
        Network(one.name, one.name, "bridge", "local", subnets=one.addresses, bridge=one.name, mtu=one.mtu)
        for one in cards
    ]


def bars(wiring: Wiring, seen: Observation) -> tuple[Bar, ...]:
    """The networks, those with cables first."""
    used = set(wiring.bar_of.values())
    made: list[Bar] = []
    for index, network in enumerate(wiring.networks):
        is_overlay = network.driver == "overlay" and index in used
        kind = "overlay" if is_overlay else "bridge" if index in used else "unused"
        made.append(Bar(bar_block(network, kind, seen), index in used, is_overlay))
    return tuple(made)


def bar_block(network: Network, kind: str, seen: Observation) -> Block:
    """A network: its interface on the host, its addresses, its name."""
    card = next((one for one in seen.host.interfaces if one.name == network.bridge), None)
    mtu = f"mtu {card.mtu}" if card else f"mtu {network.mtu}" if network.mtu else ""
    gateways = f"gateway {' '.join(network.gateways)}" if network.gateways else ""
    first = f"{network.bridge or named(network.name, seen)}  {network.driver}"
    facts = [f"network {network.name}", mtu, "no way out" if network.internal else ""]
    if kind == "unused":
        facts = ["no container of the stack in it"]
    addresses = " ".join((*network.subnets, gateways)).strip()
    lines = [
        Line(first, "strong"),
        *([Line(addresses)] if addresses else []),
        Line("  ".join(filter(None, facts)), "small"),
    ]
    return Block(kind, tuple(lines), (f"network {network.name} {network.id[:12]}", mtu))


def plugs(namespace: Namespace, wiring: Wiring) -> tuple[Plug, ...]:
    """The cards of a namespace with their cables, or its loopback alone; of the host's own its sockets."""
    if namespace.kind == "host":
        return socket_plugs(namespace)
    holder = namespace.containers[0]
    cards = [one for one in namespace.interfaces if one.kind != "loopback"] or list(namespace.interfaces)
    return tuple(card_plug(holder, one, wiring) for one in cards)


def card_plug(holder: Container, card: Interface, wiring: Wiring) -> Plug:
    """A card and, where it has a cable, the cable's other end."""
    address = card.addresses[0] if card.addresses else "no address"
    more = (*card.addresses[1:], f"mtu {card.mtu}", f"MAC {card.mac}", f"of {holder.name}")
    kind = "loopback" if card.kind == "loopback" else "card"
    block = Block(kind, (Line(f"{card.name} #{card.index}", "strong"), Line(address)), more)
    cable = wiring.cable_of.get((holder.name, card.name))
    if cable is None:
        return Plug(block)
    return Plug(block, wiring.bar(holder, card), far_end(cable))


def far_end(cable: Cable) -> Block:
    """The end of a cable at the network."""
    if cable.host_end is None:
        where = f"#{cable.card.peer_index}" if cable.card.peer_index else "not seen"
        return Block("veth-far", (Line(f"veth {where}"),), ("its other end is not in this host's namespace",))
    end = cable.host_end
    return Block("veth", (Line(f"{end.name} #{end.index}"),), (f"mtu {end.mtu}", f"pair of #{cable.card.index}"))


def socket_plugs(namespace: Namespace) -> tuple[Plug, ...]:
    """The host's sockets that are the settings of containers in its namespace."""
    found: list[Plug] = []
    for listener in namespace.listeners:
        at = [index for index, one in enumerate(namespace.containers) if listens_there(listener, one)]
        if at:
            clients = Clients(outside=not is_loopback(listener.address), here=True)
            found.append(Plug(socket_block(listener), column=at[0], clients=clients))
    return tuple(found)


def socket_block(listener: Listener) -> Block:
    """A socket of the host and its program."""
    process = (Line(listener.process, "small"),) if listener.process else ()
    return Block("socket", (Line(listener.text, "strong"), *process), (f"listens {socket_words(listener)}",))


MOST_PORTS = 4


def port_carriers(namespace: Namespace, wiring: Wiring, seen: Observation) -> tuple[Plug, ...]:
    """What carries the published ports of a namespace: one box for the firewall, one for docker-proxy."""
    pairs = [(one, port) for one in namespace.containers for port in one.published]
    if not pairs:
        return ()
    rules, proxies, lost = carried_by(pairs, seen)
    reached = any(not is_loopback(port.host_address) for _, port in pairs)
    bar = carrier_bar(namespace, wiring)
    made: list[Plug] = []
    if rules or seen.host.nat_rules is None:
        block = ports_block("nat", "NAT rule", rules) if rules else unseen_rules([port for _, port in pairs])
        note = () if reached else (Line("not from other machines", "small"),)
        block = Block(block.kind, (*block.lines, *note), block.more)
        made.append(Plug(block, bar, clients=Clients(outside=reached, here=not proxies)))
    if proxies:
        clients = Clients(outside=reached and not made, here=True)
        made.append(Plug(ports_block("proxy", "docker-proxy", proxies), bar, clients=clients))
    if lost:
        made.append(Plug(ports_block("lost", "carried by nothing seen", lost), clients=Clients(here=True)))
    return tuple(made)


def carried_by(
    pairs: Sequence[tuple[Container, Publication]], seen: Observation
) -> tuple[list[str], list[str], list[str]]:
    """Texts `host address and port → container's` of the ports that a rule, a proxy or nothing carries."""
    rules: list[str] = []
    proxies: list[str] = []
    lost: list[str] = []
    for container, port in pairs:
        carried = carriers(port, container, seen)
        start = host_end_of(port)
        rule, proxy = carried.rule, carried.proxy
        rules += [f"{start} → {endpoint(rule.container_address, rule.container_port)}"] if rule else []
        proxies += [f"{start} → {endpoint(proxy.container_address, proxy.container_port)}"] if proxy else []
        lost += [f"{start} → {port.container_port}/{port.protocol}"] if not rule and not proxy else []
    return rules, proxies, ([] if seen.host.nat_rules is None and proxies else lost)


def host_end_of(port: Publication) -> str:
    """The host's side of a published port: `127.0.0.1:8080`, with the protocol where it is another one than TCP."""
    protocol = "" if port.protocol == "tcp" else f"/{port.protocol}"
    return f"{endpoint(port.host_address or '0.0.0.0', port.host_port)}{protocol}"  # noqa: S104


def ports_block(kind: str, title: str, texts: Sequence[str]) -> Block:
    """A carrier and its ports, each in two lines: from where, to where."""
    lines = [Line(title, "strong")]
    for text in texts[:MOST_PORTS]:
        start, _, end = text.partition(" → ")
        lines += [Line(start), Line(f"→ {end}")]
    if len(texts) > MOST_PORTS:
        lines.append(Line(f"and {len(texts) - MOST_PORTS} more"))
    return Block(kind, tuple(lines), tuple(texts))


def unseen_rules(ports: Sequence[Publication]) -> Block:
    """The firewall, where it may not be read."""
    texts = tuple(host_end_of(port) for port in ports)
    return Block("nat", (Line("NAT rule", "strong"), Line("not seen: only root"), Line("reads the firewall")), texts)


def carrier_bar(namespace: Namespace, wiring: Wiring) -> int | None:
    """The network that published ports of a namespace go through: its first bridge."""
    holder = namespace.containers[0]
    found = [wiring.bar(holder, card) for card in namespace.interfaces]
    bridges = [one for one in found if one is not None and wiring.networks[one].driver != "overlay"]
    return bridges[0] if bridges else next((one for one in found if one is not None), None)
