"""A benchmark in words: for a terminal, and what the page says alike: figures of three digits, tables, what differs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from netlab.benchmark.model.path_seen import RequestPath
from netlab.benchmark.model.workloads import Workload
from netlab.benchmark.report.report import Report
from netlab.benchmark.stats.differences import capital
from netlab.benchmark.stats.measures import BYTES, MB, P50, P99, RPS, Measure, Result, kinds_of

WIDTH = 118
UNITS = {RPS.name: "requests/s", BYTES.name: "MB/s"}


def report_text(report: Report) -> str:
    """The whole comparison."""
    head = (
        f"{report.project}: {', '.join(report.modes)}, each against {report.modes[0]}",
        f"  {about(report)}",
        f"  {about_data(report)}",
    )
    paths = ("the path of a request", *(f"  {mode:<10}{path_words(report.paths[mode])}" for mode in report.modes))
    tables = [columns(table_of(report, workload)) for workload in report.workloads]
    found = [listed(title, lines) for title, lines in sections(report) if lines]
    return "\n\n".join(("\n".join(head), "\n".join(paths), *tables, *found))


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns, the first to the left, the others to the right."""
    heads, *below = rows
    shown = [heads, *(["  " + row[0], *row[1:]] for row in below)]
    widths = [max(len(row[at]) for row in shown) for at in range(len(heads))]
    lines: list[str] = []
    for first, *rest in shown:
        cells = (f"  {cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True))
        lines.append((first.ljust(widths[0]) + "".join(cells)).rstrip())
    return "\n".join(lines)


def listed(title: str, lines: Sequence[str]) -> str:
    """A title and its lines, wrapped."""
    wrapped = [
        textwrap.fill(line, WIDTH, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False)
        for line in lines
    ]
    return "\n".join([title, *wrapped])


def number(value: float) -> str:
    """Three digits of a number: 12,345 -> 12,300; 1.234 -> 1.23."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        return f"{round(value, 3 - len(str(int(size)))):,.0f}"
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def scaled(measure: Measure, value: float) -> float:
    """In the unit that is shown: bytes as MB."""
    return value / MB if measure.name == BYTES.name else value


def middle(result: Result, measure: Measure) -> str:
    """The median, or a dash."""
    found = result.median(measure)
    return "–" if found is None else number(scaled(measure, found))


def with_bounds(result: Result, measure: Measure) -> str:
    """The median, and the lowest and highest round."""
    found = result.figures.get(measure.name)
    if found is None:
        return "–"
    low, high = number(scaled(measure, found.low)), number(scaled(measure, found.high))
    return f"{number(scaled(measure, found.median))} ({low}–{high})"


def table_of(report: Report, workload: Workload) -> list[list[str]]:
    """A workload in each mode: the heads of the columns, and a row a mode."""
    kinds = kinds_of(workload)
    first, second = (BYTES, RPS) if workload.single else (RPS, BYTES)
    heads = [workload.title, UNITS[first.name], "p50 ms", "p99 ms", UNITS[second.name]]
    heads += [f"µs CPU/{kinds.unit}", "containers", "docker-proxy", "client", ""]
    rows = [
        [
            *(one.mode, with_bounds(one, first), middle(one, P50), middle(one, P99), middle(one, second)),
            *(with_bounds(one, kinds.cpu), middle(one, kinds.containers), middle(one, kinds.proxy)),
            *(middle(one, kinds.client), trouble(one)),
        ]
        for one in report.results
        if one.workload == workload.name
    ]
    return [heads, *rows]


def trouble(one: Result) -> str:
    """Whether something went wrong."""
    errors = sum(one.errors.values())
    return f"{errors} errors" if errors else f"{one.wrong} not as wanted" if one.wrong else ""


def about(report: Report) -> str:
    """Where and how it was measured."""
    plan, machine = report.plan, report.machine
    return (
        f"{report.rounds} rounds, {plan.seconds:g} s for each workload and round, {plan.connections} connections"
        f" ({machine.cpus} CPUs, Docker {machine.docker}, Linux {machine.kernel})"
    )


def about_data(report: Report) -> str:
    """The data of the requests."""
    target = report.target
    return (
        f"{target.collection}: {target.features:,} features, about {target.export_bytes / MB:.1f} MB;"
        f" tile {'/'.join(map(str, target.tile))} of {target.tile_bytes / 1000:.1f} kB"
    )


def path_words(path: RequestPath) -> str:
    """From the client to the API, and on to PostGIS."""
    through = f"{path.client}{', then the bridge and a veth pair' if path.veth else ''}"
    database = {"veth": "the bridge and a veth pair each"}.get(path.database, path.database)
    return f"{path.address} by {through}; PostGIS by {database}"


def sections(report: Report) -> Iterator[tuple[str, Sequence[str]]]:
    """(title, lines) of what follows from the figures; each cause once."""
    found = [one for one in report.findings if one.matters]
    for mode in report.modes[1:]:
        lines = [one.sentence for one in found if one.mode == mode]
        yield f"More than noise: {mode} against {report.modes[0]}", lines
    yield "Why", [capital(cause) for cause in dict.fromkeys(cause for one in found for cause in one.because)]
    yield "Within the noise", even_lines(report)
    yield "Advice for this machine", report.advice
    yield "Keep in mind", report.notes


def even_lines(report: Report) -> list[str]:
    """What could not be told apart, by mode."""
    even: dict[str, list[str]] = {}
    for one in report.findings:
        if not one.matters:
            even.setdefault(f"{one.mode} against {one.baseline}", []).append(one.title)
    return [f"{pair}: {', '.join(titles)}" for pair, titles in even.items()]
