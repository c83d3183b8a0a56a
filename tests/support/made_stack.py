"""Observations of stacks that nobody runs: 1 to 10 containers, any mode, several networks, long and odd names."""

from __future__ import annotations

from dataclasses import dataclass

from netlab.model.observation import (
    Attachment,
    Container,
    EngineInfo,
    Host,
    Interface,
    Listener,
    Mount,
    NatRule,
    Network,
    Observation,
    Proxy,
    Publication,
    Rights,
    Unseen,
)

HOST_NAMESPACE = 4026531833
LO = Interface("lo", 1, "loopback", "00:00:00:00:00:00", 65536, up=True, addresses=("127.0.0.1/8",))
LONG = '/srv/a folder/with <odd> & "quoted" names/' + "deep/" * 12 + "data"


@dataclass(frozen=True)
class Made:
    """What to make. `ports` are published by every second container, the first included."""

    mode: str = "bridge"
    containers: int = 3
    networks: int = 1
    ports: int = 1
    host_address: str = "127.0.0.1"
    project: str = "isthmus"
    long: bool = False
    proxy: bool = True
    root: bool = True
    stopped: bool = False
    hidden: bool = False


def made_stack(asked: Made) -> Observation:
    """The observation."""
    networks = made_networks(asked)
    containers = [made_container(asked, number, networks) for number in range(asked.containers)]
    ports = [(one, port) for one in containers for port in one.published]
    rules = tuple(
        NatRule(port.host_address, port.host_port, address(one), port.container_port, f"-A DOCKER {port.host_port}")
        for one, port in ports
    )
    proxies = tuple(
        Proxy(900 + number, port.host_address, port.host_port, address(one), port.container_port)
        for number, (one, port) in enumerate(ports)
    )
    unseen = Unseen(
        "the firewall's rules (NAT)", "Permission denied (you must be root)", "sudo ./scripts/isthmus net …"
    )
    return Observation(
        taken_at="2026-11-25T14:29:52+00:00",
        project=asked.project,
        mode=asked.mode,
        data_dir="/srv/isthmus/data",
        engine=EngineInfo("26.1.5", "1.45", "/var/lib/docker", swarm=asked.mode == "swarm", hidden=asked.hidden),
        host=Host(
            "gis",
            HOST_NAMESPACE,
            interfaces=made_host_cards(asked, networks, containers),
            listeners=made_host_sockets(asked),
            nat_rules=rules if asked.root else None,
            proxies=proxies if asked.proxy else (),
        ),
        networks=(
            *networks,
            Network("bridge", "d0" * 32, "bridge", "local", ("172.17.0.0/16",), ("172.17.0.1",), "docker0"),
        ),
        containers=tuple(containers),
        unseen=() if asked.root else (unseen,),
    )


def made_networks(asked: Made) -> tuple[Network, ...]:
    """The networks that containers are plugged into, in turn; the first has them all."""
    count = {"bridge": asked.networks, "container": 1, "swarm": asked.networks}.get(asked.mode, 0)
    bridges = [
        Network(
            f"{asked.project}_net{number}",
            f"{number:x}bc" * 21,
            "overlay" if asked.mode == "swarm" else "bridge",
            "swarm" if asked.mode == "swarm" else "local",
            (f"172.{18 + number}.0.0/16",),
            (f"172.{18 + number}.0.1",),
            None if asked.mode == "swarm" else f"br-{number}a18ddd689c0",
        )
        for number in range(count)
    ]
    gateway = Network(
        "docker_gwbridge", "9b" * 32, "bridge", "local", ("172.30.0.0/16",), ("172.30.0.1",), "docker_gwbridge"
    )
    return (*bridges, *([gateway] if asked.mode == "swarm" else []))


def is_running(asked: Made, number: int) -> bool:
    """Whether that container runs."""
    return not (asked.stopped and number == asked.containers - 1 and number > 0)


def networks_of(asked: Made, number: int, networks: tuple[Network, ...]) -> list[int]:
    """The numbers of the networks that a container is plugged into."""
    last = [len(networks) - 1] if asked.mode == "swarm" else []
    return sorted({0, number % max(1, len(networks)), *last}) if networks else []


def made_container(asked: Made, number: int, networks: tuple[Network, ...]) -> Container:
    """One container."""
    service = f"service<{number}>" if asked.long else f"part{number}"
    joins = asked.mode == "container" and number > 0
    plugged = [] if joins else networks_of(asked, number, networks)
    attachments = tuple(
        Attachment(networks[one].name, f"172.{18 + one}.0.{number + 2}/16", "", f"02:42:{one:02x}:00:00:{number:02x}")
        for one in plugged
    )
    running = is_running(asked, number)
    publishes = asked.mode in ("bridge", "swarm") and number % 2 == 0 or (asked.mode == "container" and number == 0)
    name = f"{asked.project}-{service}-1"
    return Container(
        name=name,
        id=f"{number:064x}",
        service=service,
        image=f"registry.example.org/some/where/{service}:latest" if asked.long else "isthmus-api:local",
        state="running" if running else "exited",
        health="healthy" if running else None,
        network_mode={"host": "host", "none": "none"}.get(asked.mode, f"container:{0:064x}" if joins else "net0"),
        user="10001:10001",
        namespace=None if not running else namespace(asked, number),
        interfaces=made_cards(asked, number, plugged) if running else (),
        attachments=attachments if running else (),
        published=tuple(
            Publication(asked.host_address, 18000 + number * 100 + port, 8000 + port) for port in range(asked.ports)
        )
        if publishes and running
        else (),
        listeners=made_sockets(asked, number) if running else (),
        link_variables=("POSTGIS_PORT=tcp://172.17.0.2:5432",) if asked.long else (),
        settings=(("LISTEN", f"{asked.host_address}:{18000 + number}"),) if asked.mode == "host" else (),
        mounts=made_mounts(asked, number),
    )


def namespace(asked: Made, number: int) -> int:
    """The inode of a container's namespace."""
    return {"host": HOST_NAMESPACE, "container": 4026532100}.get(asked.mode, 4026532100 + number)


def made_cards(asked: Made, number: int, plugged: list[int]) -> tuple[Interface, ...]:
    """The cards of a container: of a joiner of a namespace, the holder's."""
    if asked.mode in ("host", "none"):
        return () if asked.mode == "host" else (LO,)
    holder, plugged = (0, [0]) if asked.mode == "container" else (number, plugged)
    cards = [
        Interface(
            f"eth{place}",
            100 + 20 * holder + 2 * one,
            "veth",
            f"02:42:{one:02x}:00:00:{holder:02x}",
            1500,
            up=True,
            addresses=(f"172.{18 + one}.0.{holder + 2}/16",),
            peer_index=101 + 20 * holder + 2 * one,
        )
        for place, one in enumerate(plugged)
    ]
    return (LO, *cards)


def made_host_cards(asked: Made, networks: tuple[Network, ...], containers: list[Container]) -> tuple[Interface, ...]:
    """The host's cards: a real one, the bridges, and the far ends of the cables into them."""
    bridges = [(number, one) for number, one in enumerate(networks) if one.bridge]
    found = [
        LO,
        Interface("eth0", 4, "card", "02:00:00:00:00:01", 1500, up=True, addresses=("192.0.2.2/24", "fd00::2/64")),
    ]
    found += [Interface(one.bridge or "", 10 + number, "bridge", "", 1500, up=True) for number, one in bridges]
    by_mac = {end.mac: end.network for one in containers for end in one.attachments}
    of_network = {one.name: one.bridge for _, one in bridges}
    for one in containers:
        for card in one.interfaces:
            bridge = of_network.get(by_mac.get(card.mac, ""))
            if card.kind == "veth" and bridge and card.peer_index:
                name = f"veth{card.peer_index:07x}"
                found.append(Interface(name, card.peer_index, "veth", "", 1500, True, (), card.index, bridge))
    return tuple({one.index: one for one in found}.values())


def made_sockets(asked: Made, number: int) -> tuple[Listener, ...]:
    """The sockets in a container's namespace."""
    if asked.mode == "none":
        return (Listener(f"/run/isthmus/part{number}.sock", None, "python3 (5)"),)
    return (Listener("0.0.0.0", 8000, "python3 (7)"), Listener("127.0.0.11", 40000 + number, "dockerd (1)"))


def made_host_sockets(asked: Made) -> tuple[Listener, ...]:
    """The sockets of the host: those of the stack in mode host, and another one."""
    ours = [Listener(asked.host_address, 18000 + number, "python3 (77)") for number in range(asked.containers)]
    return (*(ours if asked.mode == "host" else []), Listener("0.0.0.0", 22, "sshd (1)"))


def made_mounts(asked: Made, number: int) -> tuple[Mount, ...]:
    """Storage that all share, of its own, and memory."""
    shared = LONG if asked.long else "/srv/isthmus/data"
    own = f"{asked.project}_own{number}"
    return (
        Mount("bind", shared, "/data", number % 2 == 1, None, Rights(0, 0, "drwxr-xr-x")),
        Mount("bind", "/srv/isthmus/data/var/run", "/run/isthmus", True, None, Rights(10001, 10001, "drwxr-xr-x")),
        Mount(
            "volume", f"/var/lib/docker/volumes/{own}/_data", f"/own/{'x' * 90 if asked.long else number}", True, own
        ),
        Mount("tmpfs", "", "/tmp", True),
        Mount("tmpfs", "", "/run/postgresql", True),
    )


def address(container: Container) -> str:
    """The first address of a container."""
    return next((card.addresses[0].partition("/")[0] for card in container.interfaces if card.kind == "veth"), "")
