"""The path of a request in a mode, as seen: what carries it to the API, and what carries the API's queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from netlab.errors import NoStack
from netlab.model.observation import Container, Observation, Publication
from netlab.model.roles import API_PORT, api_addresses, client_address
from netlab.model.wiring import cables, carriers, is_hosts, namespaces

Carrier = Literal["docker-proxy", "NAT", "loopback", "unix socket", "unknown"]
Database = Literal["veth", "loopback", "unix socket"]


@dataclass(frozen=True, slots=True)
class RequestPath:
    """How a request travels.

    address:  where a client on this machine asks: `host:port` or `unix:/path`
    client:   what carries the client's connection to the API
    nat_rule: the firewall has a rule for the port, which carries the clients of other machines
    veth:     between client and API lies a veth pair
    database: what carries the API's queries
    proxies:  process ids of the docker-proxy of the port
    """

    address: str
    client: Carrier
    database: Database
    veth: bool = False
    nat_rule: bool = False
    proxies: tuple[int, ...] = ()


def path_of(seen: Observation) -> RequestPath:
    """The path in the mode that was looked at. Raises: NoStack when its API does not run"""
    api = service(seen, "api")
    database = database_path(seen, api)
    holder, port = published(seen)
    if port is None or holder is None:
        return direct_path(api, database, seen)
    carried = carriers(port, holder, seen)
    by: Carrier = "docker-proxy" if carried.proxy else "NAT" if carried.rule else "unknown"
    proxies = tuple(one.pid for one in seen.host.proxies if one.host_port == port.host_port)
    has_veth = any(cable.container.name == holder.name for cable in cables(seen))
    return RequestPath(
        client_address(port.host_address, port.host_port), by, database, has_veth, carried.rule is not None, proxies
    )


def direct_path(api: Container, database: Database, seen: Observation) -> RequestPath:
    """Of an API that no port is published for: it listens on the host itself, or on a socket."""
    by_socket = api.setting("LISTEN").startswith("unix:")
    if not by_socket and not is_hosts(api, seen):
        raise NoStack(f"{api.name} publishes no port", hint=f"./scripts/up {seen.mode} starts it as it should be")
    addresses = api_addresses(seen)
    if not addresses:
        raise NoStack(f"the socket of {api.name} is on no folder of this host", hint=f"./scripts/up {seen.mode}")
    return RequestPath(addresses[0], "unix socket" if by_socket else "loopback", database)


def service(seen: Observation, name: str) -> Container:
    """The running container of `api` or `postgis`, whatever the mode. Raises: NoStack"""
    names = (name, f"{name}-{seen.mode}")
    found = [one for one in seen.containers if one.running and one.service in names]
    if not found:
        raise NoStack(f"{seen.project} has no running {name} in mode {seen.mode}", hint=f"./scripts/up {seen.mode}")
    return found[0]


def published(seen: Observation) -> tuple[Container | None, Publication | None]:
    """Who publishes the API's port: the API, or the holder of its namespace."""
    found = [
        (one, port)
        for one in seen.containers
        if one.running and not is_hosts(one, seen)
        for port in one.published
        if port.container_port == API_PORT
    ]
    return min(found, key=lambda pair: pair[1].host_address) if found else (None, None)


def database_path(seen: Observation, api: Container) -> Database:
    """What carries the API's queries: a socket by its path, loopback in one namespace, else a veth pair each."""
    if api.setting("DB_HOST").startswith("/"):
        return "unix socket"
    postgis = service(seen, "postgis")
    together = any(api in one.containers and postgis in one.containers for one in namespaces(seen))
    return "loopback" if together else "veth"
