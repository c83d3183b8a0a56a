"""A look at the stack: what was recorded, as an Observation. The one place that knows the engine's JSON."""

from __future__ import annotations

import re
import stat
from collections import Counter
from dataclasses import replace

from core.settings import Settings
from netlab.model.observation import (
    Attachment,
    Container,
    EngineInfo,
    Interface,
    Mount,
    Network,
    Observation,
    Publication,
    Rights,
    Unseen,
)
from netlab.observe.docker_engine import Engine, Json, labels_of, listed, mapped
from netlab.observe.recording import LINK_VARIABLE, Recording, choose_project, observe
from netlab.parse import host


def look(engine: Engine, settings: Settings, mode: str | None, project: str | None) -> tuple[Recording, Observation]:
    """One look at the stack that is meant: what was answered, and what that means. Raises: EngineAway, NoStack"""
    recording = observe(engine, choose_project(engine.stacks(), (settings.project, settings.data_dir), mode, project))
    return recording, parse(recording)


def parse(recording: Recording) -> Observation:
    """What was seen, as values."""
    containers = with_addresses([parse_container(one, recording) for one in recording.containers])
    labels = [labels_of(one) for one in recording.containers]
    engine = parse_engine(recording.engine)
    return Observation(
        taken_at=recording.taken_at,
        project=recording.project,
        mode=most_common([one.get("isthmus.mode", "") for one in labels]),
        data_dir=most_common([one.get("isthmus.data", "") for one in labels]),
        engine=engine,
        host=host.parse_host(recording.host),
        networks=tuple(parse_network(one) for one in recording.networks),
        containers=tuple(containers),
        unseen=(*unseen_of_engine(engine), *host.unseen_of_host(recording.host), *unseen_inside(recording)),
    )


def most_common(words: list[str]) -> str:
    """The word that most containers carry, empty where none does."""
    return Counter(word for word in words if word).most_common(1)[0][0] if any(words) else ""


def parse_engine(answers: Json) -> EngineInfo:
    """The engine. Docker Desktop runs it in a machine of its own, and says so in its system's name."""
    rootless = any("rootless" in option for option in answers["security"])
    return EngineInfo(
        version=answers["version"],
        api_version=answers["api_version"],
        root_dir=answers["root_dir"],
        rootless=rootless,
        swarm=answers["swarm"] == "active",
        hidden=rootless or not answers["local"] or "Docker Desktop" in answers["os"],
    )


def parse_network(network: Json) -> Network:
    """`docker network inspect`. A bridge's interface is named by an option, or after the network's id."""
    options = mapped(network["Options"])
    ranges = listed(mapped(network["IPAM"]).get("Config"))
    default_bridge = f"br-{network['Id'][:12]}" if network["Driver"] == "bridge" else None
    mtu = options.get("com.docker.network.driver.mtu")
    return Network(
        name=network["Name"],
        id=network["Id"],
        driver=network["Driver"],
        scope=network["Scope"],
        subnets=tuple(one["Subnet"] for one in ranges),
        gateways=tuple(one["Gateway"] for one in ranges if one.get("Gateway")),
        bridge=options.get("com.docker.network.bridge.name") or default_bridge,
        internal=network["Internal"],
        mtu=int(mtu) if mtu else None,
        members=tuple(sorted(one["Name"] for one in mapped(network["Containers"]).values())),
    )


def with_addresses(containers: list[Container]) -> list[Container]:
    """The containers in order of name, their interfaces with the addresses that the engine gave to that card (by MAC).

    A joiner of a namespace has no network of its own in the engine's JSON, but the same card as the holder.
    """
    by_mac = {one.mac: one.address for container in containers for one in container.attachments if one.mac}
    ordered = sorted(containers, key=lambda container: container.name)
    return [
        replace(container, interfaces=tuple(with_address(card, by_mac) for card in container.interfaces))
        for container in ordered
    ]


def with_address(card: Interface, by_mac: dict[str, str]) -> Interface:
    """The interface with its address, where the engine knows it."""
    if card.kind == "loopback":
        return replace(card, addresses=("127.0.0.1/8",))
    if card.mac in by_mac:
        return replace(card, addresses=(by_mac[card.mac],))
    return card


def unseen_of_engine(engine: EngineInfo) -> tuple[Unseen, ...]:
    """An engine elsewhere keeps its bridges elsewhere too."""
    if not engine.hidden:
        return ()
    why = "the engine runs without root" if engine.rootless else "the engine runs in another machine"
    return (Unseen("bridges and veth pairs", f"{why}, and its network is not this host's", "look inside that machine"),)


def unseen_inside(recording: Recording) -> tuple[Unseen, ...]:
    """Containers that could not be looked into."""
    names = {one["Id"]: one["Name"].lstrip("/") for one in recording.containers}
    return tuple(
        Unseen(f"the inside of {names[id]}", answer["error"], "the container's image needs sh and cat")
        for id, answer in recording.inside.items()
        if "error" in answer
    )


SERVICE_LABELS = ("com.docker.compose.service", "com.docker.swarm.service.name")


def parse_container(inspected: Json, recording: Recording) -> Container:
    """One container. What is inside is left out of those that share the host's namespace: it is the host's."""
    config, state = inspected["Config"], inspected["State"]
    inside = host.sections(recording.inside.get(inspected["Id"], {}).get("output", ""))
    namespace = host.namespace_inode(inside.get("namespace"))
    of_host = namespace is not None and namespace == host.namespace_inode(recording.host["namespace"])
    image, labels = config["Image"], labels_of(inspected)
    attachments = parse_attachments(mapped(inspected["NetworkSettings"]["Networks"]))
    return Container(
        name=inspected["Name"].lstrip("/"),
        id=inspected["Id"],
        service=next((labels[one] for one in SERVICE_LABELS if labels.get(one)), ""),
        image=image,
        state=state["Status"],
        health=mapped(state.get("Health")).get("Status"),
        network_mode=inspected["HostConfig"]["NetworkMode"],
        user=config["User"],
        stale=recording.images.get(image, "") not in ("", inspected["Image"]),
        pid=state["Pid"] or None,
        namespace=namespace,
        interfaces=() if of_host else interfaces_inside(inside, attachments),
        attachments=attachments,
        published=parse_published(mapped(inspected["NetworkSettings"]["Ports"])),
        exposed=tuple(sorted(port if "/" in port else f"{port}/tcp" for port in mapped(config.get("ExposedPorts")))),
        listeners=()
        if of_host or not inside
        else host.parse_listeners(inside["tcp"], inside["tcp6"], inside["unix"], recording.host["owners"]),
        hosts=() if of_host else host.parse_hosts(inside.get("hosts", "")),
        link_variables=tuple(entry for entry in config["Env"] if re.match(f"{LINK_VARIABLE}=", entry)),
        settings=parse_environment(config["Env"]),
        mounts=tuple(parse_mount(one, recording.host["rights"]) for one in inspected["Mounts"]),
    )


def interfaces_inside(inside: dict[str, str], attachments: tuple[Attachment, ...]) -> tuple[Interface, ...]:
    """The container's cards. An address that the engine does not name is that of the one card it does not name."""
    cards = host.parse_cards(inside.get("cards", ""))
    named = {one.mac: one.address for one in attachments}
    local = host.parse_local_addresses(inside.get("addresses", ""))
    rest = tuple(one for one in local if one not in {attached.ip for attached in attachments})
    unnamed = [card for card in cards if card.kind != "loopback" and card.mac not in named]
    return tuple(replace(card, addresses=rest) if [card] == unnamed else card for card in cards)


def parse_environment(entries: list[str]) -> tuple[tuple[str, str], ...]:
    """Isthmus's settings without their prefix, and PostgreSQL's port."""
    pairs = [entry.partition("=") for entry in entries]
    kept = [(name, value) for name, _, value in pairs if name.startswith(("ISTHMUS_", "PGPORT", "PGDATA"))]
    return tuple((name.removeprefix("ISTHMUS_"), value) for name, value in kept)


def parse_attachments(networks: Json) -> tuple[Attachment, ...]:
    """The networks that a container is plugged into; `host` and `none` are no such thing."""
    return tuple(
        Attachment(
            network=name,
            address=f"{end['IPAddress']}/{end['IPPrefixLen']}",
            gateway=end["Gateway"],
            mac=end["MacAddress"],
            aliases=tuple(end["Aliases"] or ()),
            links=parse_links(listed(end["Links"])),
        )
        for name, end in networks.items()
        if end["IPAddress"]
    )


def parse_links(links: list[str]) -> tuple[tuple[str, str], ...]:
    """(alias, container) of `container:alias`; Compose also writes the container's own names, which say nothing."""
    pairs = [link.rpartition(":") for link in links]
    return tuple((alias, name) for name, _, alias in pairs if name != alias and not name.endswith(f"-{alias}"))


def parse_published(ports: Json) -> tuple[Publication, ...]:
    """Published ports of a running container: `8080/tcp` -> the host's addresses and ports."""
    found: list[Publication] = []
    for target, bindings in ports.items():
        port, _, protocol = target.partition("/")
        found += [
            Publication(one["HostIp"], int(one["HostPort"]), int(port), protocol)
            for one in listed(bindings)
            if one["HostPort"]
        ]
    return tuple(sorted(found, key=lambda one: (one.container_port, one.host_address)))


def parse_mount(mount: Json, rights: dict[str, list[int]]) -> Mount:
    """A mount, with the rights of its source where this user may see them."""
    found = rights.get(mount["Source"])
    return Mount(
        kind=mount["Type"],
        source=mount["Source"],
        target=mount["Destination"],
        writable=mount["RW"],
        volume=mount.get("Name") if mount["Type"] == "volume" else None,
        rights=Rights(found[0], found[1], stat.filemode(found[2])) if found else None,
    )
