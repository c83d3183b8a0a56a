"""What the figures say about this machine: what to run, and what to change. Every line has the figure it stands on."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence

from netlab.compare.findings import Finding
from netlab.compare.results import Result
from netlab.compare.spread import CPU_PROXY, RPS
from netlab.compare.way import Way

KEEP_ALIVE_PAYS = 1.5
FASTER = 1.1


def advice(
    found: Sequence[Finding], results: Sequence[Result], ways: Mapping[str, Way], modes: Sequence[str]
) -> tuple[str, ...]:
    """Lines for the operator of this machine."""
    by_key = {(one.mode, one.workload): one for one in results}
    return (
        *mode_advice(found, ways, modes),
        *proxy_advice(by_key, ways, modes),
        *keep_alive_advice(by_key, modes),
    )


def mode_advice(found: Sequence[Finding], ways: Mapping[str, Way], modes: Sequence[str]) -> Iterator[str]:
    """Which mode to run for clients of this machine, and what that gives up."""
    gains = {mode: gain(found, mode) for mode in modes[1:]}
    better = {mode: value for mode, value in gains.items() if value is not None and value >= FASTER}
    if not better:
        worse = [mode for mode, value in gains.items() if value is not None and value <= 1 / FASTER]
        slower = f" ({' and '.join(worse)} {'is' if len(worse) == 1 else 'are'} slower)" if worse else ""
        yield f"No mode is faster than {modes[0]} beyond the noise{slower}: choose by isolation, stay with {modes[0]}"
        return
    for mode, value in sorted(better.items(), key=lambda pair: -pair[1]):
        yield (
            f"For clients on this machine, {mode} is {value:.1f} times as fast as {modes[0]} over all workloads;"
            f" {price(ways[mode])}"
        )
    if ways[modes[0]].nat_rule and ways[modes[0]].proxies:
        yield (
            f"Clients on other machines meet the firewall's NAT rule in {modes[0]}, not docker-proxy, so they gain"
            " less: this was measured from this machine alone"
        )


def gain(found: Sequence[Finding], mode: str) -> float | None:
    """The mean of a mode's rates over the baseline's, those within the noise as 1; None when nothing was compared."""
    rates = [one.rate for one in found if one.mode == mode and one.rate is not None]
    if not rates:
        return None
    return math.exp(statistics.fmean(math.log(one.ratio) if one.exceeds_noise else 0.0 for one in rates))


def price(way: Way) -> str:
    """What a mode gives up, by its way."""
    if way.client == "unix socket":
        return "only programs that open its socket reach it, such as a reverse proxy on this machine"
    if way.client == "loopback":
        return "it shares the host's ports and has no network of its own"
    return "its containers share one network, and so their ports"


def proxy_advice(
    results: Mapping[tuple[str, str], Result], ways: Mapping[str, Way], modes: Sequence[str]
) -> Iterator[str]:
    """docker-proxy can be left out for the whole engine."""
    having = [mode for mode in modes if ways[mode].proxies]
    kept, new = (highest(results, having, workload) for workload in ("cached-tile", "connect"))
    if max(kept, new) < 1:
        return
    yield (
        f"docker-proxy took {kept:.0f} µs of CPU for a request and {new:.0f} for one with a new connection:"
        ' "userland-proxy": false in /etc/docker/daemon.json leaves it out for all containers of this engine'
        " (not measured here)"
    )


def highest(results: Mapping[tuple[str, str], Result], modes: Sequence[str], workload: str) -> float:
    """The most CPU that docker-proxy took for a request, in microseconds."""
    found = [results[mode, workload].median(CPU_PROXY) for mode in modes if (mode, workload) in results]
    return max((one for one in found if one is not None), default=0.0)


def keep_alive_advice(results: Mapping[tuple[str, str], Result], modes: Sequence[str]) -> Iterator[str]:
    """Connections that stay open."""
    ratios: dict[str, float] = {}
    for mode in modes:
        kept, new = results.get((mode, "cached-tile")), results.get((mode, "connect"))
        if kept and new and (rate := new.median(RPS)):
            ratios[mode] = (kept.median(RPS) or 0.0) / rate
    if not ratios:
        return
    mode, ratio = max(ratios.items(), key=lambda pair: pair[1])
    if ratio >= KEEP_ALIVE_PAYS:
        yield (
            f"Let clients and reverse proxies keep connections open: in {mode} a new one for each tile leaves"
            f" {1 / ratio:.0%} of the requests a second"
        )
