"""What the figures say about this machine: what to run, and what to change. Every line has the figure it stands on."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence

from netlab.benchmark.model.path_seen import RequestPath
from netlab.benchmark.stats.findings import ModeDifference
from netlab.benchmark.stats.results import Result
from netlab.benchmark.stats.spread import CPU_PROXY, RPS, Ratio

KEEP_ALIVE_PAYS = 1.5
FASTER = 1.1


def advice(
    found: Sequence[ModeDifference], results: Sequence[Result], ways: Mapping[str, RequestPath], modes: Sequence[str]
) -> tuple[str, ...]:
    """Lines for the operator of this machine."""
    by_key = {(one.mode, one.workload): one for one in results}
    return (
        *mode_advice(found, ways, modes),
        *proxy_advice(by_key, ways, modes),
        *keep_alive_advice(by_key, modes),
    )


def mode_advice(
    found: Sequence[ModeDifference], ways: Mapping[str, RequestPath], modes: Sequence[str]
) -> Iterator[str]:
    """Which mode to run for clients of this machine, and what that gives up."""
    rates = {mode: mean_ratio([one.rate for one in found if one.mode == mode]) for mode in modes[1:]}
    faster = {mode: value for mode, value in rates.items() if value >= FASTER}
    if not faster:
        yield from even_advice(found, modes)
        return
    for mode, value in sorted(faster.items(), key=lambda pair: -pair[1]):
        yield (
            f"For clients on this machine, {mode} is {value:.1f} times as fast as {modes[0]} over all workloads, those"
            f" within the noise counted as equal; {price(ways[mode])}"
        )
    if ways[modes[0]].nat_rule and ways[modes[0]].proxies:
        yield (
            f"Clients on other machines meet the firewall's NAT rule in {modes[0]}, not docker-proxy, so they gain"
            " less: this was measured from this machine alone"
        )


def even_advice(found: Sequence[ModeDifference], modes: Sequence[str]) -> Iterator[str]:
    """When no mode is faster: isolation decides, or CPU, which a busy machine blurs less than speed."""
    costs = {mode: mean_ratio([one.cpu for one in found if one.mode == mode]) for mode in modes[1:]}
    saved = {mode: value for mode, value in costs.items() if value <= 1 / FASTER}
    yield f"No mode is faster than {modes[0]} beyond the noise: choose by isolation, stay with {modes[0]}"
    for mode, value in sorted(saved.items(), key=lambda pair: pair[1]):
        yield f"Where CPU is short: {mode} takes {value:.2f} times the CPU of {modes[0]} over all workloads"


def mean_ratio(differences: Sequence[Ratio | None]) -> float:
    """The geometric mean of ratios to the baseline, those within the noise as 1."""
    logs = [math.log(one.ratio) if one.exceeds_noise else 0.0 for one in differences if one is not None]
    return math.exp(statistics.fmean(logs)) if logs else 1.0


def price(way: RequestPath) -> str:
    """What a mode gives up, by its way."""
    if way.client == "unix socket":
        return "only programs that open its socket reach it, such as a reverse proxy on this machine"
    if way.client == "loopback":
        return "it shares the host's ports and has no network of its own"
    return "its containers share one network, and so their ports"


def proxy_advice(
    results: Mapping[tuple[str, str], Result], ways: Mapping[str, RequestPath], modes: Sequence[str]
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
