"""Published ports: where they listen, the firewall's rule for other machines, docker-proxy for this host's clients."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netlab.checks.findings import Finding
from netlab.model.observation import Container, Observation, Publication, endpoint
from netlab.model.probe_results import ApiResponse, ProbeResults
from netlab.model.roles import API_PORT, db_port, of_role, start_command
from netlab.model.wiring import carriers, is_loopback

NFTABLES = "sudo nft list ruleset, or iptables-legacy-save: look for the port there"
AS_ROOT = "sudo ./scripts/isthmus net check"
BYPASS = (
    "Docker's own rules come before the host's (INPUT, ufw, firewalld), so a firewall of the host does not stop anybody"
)


def publications(seen: Observation, tried: ProbeResults) -> Iterator[Finding]:
    """The promises about ports of the host."""
    if seen.mode == "host":
        for container in of_role("api", seen):
            yield own_listener(container)
    yield from published_at_all(seen)
    database = {db_port(one) for one in of_role("postgis", seen)}  # netlab.checks.database looks at those
    for container in seen.containers:
        for port in container.published:
            if port.container_port not in database:
                yield on_loopback(port, container, seen)
            if not seen.engine.hidden:
                yield from carried(port, container, seen, tried)


def published_at_all(seen: Observation) -> Iterator[Finding]:
    """In bridge and container mode the API's port is published, in host mode and none nothing is."""
    ports = [(one, port) for one in seen.containers for port in one.published]
    if seen.mode in ("host", "none"):
        yield Finding(
            code="nothing-published",
            subject=seen.project,
            promise="no port is published",
            expected="none",
            seen=", ".join(text_of(port) for _, port in ports) or "none",
            because="the mode has no network of the engine's that ports could lead into",
        ).held(when=not ports, fix="; ".join(f"docker rm -f {one.name}" for one, _ in ports))
        return
    if seen.mode not in ("bridge", "container"):
        return
    owner = next(iter(of_role("net" if seen.mode == "container" else "api", seen)), None)
    api = [port for one, port in ports if one == owner and port.container_port == API_PORT]
    yield Finding(
        code="port-published",
        subject=owner.name if owner else seen.project,
        promise="the API's port is published",
        expected=f"a port of the host leads to {API_PORT}",
        seen=", ".join(map(text_of, api)) or "no port",
        because="without it nobody outside the network reaches the API",
    ).held(when=bool(api), fix=start_command(seen.mode))


def text_of(port: Publication) -> str:
    """`127.0.0.1:8080 -> 8080`."""
    return f"{endpoint(port.host_address, port.host_port)} -> {port.container_port}"


def on_loopback(port: Publication, container: Container, seen: Observation) -> Finding:
    """The port is open to this host only."""
    return Finding(
        code="port-private",
        subject=container.name,
        promise=f"port {port.host_port} is published on loopback only",
        expected="a host address of 127.0.0.0/8 or ::1",
        seen=text_of(port),
        because="only clients on this host can connect" if is_loopback(port.host_address) else BYPASS,
    ).held(when=is_loopback(port.host_address), fix=bind_fix(seen.mode))


def bind_fix(mode: str) -> str:
    """The setting, and what to do when the port is open on purpose."""
    rules = "" if mode == "host" else ", with rules in the chain DOCKER-USER for who may come"
    return (
        f"ISTHMUS_BIND=127.0.0.1 {start_command(mode)}   (or that line in .env)\n"
        f"when it is open on purpose: --accept port-private{rules}"
    )


def own_listener(container: Container) -> Finding:
    """Host mode: the API's own socket is on loopback."""
    address = container.setting("LISTEN").rpartition(":")[0].strip("[]")
    return Finding(
        code="port-private",
        subject=container.name,
        promise="the API listens on loopback only",
        expected="an address of 127.0.0.0/8 or ::1",
        seen=container.setting("LISTEN"),
        because="in host mode the process listens on the host itself, and the host's own firewall rules hold",
    ).held(
        when=is_loopback(address),
        fix=bind_fix("host"),
    )


def carried(port: Publication, container: Container, seen: Observation, tried: ProbeResults) -> Iterator[Finding]:
    """What brings clients of the port into the container."""
    yield by_rule(port, container, seen, tried)
    if tried.firewall is not None and seen.host.nat_rules is not None:
        yield let_through(port, container, seen, tried.firewall)
    yield by_proxy(port, container, seen, tried)


def by_rule(port: Publication, container: Container, seen: Observation, tried: ProbeResults) -> Finding:
    """The DNAT rule for other machines' clients, which leads to the container's address of today."""
    rule = carriers(port, container, seen).rule
    promise = Finding(
        code="port-rule",
        subject=container.name,
        promise=f"a NAT rule leads from port {port.host_port} to the container",
        expected=f"DNAT to {one_of(own_addresses(container, seen))}:{port.container_port}",
        seen=f"DNAT to {rule.container_address}:{rule.container_port}" if rule else other_rule(port, seen),
        because=rule.text
        if rule
        else "iptables-save -t nat has no such rule, so clients of other machines are not sent on",
    )
    if seen.host.nat_rules is None or (tried.firewall is None and rule is None):
        why = tried.missing.get("firewall") or "the firewall could not be read"
        return promise.unseen(why, NFTABLES if "DOCKER" in why else AS_ROOT)
    return promise.held(when=rule is not None, fix=restart_fix(container, seen.mode))


def restart_fix(container: Container, mode: str) -> str:
    """A restart makes rules and proxy anew; the holder of a namespace leaves its joiners behind, which `up` mends."""
    return f"docker restart {container.name}" + ("; ./scripts/up container" if mode == "container" else "")


def own_addresses(container: Container, seen: Observation) -> tuple[str, ...]:
    """The container's addresses. A swarm's task has one more, in docker_gwbridge, which only the rules know."""
    found = [one.ip for one in container.attachments]
    rules = [carriers(port, container, seen).rule for port in container.published] if seen.mode == "swarm" else []
    return tuple(dict.fromkeys([*found, *(rule.container_address for rule in rules if rule)]))


def one_of(addresses: tuple[str, ...]) -> str:
    """Addresses as words."""
    return " or ".join(addresses) or "the container"


def other_rule(port: Publication, seen: Observation) -> str:
    """Rules of the same port that lead elsewhere."""
    found = [one for one in seen.host.nat_rules or () if one.host_port == port.host_port]
    return ", ".join(f"DNAT to {one.container_address}:{one.container_port}" for one in found) or "no rule"


def let_through(port: Publication, container: Container, seen: Observation, rules: tuple[str, ...]) -> Finding:
    """The way to the rule, and the filter behind it: a jump into DOCKER, and an ACCEPT for the container's port."""
    address = "|".join(map(re.escape, own_addresses(container, seen)))
    jump = any(re.search(r"^-t nat -A PREROUTING .*-j DOCKER$", one) for one in rules)
    accept = any(
        re.search(rf"^-t filter .*-d ({address})(/32)? .*--dport {port.container_port} .*-j ACCEPT$", one)
        for one in rules
    )
    lacking = [
        *([] if jump else ["the jump from PREROUTING to DOCKER"]),
        *([] if accept else ["the ACCEPT of its port"]),
    ]
    return Finding(
        code="port-let-through",
        subject=container.name,
        promise=f"the firewall lets clients of port {port.host_port} through to the rule and to the container",
        expected="a jump to DOCKER (nat), an ACCEPT (filter)",
        seen=f"missing: {', '.join(lacking)}" if lacking else "both",
        because="iptables-save shows the chains that a packet of another machine walks through",
    ).held(when=not lacking, fix=restart_fix(container, seen.mode) if jump else "sudo systemctl restart docker")


def by_proxy(port: Publication, container: Container, seen: Observation, tried: ProbeResults) -> Finding:
    """docker-proxy for clients on loopback, whom the rule leaves out."""
    proxy = carriers(port, container, seen).proxy
    addresses = own_addresses(container, seen)
    promise = Finding(
        code="port-proxy",
        subject=container.name,
        promise=f"docker-proxy carries this host's own clients of port {port.host_port}",
        expected=f"docker-proxy to {one_of(addresses)}:{port.container_port}",
        seen=f"process {proxy.pid} to {endpoint(proxy.container_address, proxy.container_port)}"
        if proxy
        else "no process",
        because="loopback clients pass through this program, which copies every byte: the price of the mode"
        if proxy
        else without_proxy(port, tried.pages),
    )
    unknown = seen.mode == "swarm" and seen.host.nat_rules is None
    right = proxy is not None and (unknown or proxy.container_address in addresses)
    off = not seen.host.proxies or bool(answered(port, tried.pages))
    fix = USERLAND if off else restart_fix(container, seen.mode)
    return promise.held(when=right, fix=fix)


USERLAND = (
    '/etc/docker/daemon.json: "userland-proxy": true, then sudo systemctl restart docker\n'
    "when it is off on purpose: --accept port-proxy"
)


def answered(port: Publication, pages: tuple[ApiResponse, ...]) -> list[ApiResponse]:
    """The answers that came at a port."""
    return [one for one in pages if one.at.endswith(f":{port.host_port}") and one.status is not None]


def without_proxy(port: Publication, pages: tuple[ApiResponse, ...]) -> str:
    """What it means that there is none."""
    if answered(port, pages):
        return (
            "yet the port answers: with userland-proxy=false the kernel itself sends loopback clients on, which is"
            " faster, and needs route_localnet"
        )
    return "the process is gone, or the engine runs with userland-proxy=false: nobody answers on loopback"
