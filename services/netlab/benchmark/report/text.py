"""A comparison for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from netlab.benchmark.model.path_seen import RequestPath
from netlab.benchmark.model.slices import MB
from netlab.benchmark.model.workloads import Workload
from netlab.benchmark.report.figures import UNITS, middle, with_bounds
from netlab.benchmark.report.report import Report
from netlab.benchmark.stats.findings import ModeDifference
from netlab.benchmark.stats.results import Result, kinds_of
from netlab.benchmark.stats.spread import BYTES, P50, P99, RPS

WIDTH = 118


def report_text(report: Report) -> str:
    """The whole comparison."""
    parts = [head(report), ways_text(report), *(table(report, kind) for kind in report.kinds)]
    parts += [
        told(f"More than noise: {mode} against {report.modes[0]}", told_of(report, mode)) for mode in report.modes
    ]
    parts += [told("Within the noise", even_lines(report.findings)), told("Advice for this machine", report.advice)]
    parts += [told("Keep in mind", report.notes)]
    return "\n\n".join(part for part in parts if part)


def head(report: Report) -> str:
    """What was measured, where, and how."""
    plan, target, machine = report.plan, report.target, report.machine
    zoom, row, column = target.tile
    return "\n".join(
        (
            f"{report.project}: {', '.join(report.modes)}, each against {report.modes[0]}",
            f"  {report.rounds} rounds, {plan.seconds:g} s for each workload and round, {plan.connections} connections"
            f" ({machine.cpus} CPUs, Docker {machine.docker}, Linux {machine.kernel})",
            f"  {target.collection}: {target.features:,} features, about {target.export_bytes / MB:.1f} MB;"
            f" tile {zoom}/{row}/{column} of {target.tile_bytes / 1000:.1f} kB",
        )
    )


def ways_text(report: Report) -> str:
    """How requests travel in each mode, as the lab saw it."""
    lines = ["the way of a request"]
    lines += [f"  {mode:<10}{way_words(report.ways[mode])}" for mode in report.modes]
    return "\n".join(lines)


def way_words(way: RequestPath) -> str:
    """The way from the client to the API, and on to PostGIS."""
    through = f"{way.client}{', then the bridge and a veth pair' if way.veth else ''}"
    database = {"veth": "the bridge and a veth pair each"}.get(way.database, way.database)
    return f"{way.address} by {through}; PostGIS by {database}"


def table(report: Report, kind: Workload) -> str:
    """A workload in each mode."""
    kinds = kinds_of(kind)
    rates = (BYTES, RPS) if kind.single else (RPS, BYTES)
    unit = kinds.unit.removeprefix("a ")
    titles = [kind.title, UNITS[rates[0].name], "p50 ms", "p99 ms", UNITS[rates[1].name]]
    titles += [f"µs CPU/{unit}", "containers", "docker-proxy", "client"]
    rows = [
        [
            *(f"  {one.mode}", with_bounds(one, rates[0]), middle(one, P50), middle(one, P99), middle(one, rates[1])),
            *(with_bounds(one, kinds.cpu), middle(one, kinds.containers), middle(one, kinds.proxy)),
            *(middle(one, kinds.client), wrong_words(one)),
        ]
        for one in report.results
        if one.workload == kind.name
    ]
    return columns([[*titles, ""], *rows])


def wrong_words(one: Result) -> str:
    """Whether something went wrong."""
    errors = sum(one.errors.values())
    return f"{errors} errors" if errors else f"{one.wrong} not as wanted" if one.wrong else ""


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns, the first to the left, the others to the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(line.rstrip() for line in rows_in(rows, widths))


def rows_in(rows: Iterable[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    """The lines of a table."""
    for first, *rest in rows:
        yield first.ljust(widths[0]) + "".join(
            f"  {cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True)
        )


def told_of(report: Report, mode: str) -> list[str]:
    """What is more than noise in a mode."""
    return [one.text for one in report.findings if one.matters and one.mode == mode]


def even_lines(found: Sequence[ModeDifference]) -> list[str]:
    """What could not be told apart, by mode."""
    even: dict[str, list[str]] = {}
    for one in found:
        if not one.matters:
            even.setdefault(f"{one.mode} against {one.baseline}", []).append(one.title)
    return [f"{pair}: {', '.join(titles)}" for pair, titles in even.items()]


def told(title: str, lines: Sequence[str]) -> str:
    """A title and its lines, wrapped; nothing without lines."""
    if not lines:
        return ""
    wrapped = [
        textwrap.fill(line, WIDTH, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False)
        for line in lines
    ]
    return "\n".join([title, *wrapped])
