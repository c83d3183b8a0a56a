"""How far a benchmark is: a bar on a terminal, else JSON lines, on standard error."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

PLAN = "plan"
"""The event that says what will happen."""


@dataclass(frozen=True, slots=True)
class Step:
    """What comes next: `done` of `of` steps are behind it."""

    event: str
    text: str
    done: int
    of: int
    mode: str = ""
    round: int = 0


Listener = Callable[[Step], None]


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
