"""A benchmark as one page that needs nothing else: plots first, style in it, and it asks no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from netlab.benchmark.report.figures import about, about_data, path_words, sections, table_of
from netlab.benchmark.report.plots import plot
from netlab.benchmark.report.report import Report

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
    where = f"{report.project}, {report.taken_at}. {about(report)}. {about_data(report)}"
    found = [listed(title, lines) for title, lines in sections(report) if lines]
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
    tables = [table(table_of(report, workload)) for workload in report.workloads]
    paths = listed("The path of a request", [f"{mode}: {path_words(report.paths[mode])}" for mode in report.modes])
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
