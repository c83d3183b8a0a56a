"""A comparison as one page that needs nothing else: style and plots are in it, and it asks no network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from netlab.benchmark.model.slices import MB
from netlab.benchmark.report.figures import UNITS, with_bounds
from netlab.benchmark.report.plots import plot
from netlab.benchmark.report.report import Report
from netlab.benchmark.report.text import even_lines, told_of, way_words, wrong_words
from netlab.benchmark.stats.results import Result, kinds_of
from netlab.benchmark.stats.spread import BYTES, P50, P99, RPS

SPEED = (RPS, P50, P99, BYTES)
STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6775; --page: #ffffff; --card: #f5f7f9; --line:
  #d5dbe1; --accent: #1f6feb; --proxy: #d9730d; --client: #9aa5b1; --wrong: #c62828; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #a2aebb; --page: #14191f; --card: #1d242c;
  --line: #37424e; --accent: #6cb0ff; --proxy: #f2a04a; --client: #7b8794; --wrong: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1120px; padding: 1.5rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
p.about { color: var(--soft); margin: .25rem 0 1rem; }
figure { margin: .75rem 0; padding: .75rem; background: var(--card); border: 1px solid var(--line); border-radius:
  8px; overflow-x: auto; }
svg { display: block; width: 100%; min-width: 820px; height: auto; }
svg text { fill: var(--ink); font: 13px system-ui, sans-serif; font-variant-numeric: tabular-nums; }
svg .title { font-weight: 600; }
svg .name { font-weight: 600; }
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
.key { color: var(--soft); font-size: .9rem; }
.key i { display: inline-block; width: .9em; height: .9em; border-radius: 2px; margin: 0 .35em 0 1em;
  vertical-align: -.1em; }
.wide { overflow-x: auto; margin-bottom: 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .82rem; }
th, td { padding: .3rem .45rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child, td:nth-child(2), th:nth-child(2) { text-align: left; }
th { font-weight: 600; }
table.ways td { text-align: left; white-space: normal; }
li { margin: .35rem 0; }
code { background: var(--card); border: 1px solid var(--line); border-radius: 4px; padding: .1em .35em;
  overflow-wrap: anywhere; }
"""

METHOD = """
A client of raw sockets in a process of its own keeps {connections} connections busy (an export: one), each with
one request at a time. Modes take turns in each round, in another order each time ({orders}), so that a drift of
the machine meets all of them. Each visit warms up, then measures every workload twice, forth and back. A figure
is the median of the rounds, with the lowest and the highest. Cold tiles are never asked for twice, and the
answers say that they were made; cached ones, that they were kept. CPU is that of API and PostGIS (by the engine),
of the port's docker-proxy (by the scheduler), and of the client. Two modes differ when Student's interval of 95 %
over the rounds leaves out 1, and by more than two halves of one visit typically do. While modes are compared,
tiles are kept in memory alone.
"""


def report_html(report: Report) -> str:
    """The page."""
    body = "\n".join(
        (
            f"<h1>What each network mode costs: {escape(', '.join(report.modes))}</h1>",
            about(report),
            told_by_mode(report),
            listed("Advice for this machine", report.advice),
            listed("Keep in mind", report.notes),
            "<h2>Speed and CPU</h2>",
            KEY,
            *(f"<figure>{plot(report, kind)}</figure>" for kind in report.kinds),
            listed("Within the noise", even_lines(report.findings)),
            "<h2>All figures</h2>",
            speed_table(report),
            cpu_table(report),
            "<h2>The way of a request, as the lab saw it</h2>",
            ways_table(report),
            "<h2>How it was measured</h2>",
            method(report),
        )
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Network modes compared: {escape(report.project)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


KEY = (
    '<p class="key">Dots are rounds, the ring is their median. CPU:<i class="containers"></i>containers'
    '<i class="proxy"></i>docker-proxy<i class="client"></i>client</p>'
)


def about(report: Report) -> str:
    """What, where, when."""
    target, machine, plan = report.target, report.machine, report.plan
    return (
        f'<p class="about">{escape(report.project)}, {escape(report.taken_at)}. {machine.cpus} CPUs,'
        f" Docker {escape(machine.docker)}, Linux {escape(machine.kernel)}. {escape(target.collection)}:"
        f" {target.features:,} features, about {target.export_bytes / MB:.1f} MB. {report.rounds} rounds,"
        f" {plan.seconds:g} s for each workload and round.</p>"
    )


def told_by_mode(report: Report) -> str:
    """What is more than noise, a list for each mode."""
    lists = [listed(f"{mode} against {report.modes[0]}", told_of(report, mode), "h3") for mode in report.modes]
    return "\n".join(["<h2>More than noise</h2>", *lists]) if any(lists) else ""


def listed(title: str, lines: Sequence[str], tag: str = "h2") -> str:
    """A heading and its lines; nothing without lines."""
    if not lines:
        return ""
    return f"<{tag}>{title}</{tag}>\n<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def speed_table(report: Report) -> str:
    """Rates and times, each with its spread."""
    head = ("workload", "mode", *(UNITS[one.name] for one in SPEED), "")
    rows = [
        (title_of(report, one), one.mode, *(with_bounds(one, measure) for measure in SPEED), wrong_words(one))
        for one in report.results
    ]
    return table([row("th", head), *(row("td", cells) for cells in rows)])


def cpu_table(report: Report) -> str:
    """CPU by who took it, each with its spread: of a request, or of a MB."""
    kinds = {kind.name: kinds_of(kind) for kind in report.kinds}
    head = ("workload", "mode", "µs of CPU", "all", "containers", "docker-proxy", "client")
    rows = [
        (title_of(report, one), one.mode, used.unit, *(with_bounds(one, measure) for measure in used.costs))
        for one in report.results
        for used in (kinds[one.workload],)
    ]
    return table([row("th", head), *(row("td", cells) for cells in rows)])


def title_of(report: Report, one: Result) -> str:
    """The title of a result's workload."""
    return next(kind.title for kind in report.kinds if kind.name == one.workload)


def table(rows: Sequence[str]) -> str:
    """A table that scrolls by itself where the page is narrow."""
    return f'<div class="wide"><table>{"".join(rows)}</table></div>'


def ways_table(report: Report) -> str:
    """How requests travel."""
    rows = "".join(row("td", (mode, way_words(report.ways[mode]))) for mode in report.modes)
    return f'<div class="wide"><table class="ways">{rows}</table></div>'


def method(report: Report) -> str:
    """How it was measured, and the command."""
    orders = "; ".join(" ".join(order) for order in report.orders)
    words = METHOD.strip().format(connections=report.plan.connections, orders=orders)
    return f"<p>{escape(words)}</p>\n<p><code>{escape(report.command)}</code></p>"


def row(tag: str, values: Iterable[str]) -> str:
    """A row of a table."""
    inner = "".join(f"<{tag}>{escape(value)}</{tag}>" for value in values)
    return f"<tr>{inner}</tr>"
