"""What a container is to the stack: which of its parts, which parts a mode has, and what storage each needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from netlab.model.observation import Container, Mount, Observation, endpoint

Role = Literal["postgis", "api", "loader", "net"]
ROLES: tuple[Role, ...] = ("postgis", "api", "loader", "net")
PG_PORT = 5432
API_PORT = 8080
SOCKET_IN_CONTAINER = "/run/isthmus"
PARTS: tuple[Role, ...] = ("postgis", "api", "loader")


@dataclass(frozen=True, slots=True)
class Storage:
    """A mount that a part needs. `probe` is the folder in which writing is tried."""

    target: str
    writable: bool
    probe: str


STORAGE: dict[Role, tuple[Storage, ...]] = {
    "postgis": (Storage("/var/lib/postgresql/data", writable=True, probe="/var/lib/postgresql/data"),),
    "api": (
        Storage("/data", writable=False, probe="/data"),
        Storage("/tiles", writable=True, probe="/tiles"),
        Storage("/spool", writable=True, probe="/spool"),
    ),
    "loader": (
        Storage("/data", writable=True, probe="/data/var"),
        Storage("/data", writable=True, probe="/data/var/reports"),
    ),
}
OF_NONE: dict[Role, tuple[Storage, ...]] = {
    "postgis": (Storage("/run/isthmus-pg", writable=True, probe="/run/isthmus-pg"),),
    "api": (Storage("/run/isthmus", writable=True, probe="/run/isthmus"),),
}


def services_of(mode: str) -> tuple[str, ...]:
    """The Compose services of a mode; a swarm's are not known beforehand."""
    if mode == "bridge":
        return PARTS
    if mode == "swarm":
        return ()
    return (*(("net",) if mode == "container" else ()), *(f"{part}-{mode}" for part in PARTS))


def start_command(mode: str) -> str:
    """What starts a mode, and mends what a start mends."""
    return "./scripts/swarm up" if mode == "swarm" else f"./scripts/up {mode}"


def recreate_command(container: Container, mode: str) -> str:
    """What makes a container anew: its network and mounts are chosen when it is made."""
    return f"docker rm -f {container.name}; {start_command(mode)}"


def role_of(container: Container) -> Role | None:
    """Which part of the stack a container is, by its service or else by its image."""
    for role in ROLES:
        if container.service == role or container.service.startswith(f"{role}-"):
            return role
    return next((role for role in ROLES if f"isthmus-{role}" in container.image), None)


def of_role(role: Role, seen: Observation) -> tuple[Container, ...]:
    """The containers that are this part."""
    return tuple(one for one in seen.containers if role_of(one) == role)


def storage_of(container: Container, mode: str) -> tuple[Storage, ...]:
    """The mounts that this container needs. A swarm's parts are placed differently, so there it is what they have."""
    role = role_of(container)
    if role is None:
        return ()
    needed = (*STORAGE.get(role, ()), *(OF_NONE.get(role, ()) if mode == "none" else ()))
    if mode != "swarm":
        return needed
    return tuple(one for one in needed if mount_at(container, one.target))


def mount_at(container: Container, target: str) -> Mount | None:
    """What is mounted at a path of the container."""
    return next((one for one in container.mounts if one.target == target), None)


def db_port(container: Container) -> int:
    """The port of a PostGIS container's PostgreSQL."""
    return int(container.setting("PGPORT") or PG_PORT)


def db_targets(container: Container) -> Iterator[str]:
    """Where a client finds PostgreSQL: `HOST:PORT` or the path of a socket, one for each host of the setting."""
    port = container.setting("DB_PORT") or str(PG_PORT)
    for host in filter(None, container.setting("DB_HOST").split(",")):
        yield f"{host}/.s.PGSQL.{port}" if host.startswith("/") else f"{host}:{port}"


def api_targets(container: Container) -> Iterator[str]:
    """Where the loader finds the API."""
    if container.setting("API"):
        yield container.setting("API").removeprefix("unix:")


def is_name(host: str) -> bool:
    """Whether a host has to be resolved: it is no address and no path."""
    return bool(host) and not host.startswith("/") and not host.replace(".", "").isdigit() and ":" not in host


def names_of(container: Container) -> tuple[str, ...]:
    """The names that a container has to know: of its links, and those that its settings mention."""
    links = [alias for one in container.attachments for alias, _ in one.links]
    hosts = [target.rpartition(":")[0] for target in (*db_targets(container), *api_targets(container))]
    return tuple(dict.fromkeys([*links, *filter(is_name, hosts)]))


def api_socket(container: Container) -> str | None:
    """The path on the host of the socket that the API listens on, in mode none."""
    listen = container.setting("LISTEN")
    folder = mount_at(container, SOCKET_IN_CONTAINER)
    if not listen.startswith("unix:") or folder is None:
        return None
    return folder.source + listen.removeprefix(f"unix:{SOCKET_IN_CONTAINER}")


def api_addresses(seen: Observation) -> tuple[str, ...]:
    """Where the API is promised to answer this host: `host:port`, or `unix:/path`."""
    found: list[str] = []
    for container in seen.containers:
        found += [
            client_address(one.host_address, one.host_port)
            for one in container.published
            if one.container_port == API_PORT
        ]
    for container in of_role("api", seen):
        path = api_socket(container)
        if path:
            found.append(f"unix:{path}")
        elif seen.mode == "host":
            address, _, port = container.setting("LISTEN").rpartition(":")
            found.append(client_address(address.strip("[]"), int(port)))
    return tuple(dict.fromkeys(found))


def client_address(address: str, port: int) -> str:
    """Where a client of this host finds a port that listens on every address, or on one."""
    return endpoint({"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(address, address), port)  # noqa: S104


def data_folder(seen: Observation, otherwise: Path) -> Path:
    """The stack's data folder on the host: what its parts have mounted at /data, or else as a label names it.

    Plain `docker compose` labels it `data`, relative to a folder that nobody knows; then it is `otherwise`.
    """
    mounts = [mount_at(one, "/data") for role in ("loader", "api") for one in of_role(role, seen)]
    named = [Path(one.source) for one in mounts if one and one.kind == "bind"] or [Path(seen.data_dir)]
    return named[0] if named[0].is_absolute() else otherwise
