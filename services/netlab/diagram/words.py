"""What each mode is, in two sentences, and how names are said in a picture."""

from __future__ import annotations

import re

from netlab.model.observation import Container, Listener, Observation

SWARM_IDS = re.compile(r"(\.[a-z0-9]{25})+$")
"""What a Swarm adds to the names of its tasks: ids of the task and, of a service on every node, of the node."""

MODE_WORDS = {
    "bridge": "Each container has a network of its own, and a cable (a veth pair) from its eth0 into a bridge of the"
    " host, a switch made of software with private addresses (RFC 1918). From outside only published ports lead in: a"
    " rule of the firewall (NAT) carries clients of other machines, docker-proxy those of this one.",
    "host": "The containers have no network of their own: they use the host's cards and ports as its other programs do."
    " Nothing stands between a client and them, neither bridge nor NAT, so their ports must be free on the host.",
    "container": "All containers share one network, that of a container which only holds it: they reach each other at"
    " 127.0.0.1, and no two may use the same port. One cable leads from it into the bridge, and its holder publishes"
    " the port.",
    "none": "The containers have nothing but loopback: no card, no cable, no way in or out over a network. They talk"
    " through sockets that are files on shared storage, and so does who asks them.",
    "swarm": "The services run on one or more machines, joined by overlay networks: what one container sends to another"
    " travels in VXLAN packets between the machines. Each container also has a cable into docker_gwbridge, its"
    " way out.",
}


def mode_words(seen: Observation) -> str:
    """What the mode is, or that there is none to tell."""
    return MODE_WORDS.get(seen.mode, "The containers carry no label isthmus.mode, so no mode is told.")


def short_name(container: Container, seen: Observation) -> str:
    """The container's name without its project's: `api-1` of `isthmus-api-1`, `api.2` of a task of a Swarm."""
    return named(SWARM_IDS.sub("", container.name), seen)


def named(name: str, seen: Observation) -> str:
    """A name without its project's, where there is something else to it."""
    shorter = name.removeprefix(f"{seen.project}-").removeprefix(f"{seen.project}_")
    return shorter or name


def socket_words(listener: Listener) -> str:
    """A socket and its program; the engine's name server is said to be one."""
    if listener.port is not None and listener.address == "127.0.0.11":
        return f"{listener.text} DNS"
    return f"{listener.text} {(listener.process or '').partition(' ')[0]}".rstrip()
