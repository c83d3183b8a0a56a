"""The watcher: it looks at the data folder every second, loads what is new, and withdraws what is gone, for as long as
the process lives. The renderer then gets the tiles that are to be made, also of what other commands loaded.

Polling on purpose: file events do not come through every bind mount and never over network disks, and a look at a
thousand files takes milliseconds. The steps that follow from what the catalogue knows and two looks are pure: values
in, steps out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from core.catalog.collections import SELECT_COLLECTIONS, SELECT_GENERATION, parse_catalog
from core.database.connections import Connection
from core.database.sqlstates import translated
from core.errors import DatabaseUnavailable, IsthmusError
from core.settings import Settings
from loader import archives, catalogue
from loader.background import LARGE_BYTES, Background, Wanted
from loader.cage.reader import CAGES
from loader.cage.walls import WALLS
from loader.catalogue import Known, open_catalogue
from loader.errors import DataFolderUnavailable
from loader.load import Job, count_ended, load_dataset
from loader.overviews.later import waiting_ids
from loader.prerender.renderer import Renderer, rendering
from loader.prerender.which_tiles import tiles_to_render
from loader.progress import Event, Listener, ended
from loader.report import Report, write_report
from loader.scan import Dataset, Scan, scan
from loader.states.faults import MAKE_ROOM, is_full, survived
from loader.states.health import LOOK_S, MARGIN_S, READ_S, Health
from loader.states.record import FolderRecord
from loader.table.cleanup import clean_up
from loader.table.heap_order import save_missing_blocks
from loader.table.memory import keep_little
from loader.table.property_indexes import choose_indexes

LOOKING = "looking at the data folder"
FAILURES = 10
"""After so many looks in a row that met a mistake of ours nothing tells any more that all is well."""

PUT_OFF_S = 10.0
"""How long a step is left alone that ended otherwise than with a report."""

READER_IDLE_S = 30.0
"""After so long without a file to read the process that reads goes, with its 100 MB."""

CLEAN_UP_AGAIN_S = 30.0
"""How long to wait before trying again what a reader held up."""


AGAIN = "it is tried again"

Action = Literal["load", "restore", "withdraw", "wait"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, and why. `dataset` is None when the file is gone."""

    action: Action
    path: str
    because: str
    dataset: Dataset | None = None


@dataclass(slots=True)
class State:
    """What the watcher carries from one look to the next.

    trouble:    the last one announced, so that it is announced once
    generation: of the catalogue that the renderer knows
    background: loads large files; without it the loop loads none
    failures:   looks in a row that met a mistake of ours
    put_off:    paths of steps that met a mistake of ours, or lost the database -> when they are tried again (monotonic)
    """

    renderer: Renderer
    health: Health
    background: Background | None = None
    folder: FolderRecord = field(default_factory=FolderRecord)
    put_off: dict[str, float] = field(default_factory=dict[str, float])
    before: Scan = field(default_factory=Scan)
    trouble: str = ""
    failures: int = 0
    clean_up_at: float = 0.0
    generation: int = -1
    is_begun: bool = False

    def begin(self) -> None:
        """Begin to work in the background, once the catalogue is up to date."""
        if self.background is not None and not self.is_begun:
            self.is_begun = True
            self.background.start()

    def excused(self) -> set[str]:
        """Paths of loads that broke off by nothing that counts against them."""
        others = self.background.broken_off() if self.background else ()
        return {*self.put_off, *others}

    def stop(self) -> None:
        """End what is done in the background."""
        if self.background is not None and self.is_begun:
            self.background.stop()


def watch(settings: Settings, listen: Listener) -> None:
    """Look, compare, act, for ever. Ends with KeyboardInterrupt.

    Raises: DataFolderUnavailable when `var/` below the data folder cannot be written to
    """
    keep_little()
    health = Health(settings.data_dir, max(READ_S, settings.read_stall_s + MARGIN_S))
    health.begin()

    def hear(event: Event) -> None:
        health.hear(event)
        listen(event)

    with rendering(settings, listen) as renderer:
        hear(walls_event(CAGES.walls(settings)))
        state = State(renderer, health, Background(settings, beside(health, listen), renderer))
        try:
            while True:
                try:
                    with translated(), open_catalogue(settings) as connection:
                        save_missing_blocks(connection)
                        state.begin()
                        keep_looking(connection, settings, state, hear)
                except DatabaseUnavailable as error:
                    announce(state, listen, mistake_of_ours(error) if is_full(error) else error)
                    health.doing(f"waiting: {error.detail}")
                    time.sleep(settings.scan_interval_s)
        finally:
            state.stop()


def beside(health: Health, listen: Listener) -> Listener:
    """A listener for the thread in the background."""
    own = health.beside()

    def hear(event: Event) -> None:
        own.hear(event)
        listen(event)

    return hear


def keep_looking(connection: Connection, settings: Settings, state: State, listen: Listener) -> None:
    """Look again and again, over one connection. Raises: DatabaseUnavailable, psycopg.OperationalError"""

    def tell(error: Exception) -> None:
        announce(state, listen, mistake_of_ours(error))
        state.failures += 1

    while True:
        if state.failures < FAILURES:
            state.health.doing(LOOKING, LOOK_S + settings.scan_interval_s)
        failures = state.failures
        try:
            with survived(connection, tell), state.renderer.aside():
                look(connection, settings, state, listen)
                update_renderer(connection, settings, state)
        except DataFolderUnavailable as error:
            announce(state, listen, error)
            state.health.doing(f"waiting: {error.detail}")
        CAGES.rest(READER_IDLE_S)
        state.failures = state.failures if state.failures > failures else 0
        time.sleep(settings.scan_interval_s)


def look(connection: Connection, settings: Settings, state: State, listen: Listener) -> None:
    """One look at the folder, and the steps that follow from it."""
    now = scan(settings.data_dir)
    announce_watching(state, now, listen)
    state.folder.save(connection, settings, now)
    count_ended(connection, settings, listen, excused=state.excused())
    steps = plan(catalogue.read_known(connection), state.before, now)
    small, large = divided(steps)
    if state.background is not None:
        state.background.want(large, now)
    reports = [run_safely(connection, settings, step, state, listen) for step in small]
    state.before = now
    chosen = choose_indexes(connection, listen, auto=settings.index == "auto")
    has_news = state.background is not None and state.background.take_news()
    if any(reports) or chosen or has_news or time.monotonic() >= state.clean_up_at:
        done = clean_up(connection, settings.keep_versions)
        state.clean_up_at = float("inf") if done else time.monotonic() + CLEAN_UP_AGAIN_S


def divided(steps: Sequence[Step]) -> tuple[list[Step], list[Wanted]]:
    """The steps that take a moment, the smallest files first, and the loads of large files."""
    large = [Wanted(step.dataset, step.because) for step in steps if step.dataset is not None and is_large(step)]
    small = [step for step in steps if not is_large(step)]
    return sorted(small, key=lambda step: (step.because == AGAIN, size_of(step))), large


def is_large(step: Step) -> bool:
    """Whether it is the load of a file that others would wait for."""
    dataset = step.dataset
    if dataset is None or step.action == "wait" or dataset.is_archive or dataset.refusal is not None:
        return False
    return size_of(step) > LARGE_BYTES


def size_of(step: Step) -> int:
    """The bytes of its files; 0 where they are gone."""
    try:
        return step.dataset.size_bytes if step.dataset else 0
    except OSError:
        return 0


def plan(known: Mapping[str, Known], before: Scan, now: Scan) -> list[Step]:
    """The steps that bring the catalogue in line with the folder; files that are as they were give none.

    Withdrawals come first, so that a moved file finds its name free. A file must look the same in both scans:
    one that differs is still being copied, and gives `wait`.
    """
    return [*plan_missing(known, before, now), *plan_present(known, before, now)]


def plan_missing(known: Mapping[str, Known], before: Scan, now: Scan) -> Iterator[Step]:
    """Steps for files that the catalogue knows and the folder lacks."""
    for path, was in known.items():
        if path in now.datasets or was.status == "removed" or now.is_unknown(path):
            continue
        if path in before.datasets:
            yield Step("wait", path, "the file is gone since the last look")
        else:
            yield Step("withdraw", path, "the file is gone")


def plan_present(known: Mapping[str, Known], before: Scan, now: Scan) -> Iterator[Step]:
    """Steps for files that are there. Those that are tried again as they are come last."""
    again: list[Step] = []
    for path, dataset in now.datasets.items():
        was = known.get(path)
        if was is not None and was.signature == dataset.signature and was.status != "removed":
            if was.retry_due:
                again.append(Step("load", path, AGAIN, dataset))
            continue
        earlier = before.datasets.get(path)
        if earlier is None or earlier.signature != dataset.signature:
            yield Step("wait", path, "the file changed since the last look", dataset)
        elif was is None:
            yield Step("load", path, "the file is new", dataset)
        elif was.status == "removed":
            yield Step("restore", path, "the file is back", dataset)
        else:
            yield Step("load", path, f"the file changed after it {was.status}", dataset)
    yield from again


def run_safely(connection: Connection, settings: Settings, step: Step, state: State, listen: Listener) -> Report | None:
    """Carry out one step. One that meets a mistake of ours, or loses the database, is left alone for a while: the
    others go on. Raises: DatabaseUnavailable, psycopg.Error when the database goes away
    """
    if step.action == "wait" or time.monotonic() < state.put_off.get(step.path, 0.0):
        return None
    report: Report | None = None
    state.put_off[step.path] = time.monotonic() + PUT_OFF_S

    def tell(error: Exception) -> None:
        announce(state, listen, mistake_of_ours(error))

    with survived(connection, tell), state.folder.kept_up(settings):
        report = run_step(connection, settings, step, listen)
        del state.put_off[step.path]
    state.health.doing(LOOKING)
    return report


def run_step(connection: Connection, settings: Settings, step: Step, listen: Listener) -> Report:
    """Carry out one step that is no `wait`. Raises: DatabaseUnavailable, psycopg.Error when the database goes away"""
    if step.dataset is None:
        return withdraw_source(connection, settings, step, listen)
    return load_dataset(Job(connection, settings, step.dataset, step.because, listen))


def withdraw_source(connection: Connection, settings: Settings, step: Step, listen: Listener) -> Report:
    """Stop serving what came from a file that is gone. Versions stay, for its return and for roll-back."""
    now = datetime.now(UTC)
    with connection.transaction():
        catalogue.lock(connection, lambda: listen(Event("wait", step.path)))
        catalogue.withdraw(connection, step.path)
        archives.forget(connection, step.path)
        empty = Report(step.path, "withdrawn", step.because, now, now)
        earlier = catalogue.last_loaded_report(connection, step.path) or empty
        report = replace(earlier, status="withdrawn", because=step.because, started_at=now, ended_at=datetime.now(UTC))
        catalogue.save_report(connection, report, None, "removed")
    write_report(settings.data_dir, report)
    listen(ended(report))
    return report


def update_renderer(connection: Connection, settings: Settings, state: State) -> None:
    """Give the renderer the tiles of what is served, when that changed."""
    [(generation,)] = connection.execute(SELECT_GENERATION.text).fetchall()
    if generation == state.generation:
        return
    collections = parse_catalog(generation, connection.execute(SELECT_COLLECTIONS.text).fetchall())
    most = settings.render_tiles if settings.tiles_mb else 0
    wanted = tiles_to_render(
        list(collections.values()),
        most,
        beside_sources=bool(settings.source_schemas()),
        waiting=waiting_ids(connection),
    )
    state.renderer.want(wanted)
    state.generation = generation


def mistake_of_ours(error: Exception) -> IsthmusError:
    """What is announced of an error that nobody expects."""
    if is_full(error):
        return IsthmusError("the disk of the database is full", hint=MAKE_ROOM)
    return IsthmusError(f"a mistake of Isthmus ({type(error).__name__})", hint="the log has the details")


def announce(state: State, listen: Listener, error: IsthmusError) -> None:
    """Announce what is wrong, once."""
    if state.trouble != error.detail:
        state.trouble = error.detail
        listen(Event("state", values={"state": "waiting", "message": f"{error.detail}; waiting", "hint": error.hint}))


def walls_event(walls: Sequence[str]) -> Event:
    """The event that tells behind which walls files are read, and what the kernel does not offer."""
    gaps = "".join(f"; {name} is missing, so {risk}" for name, risk in WALLS.items() if name not in walls)
    message = f"files are read behind walls: {', '.join(walls)}{gaps}"
    return Event("state", values={"state": "starting", "message": message, "walls": list(walls)})


def announce_watching(state: State, now: Scan, listen: Listener) -> None:
    """Announce that all is well (again), and which folders cannot be listed."""
    trouble = f"cannot look into {', '.join(now.unreadable)}" if now.unreadable else "watching"
    if state.trouble != trouble:
        state.trouble = trouble
        listen(
            Event("state", values={"state": "watching", "message": f"{trouble}: {len(now.datasets)} datasets found"})
        )
