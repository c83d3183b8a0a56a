"""The plots of a benchmark as SVG: for each workload a row a mode, with its rounds as dots and its CPU as a bar.

Colours are classes of the page's style, so the plots follow its light and dark. Every number has a column of its own
beside the plot, where no dot can lie under it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from netlab.benchmark.model.workloads import Workload
from netlab.benchmark.report.figures import UNITS, number, scaled, with_bounds
from netlab.benchmark.report.report import Report
from netlab.benchmark.stats.measures import Kinds, Result, kinds_of

WIDTH, ROW, TOP, BOTTOM = 1040, 34, 30, 30
NAME_X = 78
RATE = (92, 410)
RATE_TEXT = 424
CPU = (616, 830)
CPU_TEXT = 844
PARTS = ("containers", "proxy", "client")


def plot(report: Report, workload: Workload) -> str:
    """The figure of a workload."""
    kinds = kinds_of(workload)
    found = [one for one in report.results if one.workload == workload.name]
    height = TOP + ROW * len(found) + BOTTOM
    parts = [*axis(RATE, rate_top(found, kinds), height, f"{workload.title}: {UNITS[kinds.rate.name]}")]
    parts += axis(CPU, cpu_top(found, kinds), height, f"CPU in µs a {kinds.unit}")
    for at, one in enumerate(found):
        y = TOP + ROW * at + ROW / 2
        parts += [text(NAME_X, y + 4, one.mode, "name end"), *rate_row(one, kinds, rate_top(found, kinds), y)]
        parts += cpu_row(one, kinds, cpu_top(found, kinds), y)
    label = escape(f"{workload.title} in {', '.join(one.mode for one in found)}", quote=True)
    inner = "\n".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">\n{inner}\n</svg>'


def rate_top(found: Sequence[Result], kinds: Kinds) -> float:
    """The end of the axis of rates."""
    return nice_top(
        [scaled(kinds.rate, one.figures[kinds.rate.name].high) for one in found if kinds.rate.name in one.figures]
    )


def cpu_top(found: Sequence[Result], kinds: Kinds) -> float:
    """The end of the axis of CPU."""
    return nice_top([sum(cpu_parts(one, kinds)) for one in found])


def nice_top(values: Sequence[float]) -> float:
    """The first of 1, 1.5, 2, 3, 4, 5, 6, 8, 10 times a power of ten that no value exceeds."""
    highest = max(values, default=0.0)
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= highest)


def axis(place: tuple[int, int], top: float, height: int, title: str) -> Iterator[str]:
    """Title, three lines and their numbers."""
    left, right = place
    yield text(left, 16, title, "title")
    for share in (0.0, 0.5, 1.0):
        x = left + (right - left) * share
        yield f'<line class="grid" x1="{x:.1f}" y1="{TOP - 4}" x2="{x:.1f}" y2="{height - BOTTOM + 4}"/>'
        yield text(x, height - 8, number(top * share), "tick middle")


def rate_row(one: Result, kinds: Kinds, top: float, y: float) -> Iterator[str]:
    """A mode's rounds as dots, a line from the lowest to the highest, the median as a large dot, and the numbers."""
    found = one.figures.get(kinds.rate.name)
    if found is None:
        yield text(RATE_TEXT, y + 4, "no answer", "wrong")
        return

    def x_of(value: float) -> float:
        return RATE[0] + (RATE[1] - RATE[0]) * scaled(kinds.rate, value) / top

    yield f'<line class="range" x1="{x_of(found.low):.1f}" y1="{y}" x2="{x_of(found.high):.1f}" y2="{y}"/>'
    yield from (f'<circle class="round" cx="{x_of(value):.1f}" cy="{y}" r="4"/>' for value in found.rounds)
    yield f'<circle class="median" cx="{x_of(found.median):.1f}" cy="{y}" r="7"/>'
    yield text(RATE_TEXT, y + 4, with_bounds(one, kinds.rate), "value")


def cpu_parts(one: Result, kinds: Kinds) -> tuple[float, float, float]:
    """Medians of the CPU of containers, docker-proxy and client."""
    containers, proxy, client = (
        one.median(measure) or 0.0 for measure in (kinds.containers, kinds.proxy, kinds.client)
    )
    return containers, proxy, client


def cpu_row(one: Result, kinds: Kinds, top: float, y: float) -> Iterator[str]:
    """A mode's CPU as a bar of three parts, and the number of the whole."""
    x = float(CPU[0])
    for name, value in zip(PARTS, cpu_parts(one, kinds), strict=True):
        width = (CPU[1] - CPU[0]) * value / top
        if width > 0:
            yield f'<rect class="{name}" x="{x:.1f}" y="{y - 8}" width="{width:.1f}" height="16"/>'
        x += width
    yield text(CPU_TEXT, y + 4, with_bounds(one, kinds.cpu), "value")


def text(x: float, y: float, words: str, style: str) -> str:
    """A text."""
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'
