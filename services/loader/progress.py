"""Progress as values: a bar on a terminal and a JSON line in a log are two views of the same events."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Literal, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from loader.report import Report

EventName = Literal[
    "start", "wait", "layers", "rows", "step", "end", "rendered", "state", "prepared", "index", "indexed"
]
UNTOLD = ("wait", "layers")
"""Events that no log gets: another loader is at work; which collections a dataset becomes."""

ROWS_EVERY_S = 1.0
"""A log gets a line about rows at most this often, and one about a step only of work that has taken so long."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `path` is the dataset, `values` what belongs to the event."""

    event: EventName
    path: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])


Listener = Callable[[Event], None]


def steps(listen: Listener, path: str | None, about: Mapping[str, Any], names: Sequence[str]) -> Callable[[str], None]:
    """A function that reports which of some steps begins. `about`: what the events say beside it"""

    def begin(name: str) -> None:
        listen(Event("step", path, {**about, "step": name, "number": names.index(name) + 1, "of": len(names)}))

    return begin


def ended(report: Report) -> Event:
    """The event that a dataset is loaded, or has failed."""
    values: dict[str, Any] = {
        "status": report.status,
        "because": report.because,
        "collections": [collection.id for collection in report.collections],
        "rows": sum(collection.rows for collection in report.collections),
        "seconds": round((report.ended_at - report.started_at).total_seconds(), 3),
        "warnings": [note.message for note in report.notes if note.level == "warning"],
    }
    tiles = [collection.tiles for collection in report.collections if collection.tiles]
    if tiles:
        values["tiles"] = tiles[0]
    if report.error is not None:
        values |= {"error": report.error["message"], "hint": report.error["hint"]}
    return Event("end", report.path, values)


def json_lines(stream: TextIO) -> Listener:
    """A line for each event; of the rows of a dataset at most one line a second. Safe for threads."""
    last, began, lock = datetime.min.replace(tzinfo=UTC), datetime.now(UTC), Lock()

    def listen(event: Event) -> None:
        nonlocal last, began
        if event.event in UNTOLD:
            return
        now = datetime.now(UTC)
        if event.event == "start":
            began = now
        if event.event in ("rows", "step"):
            if (now - (last if event.event == "rows" else began)).total_seconds() < ROWS_EVERY_S:
                return
            last = now
        with lock:
            write_line(stream, {"event": event.event, "path": event.path, **event.values})

    return listen


def write_line(stream: TextIO, values: Mapping[str, Any]) -> None:
    """Write the time and the values that are not None as a line of JSON, flushed at once."""
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **values}
    text = json.dumps({key: value for key, value in line.items() if value is not None}, ensure_ascii=False)
    stream.write(f"{text}\n")
    stream.flush()


def terminal_bar(stream: TextIO) -> Progress:
    """A bar on a terminal, which is gone when it ends."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(file=stream)
    return Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)


@contextmanager
def bars(stream: TextIO, *, sentences: bool) -> Generator[Listener]:
    """A bar for the layer that is loading, then for its steps, and, if wanted, a line for each dataset that is done."""
    with terminal_bar(stream) as progress:
        shown: dict[str, TaskID] = {}

        def show(name: str, done: int, of: int | None) -> None:
            if name in shown:
                progress.update(shown[name], completed=done)
                return
            hide()
            shown[name] = progress.add_task(name, total=of, completed=done)

        def hide() -> None:
            for task in shown.values():
                progress.remove_task(task)
            shown.clear()

        def listen(event: Event) -> None:
            if event.event == "rows":
                show(subject(event), event.values["rows"], event.values["of"])
            elif event.event in ("step", "index"):
                show(subject(event), event.values["number"] - 1, event.values["of"])
            elif event.event in ("end", "state", "prepared", "indexed"):
                hide()
            is_result = sentences and event.event in ("end", "rendered", "prepared", "indexed")
            if is_result or event.event == "state" or event.values.get("problem"):
                progress.console.print(sentence(event), markup=False, highlight=False, soft_wrap=True)

        yield listen


def subject(event: Event) -> str:
    """The name of what is in progress."""
    if event.event == "index":
        return f"{event.values['collection']}: index of {event.values['property']}"
    layer = event.values.get("layer") or event.values.get("collection", "")
    whose = f"{event.path or event.values['source']} {layer}".strip()
    return f"{whose}: {event.values['step']}" if event.event == "step" else whose


@contextmanager
def listener(stream: TextIO, *, sentences: bool = False) -> Generator[Listener]:
    """Bars when the stream is a terminal, else JSON lines."""
    if stream.isatty():
        with bars(stream, sentences=sentences) as listen:
            yield listen
    else:
        yield json_lines(stream)


def sentence(event: Event) -> str:
    """The event as a line for people."""
    values = event.values
    if event.event == "state":
        return str(values["message"])
    if event.event == "indexed":
        return index_sentence(values)
    if event.event == "prepared":
        return prepared_sentence(values)
    if event.event == "rendered":
        return rendered_text(values)
    if values["status"] == "failed":
        hint = f"\n  {values['hint']}" if values.get("hint") else ""
        return f"failed     {event.path}: {values['error']}{hint}"
    what = f" -> {', '.join(values['collections'])}" if values["collections"] else ""
    rows = f" ({values['rows']:,} rows, {values['seconds']:.1f} s)" if values["rows"] else tiles_text(values)
    warnings = "".join(f"\n  warning: {warning}" for warning in values["warnings"])
    return f"{values['status']:<10} {event.path}{what}{rows}{warnings}"


def index_sentence(values: Mapping[str, Any]) -> str:
    """The line about an index that was made, or could not be."""
    what = f"{values['collection']}: property '{values['property']}'"
    if values["problem"]:
        return f"no index   {what}: {values['problem']}"
    return f"indexed    {what} ({values['bytes'] / 1e6:.1f} MB, {values['seconds']:.1f} s)"


def prepared_sentence(values: Mapping[str, Any]) -> str:
    """The line about an overview that was made, or could not be."""
    if values["problem"]:
        return f"no tiles   {values['collection']}: {values['problem']}"
    zoom = values["full_zoom"]
    what = f"tiles of zooms below {zoom}" if zoom else "large geometries" if zoom == 0 else "its tiles need nothing"
    return f"prepared   {values['collection']}: {what} ({values['seconds']:.1f} s)"


def tiles_text(values: Mapping[str, Any]) -> str:
    """What a file of tiles holds."""
    tiles = values.get("tiles")
    return f" (tiles of zoom {tiles['first_zoom']} to {tiles['last_zoom']}, {tiles['media_type']})" if tiles else ""


def rendered_text(values: Mapping[str, Any]) -> str:
    """What became of tiles that were rendered ahead."""
    name = values["collection"] or "all collections"
    lacks = [f"{values[key]:,} {words}" for key, words in (("failed", "failed"), ("left", "left out")) if values[key]]
    what = f"{values['tiles']:,} tiles to zoom {values['last_zoom']}, {values['made']:,} of them made now"
    return f"rendered   {name} ({', '.join([what, *lacks])}, {values['seconds']:.1f} s)"


def silent(event: Event) -> None:
    """A listener that does not listen."""
    del event
