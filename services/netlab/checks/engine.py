"""The machine and its engine: sizes of packets, packets between cards, what an old engine leaves open."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netlab.checks.addresses import project_network
from netlab.checks.ports import AS_ROOT, is_loopback
from netlab.model.finding import Promise
from netlab.model.observation import Observation
from netlab.model.probe_results import Tried

CLOSED_SINCE = 28
"""The engine that drops packets from outside to ports on 127.0.0.1 (moby/moby#45610)."""


def machine(seen: Observation, tried: Tried) -> Iterator[Promise]:
    """What holds for every port and network of this host."""
    yield from packets_fit(seen)
    ports = [port for one in seen.containers for port in one.published]
    if ports:
        yield forwards(tried)
    if any(is_loopback(one.host_address) for one in ports):
        yield loopback_is_closed(seen, tried)


def packets_fit(seen: Observation) -> Iterator[Promise]:
    """The bridge's packets are no larger than the host's cards send on."""
    network = project_network(seen)
    cards = [one for one in seen.host.interfaces if one.kind == "card" and one.up and one.addresses]
    bridge = next((one for one in seen.host.interfaces if network and one.name == network.bridge), None)
    if bridge is None or not cards or seen.mode not in ("bridge", "container"):
        return
    narrow = min(cards, key=lambda card: card.mtu)
    yield Promise(
        code="mtu-fits",
        subject=f"network {network.name}" if network else "network",
        promise="its packets fit the host's card",
        expected=f"at most {narrow.mtu}, the mtu of {narrow.name}",
        seen=f"{bridge.name} has {bridge.mtu}",
        because="larger packets to other machines are dropped where the way back is filtered: large answers hang, small"
        " ones come"
        if bridge.mtu > narrow.mtu
        else "no packet has to be cut",
    ).held(when=bridge.mtu <= narrow.mtu, otherwise="warning", fix=mtu_fix(narrow.mtu))


def mtu_fix(mtu: int) -> str:
    """For one network, or for all that are made from now on."""
    return (
        f'compose/compose.yaml: networks: {{default: {{driver_opts: {{com.docker.network.driver.mtu: "{mtu}"}}}}}}\n'
        f'or for all networks, /etc/docker/daemon.json: "default-network-opts": {{"bridge":'
        f' {{"com.docker.network.driver.mtu": "{mtu}"}}}}\n'
        "then ./scripts/down, and up: a network keeps the size that it was made with"
    )


def forwards(tried: Tried) -> Promise:
    """The kernel sends packets on from the card to the bridge."""
    promise = Promise(
        code="kernel-forwards",
        subject="this host",
        promise="the kernel sends packets on between cards",
        expected="net.ipv4.ip_forward = 1",
        seen=f"net.ipv4.ip_forward = {int(bool(tried.forwarding))}",
        because="clients of other machines come in at a card and have to get to the bridge",
    )
    if tried.forwarding is None:
        return promise.unseen("/proc/sys does not tell", AS_ROOT)
    return promise.held(when=tried.forwarding, otherwise="warning", fix="sudo sysctl -w net.ipv4.ip_forward=1")


def major(version: str) -> int:
    """28 of `28.1.0`; 0 of a build of somebody's own, such as `dev`, of which nothing is known."""
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0


def loopback_is_closed(seen: Observation, tried: Tried) -> Promise:
    """A port on 127.0.0.1 is not reached by a neighbour who sends packets to it through the card."""
    version = major(seen.engine.version)
    dropped = any(re.search(r"^-t raw -A PREROUTING .*127\.0\.0\.[01].*-j DROP$", one) for one in tried.firewall or ())
    return Promise(
        code="loopback-closed",
        subject="this host",
        promise="ports on 127.0.0.1 are closed to neighbours on the same network segment",
        expected=f"engine {CLOSED_SINCE} or later, or a rule that drops such packets",
        seen=f"engine {seen.engine.version}{', and the rule' if dropped else ''}",
        because="older engines rewrite packets for 127.0.0.1 that come from outside (moby/moby#45610)"
        if version < CLOSED_SINCE
        else "the engine drops packets for 127.0.0.1 that come from outside",
    ).held(
        when=version >= CLOSED_SINCE or dropped,
        otherwise="warning",
        fix="update Docker; until then: sudo iptables -t raw -I PREROUTING ! -i lo -d 127.0.0.0/8 -j DROP",
    )
