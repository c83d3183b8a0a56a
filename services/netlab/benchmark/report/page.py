"""A benchmark as one page that needs nothing else: plots first, style in it, and it asks no network.

For each workload a plot has a row a mode, with its rounds as dots and its CPU as a bar. Colours are classes of the
page's style, so plots follow its light and dark. Every number has a column of its own, where no dot can lie under it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from netlab.benchmark.model.workloads import Workload
from netlab.benchmark.report import text
from netlab.benchmark.report.report import Report
from netlab.benchmark.stats.measures import Kinds, Result, kinds_of

STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6775; --page: #ffffff; --card: #f5f7f9; --line:
  #d5dbe1; --accent: #1f6feb; --proxy: #d9730d; --client: #9aa5b1; --wrong: #c62828; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #a2aebb; --page: #14191f; --card: #1d242c;
  --line: #37424e; --accent: #6cb0ff; --proxy: #f2a04a; --client: #7b8794; --wrong: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1120px; padding: 1.5rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .25rem; }
.soft { color: var(--soft); margin: .25rem 0 .5rem; font-size: .9rem; }
figure { margin: .75rem 0; padding: .75rem; background: var(--card); border: 1px solid var(--line); border-radius:
  8px; overflow-x: auto; }
svg { display: block; width: 100%; min-width: 820px; height: auto; }
svg text { fill: var(--ink); font: 13px system-ui, sans-serif; font-variant-numeric: tabular-nums; }
svg .title, svg .name { font-weight: 600; }
svg .tick { fill: var(--soft); font-size: 12px; }
svg .end { text-anchor: end; }
svg .middle { text-anchor: middle; }
svg .wrong { fill: var(--wrong); }
svg .grid { stroke: var(--line); }
svg .range { stroke: var(--accent); stroke-width: 3; opacity: .45; stroke-linecap: round; }
svg .round { fill: var(--accent); opacity: .55; }
svg .median { fill: var(--page); stroke: var(--accent); stroke-width: 3; }
.containers { fill: var(--accent); background: var(--accent); }
.proxy { fill: var(--proxy); background: var(--proxy); }
.client { fill: var(--client); background: var(--client); }
.soft i { display: inline-block; width: .9em; height: .9em; border-radius: 2px; margin: 0 .35em 0 1em;
  vertical-align: -.1em; }
li { margin: .35rem 0; }
summary { margin: 1.5rem 0 .5rem; font-weight: 600; cursor: pointer; }
.wide { overflow-x: auto; margin-bottom: 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .82rem; }
th, td { padding: .3rem .45rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
code { background: var(--card); border: 1px solid var(--line); border-radius: 4px; padding: .1em .35em;
  overflow-wrap: anywhere; }
"""
KEY = (
    '<p class="soft">Dots are rounds, the ring is their median. CPU:<i class="containers"></i>containers'
    '<i class="proxy"></i>docker-proxy<i class="client"></i>client</p>'
)
METHOD = """
A client of raw sockets in a process of its own keeps its connections busy (an export: one), each with one request at a
time. Modes take turns ({orders}), and each visit measures every workload twice, forth and back. A figure is the median
of the rounds, with the lowest and the highest. Responses say that cold tiles were rendered and cached ones were not.
CPU is that of API and PostGIS, of the port's docker-proxy, and of the client. Two modes differ when Student's interval
of 95 % over the rounds leaves out 1, and by more than two halves of one visit typically do.
"""


def report_html(report: Report) -> str:
    """The page."""
    where = f"{report.project}, {report.taken_at}. {text.about(report)}. {text.about_data(report)}"
    found = [listed(title, lines) for title, lines in text.sections(report) if lines]
    body = "\n".join(
        (
            f"<h1>What each network mode costs: {escape(', '.join(report.modes))}</h1>",
            f'<p class="soft">{escape(where)}</p>',
            *(f"<figure>{plot(report, workload)}</figure>" for workload in report.workloads),
            KEY,
            *found,
            f"<details>\n<summary>All figures, and how they were measured</summary>\n{details(report)}\n</details>",
        )
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Network modes compared: {escape(report.project)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def listed(title: str, lines: Sequence[str]) -> str:
    """A heading and its lines."""
    return f"<h2>{escape(title)}</h2>\n<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def details(report: Report) -> str:
    """A table for each workload, the path of a request in each mode, and the method."""
    tables = [table(text.table_of(report, workload)) for workload in report.workloads]
    paths = listed("The path of a request", [f"{mode}: {text.path_words(report.paths[mode])}" for mode in report.modes])
    method = METHOD.strip().format(orders="; ".join(" ".join(order) for order in report.orders))
    return "\n".join([*tables, paths, f"<p>{escape(method)}</p>", f"<p><code>{escape(report.command)}</code></p>"])


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table that scrolls by itself where the page is narrow; its first row has the heads."""
    heads, *below = rows
    lines = [cells("th", heads), *(cells("td", row) for row in below)]
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'


def cells(tag: str, values: Sequence[str]) -> str:
    """A row of a table."""
    return f"<tr>{''.join(f'<{tag}>{escape(value)}</{tag}>' for value in values)}</tr>"


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
    rates = [one.figures[kinds.rate.name].high for one in found if kinds.rate.name in one.figures]
    rate_top = nice_top([text.scaled(kinds.rate, rate) for rate in rates])
    cpu_top = nice_top([sum(cpu_parts(one, kinds)) for one in found])
    height = TOP + ROW * len(found) + BOTTOM
    parts = [*axis(RATE, rate_top, height, f"{workload.title}: {text.UNITS[kinds.rate.name]}")]
    parts += axis(CPU, cpu_top, height, f"CPU in µs a {kinds.unit}")
    for at, one in enumerate(found):
        y = TOP + ROW * at + ROW / 2
        parts += [label(NAME_X, y + 4, one.mode, "name end"), *rate_row(one, kinds, rate_top, y)]
        parts += cpu_row(one, kinds, cpu_top, y)
    alt = escape(f"{workload.title} in {', '.join(one.mode for one in found)}", quote=True)
    inner = "\n".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{alt}">\n{inner}\n</svg>'


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
    yield label(left, 16, title, "title")
    for share in (0.0, 0.5, 1.0):
        x = left + (right - left) * share
        yield f'<line class="grid" x1="{x:.1f}" y1="{TOP - 4}" x2="{x:.1f}" y2="{height - BOTTOM + 4}"/>'
        yield label(x, height - 8, text.number(top * share), "tick middle")


def rate_row(one: Result, kinds: Kinds, top: float, y: float) -> Iterator[str]:
    """A mode's rounds as dots, a line from the lowest to the highest, the median as a large dot, and the numbers."""
    found = one.figures.get(kinds.rate.name)
    if found is None:
        yield label(RATE_TEXT, y + 4, "no answer", "wrong")
        return

    def x_of(value: float) -> float:
        return RATE[0] + (RATE[1] - RATE[0]) * text.scaled(kinds.rate, value) / top

    yield f'<line class="range" x1="{x_of(found.low):.1f}" y1="{y}" x2="{x_of(found.high):.1f}" y2="{y}"/>'
    yield from (f'<circle class="round" cx="{x_of(value):.1f}" cy="{y}" r="4"/>' for value in found.rounds)
    yield f'<circle class="median" cx="{x_of(found.median):.1f}" cy="{y}" r="7"/>'
    yield label(RATE_TEXT, y + 4, text.with_bounds(one, kinds.rate), "value")


def cpu_parts(one: Result, kinds: Kinds) -> list[float]:
    """Medians of the CPU of containers, docker-proxy and client."""
    return [one.median(measure) or 0.0 for measure in kinds.costs[1:]]


def cpu_row(one: Result, kinds: Kinds, top: float, y: float) -> Iterator[str]:
    """A mode's CPU as a bar of three parts, and the number of the whole."""
    x = float(CPU[0])
    for name, value in zip(PARTS, cpu_parts(one, kinds), strict=True):
        width = (CPU[1] - CPU[0]) * value / top
        if width > 0:
            yield f'<rect class="{name}" x="{x:.1f}" y="{y - 8}" width="{width:.1f}" height="16"/>'
        x += width
    yield label(CPU_TEXT, y + 4, text.with_bounds(one, kinds.cpu), "value")


def label(x: float, y: float, words: str, style: str) -> str:
    """A text."""
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'
