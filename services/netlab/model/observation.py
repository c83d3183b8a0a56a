"""What the lab saw, as values: the host, its networks, and the containers of one stack with their ports and mounts.

Nothing here does I/O; `netlab.parse` makes these values of what `netlab.observe` recorded. Addresses are texts as
Linux writes them, `172.18.0.2/16` with the length of the prefix where it is known. `None`: it could not be seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

InterfaceKind = Literal["loopback", "card", "bridge", "veth", "vxlan", "other"]
MODES = ("bridge", "host", "container", "none", "swarm")
"""What `isthmus.mode` labels containers with."""


@dataclass(frozen=True, slots=True)
class Interface:
    """A network card, real or not. `peer_index` is the number of the other end of a veth pair, in another namespace."""

    name: str
    index: int
    kind: InterfaceKind
    mac: str
    mtu: int
    up: bool
    addresses: tuple[str, ...] = ()
    peer_index: int | None = None
    bridge: str | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that waits for clients: an address and a port (TCP), or a path (unix)."""

    address: str
    port: int | None = None
    process: str | None = None

    @property
    def text(self) -> str:
        """`127.0.0.1:8080`, `[::]:5432` or a path."""
        return self.address if self.port is None else endpoint(self.address, self.port)


def endpoint(address: str, port: int) -> str:
    """An address and a port in one text."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@dataclass(frozen=True, slots=True)
class Network:
    """A network of the engine. `bridge` is the host's interface that it is made of, `members` names of containers."""

    name: str
    id: str
    driver: str
    scope: str
    subnets: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    bridge: str | None = None
    internal: bool = False
    mtu: int | None = None
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A container's place in a network. `links` are pairs of (alias, container)."""

    network: str
    address: str
    gateway: str
    mac: str
    aliases: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    @property
    def ip(self) -> str:
        """The address without the length of its prefix."""
        return self.address.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Publication:
    """A port of the host that leads to a port of a container, as `-p HOST_ADDRESS:HOST_PORT:CONTAINER_PORT`."""

    host_address: str
    host_port: int
    container_port: int
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True)
class Rights:
    """Owner and mode of a file on the host, such as 10001, 10001 and `drwxr-xr-x`."""

    uid: int
    gid: int
    mode: str


@dataclass(frozen=True, slots=True)
class Mount:
    """Storage in a container. `source` is the path on the host (empty: memory), `volume` the name of a named volume."""

    kind: Literal["bind", "volume", "tmpfs"]
    source: str
    target: str
    writable: bool
    volume: str | None = None
    rights: Rights | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """A container of the stack. `namespace` is its network namespace's inode, `network_mode` the engine's word."""

    name: str
    id: str
    service: str
    image: str
    state: str
    health: str | None
    network_mode: str
    user: str
    stale: bool = False
    """The tag of its image leads to a newer image by now."""
    pid: int | None = None
    namespace: int | None = None
    interfaces: tuple[Interface, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    published: tuple[Publication, ...] = ()
    exposed: tuple[str, ...] = ()
    listeners: tuple[Listener, ...] = ()
    hosts: tuple[tuple[str, str], ...] = ()
    """(name, address) of /etc/hosts, without those that every container has."""
    link_variables: tuple[str, ...] = ()
    """Environment variables that a link of old made, such as `POSTGIS_PORT=tcp://172.17.0.2:5432`."""
    settings: tuple[tuple[str, str], ...] = ()
    """Isthmus's settings that say how parts find each other; never a password."""
    mounts: tuple[Mount, ...] = ()

    @property
    def running(self) -> bool:
        """Whether it has processes, and so a network."""
        return self.state == "running"

    def setting(self, name: str) -> str:
        """The value of ISTHMUS_*, or an empty text."""
        return dict(self.settings).get(name, "")


@dataclass(frozen=True, slots=True)
class NatRule:
    """A rule of the host's firewall that sends what arrives at a port on to a container. `host_address` empty: any."""

    host_address: str
    host_port: int
    container_address: str
    container_port: int
    text: str


@dataclass(frozen=True, slots=True)
class Proxy:
    """A docker-proxy process: it carries the host's own clients to a published port."""

    pid: int
    host_address: str
    host_port: int
    container_address: str
    container_port: int


@dataclass(frozen=True, slots=True)
class Host:
    """The machine. `nat_rules` is None where the firewall may not be read."""

    name: str
    namespace: int | None
    interfaces: tuple[Interface, ...] = ()
    listeners: tuple[Listener, ...] = ()
    nat_rules: tuple[NatRule, ...] | None = None
    proxies: tuple[Proxy, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """The Docker engine. `rootless` and `remote` engines have a network that this machine does not show."""

    version: str
    api_version: str
    root_dir: str
    rootless: bool = False
    swarm: bool = False
    hidden: bool = False
    """It runs in another machine (Docker Desktop, a remote DOCKER_HOST): this host's interfaces are not its own."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """Something that could not be looked at, why, and what to do to see it."""

    what: str
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that was seen of one stack at one time. `mode` is what its containers are labelled with."""

    taken_at: str
    project: str
    mode: str
    data_dir: str
    engine: EngineInfo
    host: Host
    networks: tuple[Network, ...] = ()
    containers: tuple[Container, ...] = ()
    unseen: tuple[Unseen, ...] = ()
