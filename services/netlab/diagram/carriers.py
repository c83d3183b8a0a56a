"""What carries published ports, in a figure: the firewall's rules and docker-proxy, and whom they carry."""

from __future__ import annotations

from collections.abc import Sequence

from netlab.diagram.figure import Clients, Way
from netlab.diagram.networks import Wiring, is_loopback
from netlab.diagram.scene import Block, Line
from netlab.model.namespaces import Namespace
from netlab.model.observation import Container, Observation, Publication, endpoint
from netlab.model.ports import carriers

MOST_PORTS = 4


def ways(namespace: Namespace, wiring: Wiring, seen: Observation) -> tuple[Way, ...]:
    """What carries the published ports of a namespace: one box for the firewall, one for docker-proxy."""
    pairs = [(one, port) for one in namespace.containers for port in one.published]
    if not pairs:
        return ()
    rules, proxies, lost = carried_by(pairs, seen)
    reached = any(not is_loopback(port.host_address) for _, port in pairs)
    bar = way_bar(namespace, wiring)
    made: list[Way] = []
    if rules or seen.host.nat_rules is None:
        block = ports_block("nat", "NAT rule", rules) if rules else unseen_rules([port for _, port in pairs])
        note = () if reached else (Line("not from other machines", "small"),)
        block = Block(block.kind, (*block.lines, *note), block.more)
        made.append(Way(block, Clients(outside=reached, here=not proxies), bar))
    if proxies:
        made.append(
            Way(ports_block("proxy", "docker-proxy", proxies), Clients(outside=reached and not made, here=True), bar)
        )
    if lost:
        made.append(Way(ports_block("lost", "carried by nothing seen", lost), Clients(here=True), None))
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


def way_bar(namespace: Namespace, wiring: Wiring) -> int | None:
    """The network that published ports of a namespace go through: its first bridge."""
    holder = namespace.containers[0]
    found = [wiring.bar(holder, card) for card in namespace.interfaces]
    bridges = [one for one in found if one is not None and wiring.networks[one].driver != "overlay"]
    return bridges[0] if bridges else next((one for one in found if one is not None), None)
