"""A recording as an Observation: the one place that knows the engine's JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from netlab.model.observation import Container, Engine, Interface, Network, Observation, Unseen
from netlab.observe.docker_json import Json, listed, mapped
from netlab.observe.recording import Recording
from netlab.parse.container import parse_container
from netlab.parse.host import parse_host, unseen_of_host


def parse(recording: Recording) -> Observation:
    """What was seen, as values."""
    containers = with_addresses([parse_container(one, recording) for one in recording.containers])
    labels = [mapped(one["Config"]["Labels"]) for one in recording.containers]
    engine = parse_engine(recording.engine)
    return Observation(
        taken_at=recording.taken_at,
        project=recording.project,
        mode=most_common([one.get("isthmus.mode", "") for one in labels]),
        data_dir=most_common([one.get("isthmus.data", "") for one in labels]),
        engine=engine,
        host=parse_host(recording.host),
        networks=tuple(parse_network(one) for one in recording.networks),
        containers=tuple(containers),
        unseen=(*unseen_of_engine(engine), *unseen_of_host(recording.host), *unseen_inside(recording)),
    )


def most_common(words: list[str]) -> str:
    """The word that most containers carry, empty where none does."""
    return Counter(word for word in words if word).most_common(1)[0][0] if any(words) else ""


def parse_engine(answers: Json) -> Engine:
    """The engine. Docker Desktop runs it in a machine of its own, and says so in its system's name."""
    rootless = any("rootless" in option for option in answers["security"])
    return Engine(
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


def unseen_of_engine(engine: Engine) -> tuple[Unseen, ...]:
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
