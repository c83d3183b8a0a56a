"""`isthmus net compare`, and how far it is: a bar on a terminal, else JSON lines, on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from core.settings import Settings
from core.terminal import EXIT_FAILED
from netlab.benchmark.report.page import report_html
from netlab.benchmark.report.report import Report, report_json
from netlab.benchmark.report.text import report_text
from netlab.benchmark.run import Listener, Request, Step, run_benchmark
from netlab.benchmark.stats.measures import Plan
from netlab.benchmark.switch_mode import MODES, Before, find_before, log_of
from netlab.observe.docker_engine import Engine
from netlab.report.store import check_writable, store_report, write_output

QUICK_S = 0.3
PLAN = "plan"
"""The event that says what will happen."""


@click.command()
@click.argument("modes", nargs=-1, type=click.Choice(MODES))
@click.option("--rounds", type=click.IntRange(1, 50), default=3, show_default=True, help="Visits to each mode.")
@click.option(
    "--seconds", type=click.FloatRange(0.1, 60), default=1.0, show_default=True, help="For each workload and round."
)
@click.option(
    "--connections", type=click.IntRange(1, 64), default=8, show_default=True, help="Clients that ask at the same time."
)
@click.option("--quick", is_flag=True, help=f"Measure {QUICK_S} s for each workload and round: a rough answer.")
@click.option("--collection", help="What to ask for (default: the collection whose features weigh most).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page with plots, which needs no network.",
)
@click.option("--project", help="The Compose project, when it is not the one of this data folder.")
@click.pass_obj
def compare(  # noqa: PLR0913 - a parameter for each option
    settings: Settings,
    modes: tuple[str, ...],
    *,
    rounds: int,
    seconds: float,
    connections: int,
    quick: bool,
    collection: str | None,
    as_json: bool,
    page: Path | None,
    project: str | None,
) -> None:
    """Measure what each mode costs the requests of this machine.

    Runs the stack in each of MODES in turn (default: all four, against the first), round after round, and sends it the
    same requests: a cached tile, a cold tile, a page of items, an export, and a new connection for each request. Then
    what ran before runs again, also after Ctrl-C. While a mode is switched the stack does not answer.

    \b
    Examples:
      isthmus net compare                          about three minutes on two CPUs
      isthmus net compare bridge host --quick
      isthmus net compare --rounds 7 --html report.html
      isthmus net compare bridge none --json | jq '.findings[].text'
    """
    request = Request(
        chosen(modes),
        rounds,
        Plan(QUICK_S if quick else seconds, connections),
        collection,
        " ".join(["isthmus net", *sys.argv[1:]]),
    )
    engine = Engine()
    before, data_dir = find_before(engine, settings, project)
    if page is not None:
        check_writable(page)
    with log_of(data_dir) as log, listening(sys.stderr) as listener:
        listener(Step(PLAN, announcement(request, before), 0, 1))
        report = run_benchmark(engine, request, before, log, listener)
    tell(report, data_dir, page, as_json=as_json)


def chosen(modes: tuple[str, ...]) -> tuple[str, ...]:
    """Each mode once, all without a choice."""
    once = tuple(dict.fromkeys(modes or MODES))
    if len(once) < 2:
        raise click.UsageError(f"one mode has nothing to be compared with: {' '.join(once)} and which other?")
    return once


def announcement(request: Request, before: Before) -> str:
    """What will happen to which stack, and how long it takes."""
    minutes, seconds = divmod(round(request.expected_s(before.mode)), 60)
    afterwards = f"then {before.mode} runs again" if before.mode else "then nothing runs, as now"
    what = f"comparing {', '.join(request.modes)} of {before.project} in {request.rounds} rounds"
    return f"{what}: about {minutes} min {seconds:02d} s, {afterwards}"


@contextmanager
def listening(stream: TextIO) -> Generator[Listener]:
    """A bar when the stream is a terminal, else a JSON line for each step."""
    if not stream.isatty():
        yield json_lines(stream)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(file=stream)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as progress:
        task = progress.add_task("")

        def listen(step: Step) -> None:
            with suppress(OSError):  # a terminal that was closed must not keep the stack from being brought back
                if step.event == PLAN:
                    console.print(step.text, highlight=False)
                    return
                progress.update(task, description=step.text, completed=step.done, total=step.of)

        yield listen


def json_lines(stream: TextIO) -> Listener:
    """One JSON object a line, flushed at once."""

    def listen(step: Step) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with suppress(OSError):
            stream.write(json.dumps({"time": now, **asdict(step)}, ensure_ascii=False) + "\n")
            stream.flush()

    return listen


def tell(report: Report, data_dir: Path, page: Path | None, *, as_json: bool) -> None:
    """Print the report, and leave it on the data volume."""
    text, html = json.dumps(report_json(report), ensure_ascii=False), report_html(report)
    store_report(data_dir, "compare.json", text)
    store_report(data_dir, "compare.html", html)
    click.echo(text if as_json else report_text(report))
    if page is not None:
        write_output(html, page)
        click.echo(f"wrote {page}", err=True)
    if report.failed:
        click.get_current_context().exit(EXIT_FAILED)
