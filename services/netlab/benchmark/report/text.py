"""A benchmark for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from netlab.benchmark.report.figures import about, about_data, path_words, sections, table_of
from netlab.benchmark.report.report import Report

WIDTH = 118


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
    return "\n".join(lines_of(shown, widths))


def lines_of(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    """The lines of a table."""
    for first, *rest in rows:
        cells = (f"  {cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True))
        yield (first.ljust(widths[0]) + "".join(cells)).rstrip()


def listed(title: str, lines: Sequence[str]) -> str:
    """A title and its lines, wrapped."""
    wrapped = [
        textwrap.fill(line, WIDTH, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False)
        for line in lines
    ]
    return "\n".join([title, *wrapped])
