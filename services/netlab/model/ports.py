"""What carries a published port, and which of the host's sockets are the stack's."""

from __future__ import annotations

from dataclasses import dataclass

from netlab.model.namespaces import is_hosts
from netlab.model.observation import Container, Listener, NatRule, Observation, Proxy, Publication

ANY = ("", "0.0.0.0", "::")  # noqa: S104


@dataclass(frozen=True, slots=True)
class Carriers:
    """The firewall rule carries other machines' clients, docker-proxy this host's. None: not there, or not seen."""

    rule: NatRule | None
    proxy: Proxy | None


def carriers(port: Publication, container: Container, seen: Observation) -> Carriers:
    """Who carries a published port of this container.

    A rule for every address has no destination, and the proxy of `::` shares the rule of IPv4's.
    """
    addresses = {card.partition("/")[0] for one in container.interfaces for card in one.addresses}
    rules = [
        rule
        for rule in seen.host.nat_rules or ()
        if rule.host_port == port.host_port
        and rule.container_port == port.container_port
        and same_address(rule.host_address, port.host_address)
        and (not addresses or rule.container_address in addresses)
    ]
    proxies = [
        proxy
        for proxy in seen.host.proxies
        if (proxy.host_port, proxy.host_address) == (port.host_port, port.host_address)
    ]
    return Carriers(rules[0] if rules else None, proxies[0] if proxies else None)


def same_address(one: str, other: str) -> bool:
    """Whether two host addresses of a port are the same, or both mean every address."""
    return one == other or (one in ANY and other in ANY)


def is_of_stack(listener: Listener, seen: Observation) -> bool:
    """Whether a socket of the host is one that the stack's containers in the host's namespace listen on."""
    return any(listens_there(listener, one) for one in seen.containers if one.running and is_hosts(one, seen))


def listens_there(listener: Listener, container: Container) -> bool:
    """Whether the container was told to listen on that address and port."""
    if listener.port is None:
        return False
    if container.setting("LISTEN"):
        address, _, port = container.setting("LISTEN").rpartition(":")
        return port == str(listener.port) and same_address(address.strip("[]"), listener.address)
    port = container.setting("PGPORT") if container.setting("PG_LISTEN") else ""
    return port == str(listener.port)
