"""Why two modes differ: from the way that the lab saw in each, and from the CPU that each part really took."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netlab.benchmark.model.path_seen import RequestPath
from netlab.benchmark.stats.results import Kinds, Result

WORTH_TELLING = 0.03
"""A part of all CPU that is smaller is no cause."""

NAMES = {
    "veth": "through the bridge and a veth pair each",
    "loopback": "over loopback",
    "unix socket": "by a unix socket",
}


@dataclass(frozen=True, slots=True)
class Side:
    """A mode in a comparison: its way, and what a workload came to."""

    mode: str
    way: RequestPath
    result: Result


def causes(ours: Side, base: Side, kinds: Kinds, *, asks_database: bool) -> tuple[str, ...]:
    """What the lab knows to be different between two modes, with its CPU where it can be told apart."""
    found = [
        *proxy_causes(ours, base, kinds),
        *kernel_causes(ours, base, kinds),
        *socket_causes(ours, base),
        *(database_causes(ours, base) if asks_database else ()),
    ]
    return tuple(found) or ("the lab sees the same way in both, so it does not know the cause",)


def in_order(ours: Side, base: Side, *, ours_has: bool) -> tuple[Side, Side]:
    """(the side that has it, the other one)."""
    return (ours, base) if ours_has else (base, ours)


def proxy_causes(ours: Side, base: Side, kinds: Kinds) -> Iterator[str]:
    """docker-proxy on one side alone."""
    ours_has, base_has = bool(ours.way.proxies), bool(base.way.proxies)
    if ours_has == base_has:
        return
    having, other = in_order(ours, base, ours_has=ours_has)
    proxy, total = having.result.median(kinds.proxy) or 0.0, having.result.median(kinds.cpu) or 0.0
    took = f"{micros(proxy)} of CPU {kinds.unit}"
    if not total or proxy / total < WORTH_TELLING:
        yield f"docker-proxy is in the way in {having.mode}, but took only {took}"
        return
    work = "copies every byte between two connections" if kinds.unit == "a MB" else "carries this machine's clients"
    yield (
        f"docker-proxy {work} in {having.mode}: {took}, {proxy / total:.0%} of all that is spent;"
        f" {other.mode} runs without it"
    )


def kernel_causes(ours: Side, base: Side, kinds: Kinds) -> Iterator[str]:
    """A veth pair, and perhaps NAT, on one side alone: they have no process, so their CPU is in that of the others."""
    if ours.way.veth == base.way.veth:
        return
    having, other = in_order(ours, base, ours_has=ours.way.veth)
    parts = (
        "the NAT rule, the bridge and the veth pair" if having.way.client == "NAT" else "the bridge and the veth pair"
    )
    rest = rest_of(having, other, kinds)
    if rest is None or rest < WORTH_TELLING * (having.result.median(kinds.cpu) or 0.0):
        yield f"{parts} of {having.mode} cost no CPU that could be told from noise"
        return
    yield (
        f"{parts} of {having.mode}, which {other.mode} has not, are among the {micros(rest)} {kinds.unit} that the"
        " other processes take more there"
    )


def rest_of(having: Side, other: Side, kinds: Kinds) -> float | None:
    """What one side takes more than the other in CPU, without its proxy's."""
    totals = having.result.median(kinds.cpu), other.result.median(kinds.cpu)
    proxies = having.result.median(kinds.proxy) or 0.0, other.result.median(kinds.proxy) or 0.0
    if totals[0] is None or totals[1] is None:
        return None
    return (totals[0] - proxies[0]) - (totals[1] - proxies[1])


def socket_causes(ours: Side, base: Side) -> Iterator[str]:
    """A unix socket on one side alone."""
    ours_has = ours.way.client == "unix socket"
    if ours_has != (base.way.client == "unix socket"):
        having, _ = in_order(ours, base, ours_has=ours_has)
        yield f"the unix socket of {having.mode} needs no TCP: no packets, no acknowledgements, no steps to connect"


def database_causes(ours: Side, base: Side) -> Iterator[str]:
    """Another way to PostGIS."""
    if ours.way.database != base.way.database:
        yield (
            f"the API asks PostGIS {NAMES[ours.way.database]} in {ours.mode}, {NAMES[base.way.database]} in {base.mode}"
        )


def micros(value: float) -> str:
    """Microseconds for people."""
    return f"{value:.1f} µs" if value < 10 else f"{value:,.0f} µs"
