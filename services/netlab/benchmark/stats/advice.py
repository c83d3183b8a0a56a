"""What the figures say about this machine: what to run, and what to change. Every line has the figure it stands on."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence

from netlab.benchmark.model.path_seen import RequestPath
from netlab.benchmark.stats.differences import ModeDifference, Ratio
from netlab.benchmark.stats.measures import OF_REQUESTS, RPS, Result

KEEP_ALIVE_PAYS = 1.5
FASTER = 1.1


def advice(
    found: Sequence[ModeDifference], results: Sequence[Result], paths: Mapping[str, RequestPath], modes: Sequence[str]
) -> tuple[str, ...]:
    """Lines for the operator of this machine."""
    by_key = {(one.mode, one.workload): one for one in results}
    return (*mode_advice(found, paths, modes), *proxy_advice(by_key, paths), *keep_alive_advice(by_key, modes))


def mode_advice(
    found: Sequence[ModeDifference], paths: Mapping[str, RequestPath], modes: Sequence[str]
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
            f" within the noise counted as equal; {price(paths[mode])}"
        )
    if paths[modes[0]].nat_rule and paths[modes[0]].proxies:
        yield (
            f"Clients on other machines meet the firewall's NAT rule in {modes[0]}, not docker-proxy, so they gain"
            " less: this was measured from this machine alone"
        )


def even_advice(found: Sequence[ModeDifference], modes: Sequence[str]) -> Iterator[str]:
    """When no mode is faster: isolation decides, or CPU, which a busy machine blurs less than speed."""
    yield f"No mode is faster than {modes[0]} beyond the noise: choose by isolation, stay with {modes[0]}"
    costs = {mode: mean_ratio([one.cpu for one in found if one.mode == mode]) for mode in modes[1:]}
    for mode, value in sorted(costs.items(), key=lambda pair: pair[1]):
        if value <= 1 / FASTER:
            yield f"Where CPU is short: {mode} takes {value:.2f} times the CPU of {modes[0]} over all workloads"


def mean_ratio(ratios: Sequence[Ratio | None]) -> float:
    """The geometric mean of ratios to the baseline, those within the noise as 1."""
    logs = [math.log(one.ratio) if one.exceeds_noise else 0.0 for one in ratios if one is not None]
    return math.exp(statistics.fmean(logs)) if logs else 1.0


def price(path: RequestPath) -> str:
    """What a mode gives up, by its path."""
    if path.client == "unix socket":
        return "only programs that open its socket reach it, such as a reverse proxy on this machine"
    if path.client == "loopback":
        return "it shares the host's ports and has no network of its own"
    return "its containers share one network, and so their ports"


def proxy_advice(results: Mapping[tuple[str, str], Result], paths: Mapping[str, RequestPath]) -> Iterator[str]:
    """docker-proxy can be left out for the whole engine."""
    having = [one for (mode, _), one in results.items() if paths[mode].proxies]
    most = {one.workload: proxy_cpu(one) for one in sorted(having, key=proxy_cpu)}
    cached, new = most.get("cached-tile", 0.0), most.get("connect", 0.0)
    if max(cached, new) >= 1:
        yield (
            f"docker-proxy took {cached:.0f} µs of CPU for a request and {new:.0f} for one"
            ' with a new connection: "userland-proxy": false in /etc/docker/daemon.json leaves it out for all'
            " containers of this engine (not measured here)"
        )


def proxy_cpu(one: Result) -> float:
    """Microseconds of docker-proxy's CPU for a request."""
    return one.median(OF_REQUESTS.proxy) or 0.0


def keep_alive_advice(results: Mapping[tuple[str, str], Result], modes: Sequence[str]) -> Iterator[str]:
    """Connections that stay open."""
    ratios: dict[str, float] = {}
    for mode in modes:
        open_one, new = results.get((mode, "cached-tile")), results.get((mode, "connect"))
        if open_one and new and (rate := new.median(RPS)):
            ratios[mode] = (open_one.median(RPS) or 0.0) / rate
    mode, most = max(ratios.items(), key=lambda pair: pair[1], default=("", 0.0))
    if most >= KEEP_ALIVE_PAYS:
        yield (
            f"Let clients and reverse proxies keep connections open: in {mode} a new one for each tile leaves"
            f" {1 / most:.0%} of the requests a second"
        )
