"""What is no promise of a mode and worth knowing: old containers, taken ports, what the machine does to packets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netlab.checks.addresses import project_network
from netlab.checks.findings import Finding
from netlab.checks.ports import AS_ROOT
from netlab.model.observation import Container, Listener, Observation, Publication
from netlab.model.probe_results import ProbeResults
from netlab.model.roles import API_PORT, of_role, start_command
from netlab.model.wiring import ANY, is_loopback


def up_to_date(seen: Observation, tried: ProbeResults) -> Iterator[Finding]:
    """Two sentences about each container, or one about all of them where settings cannot be compared."""
    for container in seen.containers:
        yield image(container, seen)
        if tried.outdated is not None:
            yield settings(container, seen, tried.outdated)
    if tried.outdated is None and seen.mode != "swarm":
        yield not_compared(seen, tried.missing.get("settings", "they were not compared"))


def image(container: Container, seen: Observation) -> Finding:
    """It runs the image that its tag leads to."""
    return Finding(
        code="image-current",
        subject=container.name,
        promise=f"runs the image that {container.image} is now",
        expected="the same image",
        seen="an older image" if container.stale else "the same image",
        because="a container keeps the image that it was made of when the tag moves on",
    ).held(when=not container.stale, otherwise="warning", fix=start_command(seen.mode))


def settings(container: Container, seen: Observation, outdated: tuple[str, ...]) -> Finding:
    """It was made with the settings that Compose would use now."""
    return Finding(
        code="settings-current",
        subject=container.name,
        promise="was made with the settings of now",
        expected="the hash of docker compose config",
        seen="other settings" if container.name in outdated else "the same settings",
        because=".env, the environment and compose/*.yaml, as they are now, are compared with its label",
    ).held(
        when=container.name not in outdated,
        otherwise="warning",
        fix=f"{start_command(seen.mode)} makes it anew; or give the settings that it was started with",
    )


def not_compared(seen: Observation, why: str) -> Finding:
    """The settings, where Compose does not say what it would use now."""
    return Finding(
        code="settings-current",
        subject=seen.project,
        promise="the containers were made with the settings of now",
        expected="the hashes of docker compose config",
        seen="",
        because="",
    ).unseen(why, "run it in the clone that the stack was started from, as who started it")


def clashes(seen: Observation, tried: ProbeResults) -> Iterator[Finding]:
    """Somebody else has the port that a container wants."""
    for name, port in tried.wanted:
        holder = holder_of(port, seen, tried)
        if holder:
            yield clash(name, port, holder)
    for container in of_role("api", seen):
        listen = container.setting("LISTEN")
        wanted = listen.rpartition(":")[2]
        if seen.mode == "host" and wanted.isdigit() and (not container.running or container.health == "unhealthy"):
            port = Publication(listen.rpartition(":")[0], int(wanted), int(wanted))
            holder = holder_of(port, seen, tried)
            if holder:
                yield clash(container.name, port, holder)


def whose_localhost(seen: Observation, _tried: ProbeResults) -> Iterator[Finding]:
    """`localhost` is ::1 to many clients first, and another program may listen there at the API's port."""
    ports = [port for one in seen.containers for port in one.published if port.host_address == "127.0.0.1"]
    for port in (one for one in ports if one.container_port == API_PORT):
        taken = [one for one in seen.host.listeners if one.port == port.host_port and one.address in ("::1", "::")]
        yield Finding(
            code="localhost-ours",
            subject="this host",
            promise=f"localhost:{port.host_port} leads to the API in IPv6 too, or nowhere",
            expected="no other program at [::1]",
            seen=", ".join(map(process_text, taken)) or "nobody",
            because="many clients try ::1 first when they are given the name localhost",
        ).held(
            when=not taken, otherwise="warning", fix=f"use http://127.0.0.1:{port.host_port}, or another ISTHMUS_PORT"
        )


def clash(name: str, port: Publication, holder: str) -> Finding:
    """The port is taken."""
    other = port.host_port + 1 if port.host_port < 65535 else port.host_port - 1
    return Finding(
        code="port-free",
        subject=name,
        promise=f"port {port.host_port} is free for it",
        expected="nobody else listens there",
        seen=holder,
        because="two programs cannot have one port: the container cannot start",
    ).held(when=False, fix=f"stop {holder}, or ISTHMUS_PORT={other} ./scripts/up")


def holder_of(port: Publication, seen: Observation, tried: ProbeResults) -> str:
    """Who has a port of the host: another container, or a process; empty when nobody."""
    for one in tried.neighbours:
        if any(theirs.host_port == port.host_port for theirs in one.published):
            return f"container {one.name}"
    return next((process_text(one) for one in seen.host.listeners if meets(one, port)), "")


def process_text(listener: Listener) -> str:
    """A listener by its process, where that may be seen."""
    return f"{listener.process} at {listener.text}" if listener.process else f"a process at {listener.text}"


def meets(listener: Listener, port: Publication) -> bool:
    """Whether a socket is in the way of a port."""
    if listener.port != port.host_port:
        return False
    return listener.address in ANY or port.host_address in ANY or listener.address == port.host_address


CLOSED_SINCE = 28
"""The engine that drops packets from outside to ports on 127.0.0.1 (moby/moby#45610)."""


def machine(seen: Observation, tried: ProbeResults) -> Iterator[Finding]:
    """What holds for every port and network of this host."""
    yield from packets_fit(seen)
    ports = [port for one in seen.containers for port in one.published]
    if ports:
        yield forwards(tried)
    if any(is_loopback(one.host_address) for one in ports):
        yield loopback_is_closed(seen, tried)


def packets_fit(seen: Observation) -> Iterator[Finding]:
    """The bridge's packets are no larger than the host's cards send on."""
    network = project_network(seen)
    cards = [one for one in seen.host.interfaces if one.kind == "card" and one.up and one.addresses]
    bridge = next((one for one in seen.host.interfaces if network and one.name == network.bridge), None)
    if bridge is None or not cards or seen.mode not in ("bridge", "container"):
        return
    narrow = min(cards, key=lambda card: card.mtu)
    yield Finding(
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


def forwards(tried: ProbeResults) -> Finding:
    """The kernel sends packets on from the card to the bridge."""
    promise = Finding(
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


def loopback_is_closed(seen: Observation, tried: ProbeResults) -> Finding:
    """A port on 127.0.0.1 is not reached by a neighbour who sends packets to it through the card."""
    found = re.match(r"\d+", seen.engine.version)
    version = int(found[0]) if found else 0  # of a build of somebody's own, such as `dev`, nothing is known
    dropped = any(re.search(r"^-t raw -A PREROUTING .*127\.0\.0\.[01].*-j DROP$", one) for one in tried.firewall or ())
    return Finding(
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
