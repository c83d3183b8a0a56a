"""Other containers of the same engine, of `docker ps`: who publishes ports, joins networks, mounts the same folders."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from netlab.model.observation import Publication
from netlab.model.probe_results import Neighbour
from netlab.observe.docker_engine import project_of
from netlab.observe.docker_json import Json, listed, mapped


def neighbours(everyone: Iterable[Json], ours: Collection[str]) -> tuple[Neighbour, ...]:
    """The containers whose id is none of ours, in order of name."""
    found = [neighbour(one) for one in everyone if one["Id"] not in ours]
    return tuple(sorted(found, key=lambda one: one.name))


def neighbour(listing: Json) -> Neighbour:
    """One container of `docker ps --all`."""
    labels = mapped(listing["Labels"])
    return Neighbour(
        name=listed(listing["Names"])[0].lstrip("/"),
        project=project_of(labels),
        state=listing["State"],
        mode=labels.get("isthmus.mode", ""),
        networks=tuple(mapped(mapped(listing["NetworkSettings"])["Networks"])),
        network_mode=mapped(listing["HostConfig"])["NetworkMode"],
        published=tuple(sorted(published(listed(listing["Ports"])), key=lambda one: (one.host_port, one.host_address))),
        sources=tuple(one.get("Name") or one.get("Source", "") for one in listed(listing["Mounts"])),
        data_dir=labels.get("isthmus.data", ""),
    )


def published(ports: Iterable[Json]) -> list[Publication]:
    """The published ones of the ports of `docker ps`."""
    return [
        Publication(one.get("IP", ""), one["PublicPort"], one["PrivatePort"], one["Type"])
        for one in ports
        if "PublicPort" in one
    ]
