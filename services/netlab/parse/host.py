"""The host's answers as values: interfaces of `ip`, rules of `iptables-save`, command lines of docker-proxy."""

from __future__ import annotations

import re

from netlab.model.observation import Host, Interface, InterfaceKind, NatRule, Proxy, Unseen
from netlab.observe.docker_json import Json, listed
from netlab.observe.proc_tables import namespace_inode, parse_listeners

DNAT = re.compile(
    r"^-A \S+ .*--dport (?P<port>\d+) .*-j DNAT --to-destination (?P<address>\S+):(?P<to>\d+)$", re.MULTILINE
)
DESTINATION = re.compile(r" -d ([^\s/]+)")
AS_ROOT = "sudo ./scripts/isthmus net …"


def parse_host(answers: Json) -> Host:
    """The machine as the lab saw it."""
    return Host(
        name=answers["name"],
        namespace=namespace_inode(answers["namespace"]),
        interfaces=tuple(parse_interface(one) for one in listed(answers["links"])),
        listeners=parse_listeners(answers["tcp"], answers["tcp6"], answers["unix"], answers["owners"]),
        nat_rules=None if answers["nat"] is None else parse_nat(answers["nat"]),
        proxies=tuple(parse_proxy(words) for words in answers["proxies"]),
    )


def parse_interface(link: Json) -> Interface:
    """One interface of `ip -j -d address`."""
    return Interface(
        name=link["ifname"],
        index=link["ifindex"],
        kind=interface_kind(link),
        mac=link.get("address", ""),
        mtu=link["mtu"],
        up="UP" in link["flags"],
        addresses=tuple(f"{one['local']}/{one['prefixlen']}" for one in link["addr_info"] if one["scope"] != "link"),
        peer_index=link.get("link_index"),
        bridge=link.get("master"),
    )


def interface_kind(link: Json) -> InterfaceKind:
    """What an interface is: made of software as a bridge, one end of a veth pair, or a card."""
    kind = link.get("linkinfo", {}).get("info_kind")
    if link.get("link_type") == "loopback":
        return "loopback"
    if kind in ("bridge", "veth", "vxlan"):
        return kind
    return "card" if kind is None else "other"


def parse_nat(saved: str) -> tuple[NatRule, ...]:
    """The rules that send a port of the host on to a container (DNAT)."""
    rules: list[NatRule] = []
    for found in DNAT.finditer(saved):
        to = DESTINATION.search(found[0])
        address = found["address"].strip("[]")
        rules.append(NatRule(to[1] if to else "", int(found["port"]), address, int(found["to"]), found[0]))
    return tuple(rules)


def parse_proxy(words: list[str]) -> Proxy:
    """A docker-proxy by its pid and arguments `-host-ip A -host-port N -container-ip A -container-port N`."""
    given = {name.lstrip("-"): value for name, value in zip(words[2::2], words[3::2], strict=False)}
    return Proxy(
        pid=int(words[0]),
        host_address=given.get("host-ip", ""),
        host_port=int(given.get("host-port", 0)),
        container_address=given.get("container-ip", ""),
        container_port=int(given.get("container-port", 0)),
    )


def unseen_of_host(answers: Json) -> tuple[Unseen, ...]:
    """What the host did not show, and how it would."""
    unseen: list[Unseen] = []
    if answers["links"] is None:
        unseen.append(Unseen("the host's interfaces", answers["links_error"], "apt-get install iproute2"))
    if answers["nat"] is None:
        missing = "not installed" in answers["nat_error"]
        remedy = "apt-get install iptables" if missing else AS_ROOT
        unseen.append(Unseen("the firewall's rules (NAT)", answers["nat_error"], remedy))
    if not answers["root"]:
        unseen.append(Unseen("which process has a port of the host", "only root sees other users' sockets", AS_ROOT))
    return tuple(unseen)
