"""Texts of the host and the kernel as values: `ip`, `iptables-save`, docker-proxy's arguments, /proc/net, /sys/class.

Formats: proc_pid_net(5), and Documentation/networking/proc_net_tcp.rst of the kernel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address

from netlab.model.observation import Host, Interface, InterfaceKind, Listener, NatRule, Proxy, Unseen
from netlab.observe.docker_engine import Json, listed
from netlab.observe.host import ACCEPTING, LISTENING

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


COMMON_NAMES = ("localhost", "ip6-localhost", "ip6-loopback")
LOCAL_ADDRESS = re.compile(r"\|-- (\S+)\n\s+/32 host LOCAL")


def sections(text: str) -> dict[str, str]:
    """The parts of INSIDE_SCRIPT's output by their names: a part begins with a line `# name`."""
    parts = re.split(r"^# (\w+)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def namespace_inode(text: str | None) -> int | None:
    """4026531833 of `net:[4026531833]`."""
    found = re.search(r"net:\[(\d+)\]", text or "")
    return int(found[1]) if found else None


def parse_cards(text: str) -> tuple[Interface, ...]:
    """Interfaces of a container: lines `name ifindex iflink mtu operstate mac`; a veth's iflink is another card's."""
    cards: list[Interface] = []
    for line in text.splitlines():
        name, *values = line.split()
        if len(values) < 4:
            continue
        index, link = int(values[0]), int(values[1])
        kind: InterfaceKind = "loopback" if name == "lo" else "veth" if link != index else "card"
        mac = values[4] if len(values) > 4 else ""
        peer = link if link != index else None
        cards.append(Interface(name, index, kind, mac, int(values[2]), values[3] != "down", peer_index=peer))
    return tuple(sorted(cards, key=lambda card: card.index))


def parse_local_addresses(fib_trie: str) -> tuple[str, ...]:
    """The IPv4 addresses of a namespace, without loopback's."""
    found = dict.fromkeys(LOCAL_ADDRESS.findall(fib_trie))
    return tuple(address for address in found if not address.startswith("127."))


def parse_listeners(tcp: str, tcp6: str, unix: str, owners: Mapping[str, str]) -> tuple[Listener, ...]:
    """The sockets that wait for clients, each address once (workers share one), TCP by port and then unix by path."""
    sockets = (*tcp_listeners(tcp + tcp6, owners), *unix_listeners(unix, owners))
    found = {(one.address, one.port): one for one in sockets}
    return tuple(sorted(found.values(), key=lambda one: (one.port is None, one.port or 0, one.address)))


def tcp_listeners(table: str, owners: Mapping[str, str]) -> Iterator[Listener]:
    """The listening sockets of /proc/net/tcp or tcp6."""
    for line in table.splitlines():
        words = line.split()
        if len(words) > 9 and words[3] == LISTENING:
            address, _, port = words[1].partition(":")
            yield Listener(parse_address(address), int(port, 16), owners.get(words[9]))


def unix_listeners(table: str, owners: Mapping[str, str]) -> Iterator[Listener]:
    """The listening sockets of /proc/net/unix that have a path."""
    for line in table.splitlines():
        words = line.split()
        if len(words) == 8 and words[3] == ACCEPTING and words[7].startswith("/"):
            yield Listener(words[7], None, owners.get(words[6]))


def parse_address(text: str) -> str:
    """An address of /proc/net/tcp: hexadecimal, each four bytes in the order of the machine (little-endian)."""
    raw = bytes.fromhex(text)
    swapped = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
    address = IPv4Address(swapped) if len(swapped) == 4 else IPv6Address(swapped)
    return str(address.ipv4_mapped or address) if isinstance(address, IPv6Address) else str(address)


def parse_hosts(text: str) -> tuple[tuple[str, str], ...]:
    """(name, address) of /etc/hosts without loopback's and the multicast names that every container has."""
    pairs: list[tuple[str, str]] = []
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if not address.startswith(("fe00::", "ff00::", "ff02::")):
            pairs += [(name, address) for name in names if name not in COMMON_NAMES]
    return tuple(pairs)
