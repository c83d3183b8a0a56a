"""The second thread of the watcher: it loads large files, and makes fine what is served already, while the loop goes on
looking, and loads small files.

It has a connection of its own. What is left to do is in the catalogue and in the folder, so nothing is lost with it.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

import psycopg

from core.database.connections import Connection, connect
from core.database.sqlstates import translated
from core.errors import DatabaseUnavailable, IsthmusError
from core.settings import Settings
from loader import catalogue
from loader.errors import ChangedMeanwhile, DataFolderUnavailable
from loader.load import Job, load_dataset
from loader.overviews.later import make_next_overview
from loader.prerender.renderer import Renderer
from loader.progress import Event, Listener
from loader.scan import Dataset, Scan
from loader.states.faults import survived
from loader.table.cleanup import clean_up
from loader.table.memory import give_back
from loader.table.property_indexes import make_next

LARGE_BYTES = 8_000_000
"""A file of more takes a second or more to load, so that others would wait for it."""

PUT_OFF_S = 10.0
"""How long work is left alone that met a mistake of ours."""

STOP_S = 3.0
"""How long the end of a load is waited for: its connection is gone by then."""


class Stopped(BaseException):
    """The loader is ending."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A large dataset that is to be loaded, and why."""

    dataset: Dataset
    because: str


class Background:
    """The thread. Its methods are for the thread of the loop.

    listen is called from the thread.
    """

    def __init__(self, settings: Settings, listen: Listener, renderer: Renderer) -> None:
        """Nothing is done before `start`."""
        self._settings = settings
        self._listen = listen
        self._renderer = renderer
        self._changed = threading.Condition()
        self._wanted: tuple[Wanted, ...] = ()
        self._put_off: dict[str, float] = {}
        self._loading: Dataset | None = None
        self._is_stale = self._is_ended = self._has_news = False
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="background", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def want(self, wanted: Sequence[Wanted], now: Scan) -> None:
        """What is to be loaded from now on, the smallest first. A load under way of a file that is gone since, or
        another one now, breaks off. `now`: what the last look saw
        """
        with self._changed:
            self._wanted = tuple(sorted(wanted, key=lambda one: one.dataset.size_bytes))
            if self._loading is not None and not now.is_unknown(self._loading.path):
                seen = now.datasets.get(self._loading.path)
                self._is_stale = seen is None or seen.signature != self._loading.signature
            self._changed.notify_all()

    def take_news(self) -> bool:
        """Whether something was loaded or made since this was asked last."""
        with self._changed:
            news, self._has_news = self._has_news, False
        return news

    def broken_off(self) -> set[str]:
        """Paths of loads that are under way, or met a mistake of ours, or lost the database."""
        with self._changed:
            return set(self._put_off)

    def stop(self) -> None:
        """End what is under way: nothing of it is left. Its connection is cut, so that not even a failure is stored."""
        with self._changed:
            self._is_ended = True
            connection = self._connection
            self._changed.notify_all()
        if connection is not None:
            with suppress(OSError, psycopg.Error):
                with socket.socket(fileno=os.dup(connection.fileno())) as line:
                    line.shutdown(socket.SHUT_RDWR)
                connection.cancel_safe(timeout=1.0)
        self._thread.join(STOP_S)

    def _run(self) -> None:
        while not self._is_ended:
            try:
                with translated(), closing(connect(self._settings)) as connection:
                    connection.autocommit = True
                    self._connection = connection
                    with survived(connection, self._tell):
                        self._keep_working(connection)
                self._wait(PUT_OFF_S)
            except Stopped:
                return
            except (DatabaseUnavailable, DataFolderUnavailable):  # the loop meets it, too, and says so
                self._wait(self._settings.scan_interval_s)
            finally:
                self._connection = None

    def _keep_working(self, connection: Connection) -> None:
        """Load, and where nothing is to be loaded make the next overview or index. Raises: Stopped"""
        while True:
            wanted = self._next(connection)
            if wanted is not None:
                with self._renderer.aside():
                    self._load(connection, wanted)
            elif not self._finish(connection):
                self._wait(self._settings.scan_interval_s)
            if self._is_ended:
                raise Stopped

    def _next(self, connection: Connection) -> Wanted | None:
        """The first that is wanted and not done yet. The loop may have looked before the last load was stored."""
        known = catalogue.read_known(connection) if self._wanted else {}
        with self._changed:
            for one in self._wanted:
                was = known.get(one.dataset.path)
                same = was is not None and was.signature == one.dataset.signature and was.status != "removed"
                is_done = same and not (was and was.retry_due)
                if not is_done and time.monotonic() >= self._put_off.get(one.dataset.path, 0.0):
                    self._loading, self._is_stale = one.dataset, False
                    return one
        return None

    def _load(self, connection: Connection, wanted: Wanted) -> None:
        path = wanted.dataset.path
        with self._changed:
            self._put_off[path] = time.monotonic() + PUT_OFF_S
        try:
            load_dataset(Job(connection, self._settings, wanted.dataset, wanted.because, self._hear))
            clean_up(connection, self._settings.keep_versions)
            with self._changed:
                del self._put_off[path]
        finally:
            give_back()
            with self._changed:
                self._loading, self._has_news = None, True

    def _hear(self, event: Event) -> None:
        """Pass an event on, and break off a load that is not wanted any more. Raises: Stopped, ChangedMeanwhile"""
        if self._is_ended:
            raise Stopped
        if self._is_stale and event.event in ("rows", "step") and self._loading is not None:
            what = f"{self._loading.path} changed while it was read"
            raise ChangedMeanwhile(what, hint="it is loaded again when it rests")
        self._listen(event)

    def _finish(self, connection: Connection) -> bool:
        """Make the next overview, or else the next index of a property. False when there is none to be made."""
        with self._renderer.aside():
            made = make_next_overview(connection, self._settings.data_dir, self._hear)
        made = made or make_next(connection, self._hear)
        if made:
            give_back()
            with self._changed:
                self._has_news = True
        return made

    def _wait(self, seconds: float) -> None:
        with self._changed:
            if not self._is_ended:
                self._changed.wait(seconds)

    def _tell(self, error: Exception) -> None:
        message = IsthmusError(f"a mistake of Isthmus ({type(error).__name__})", hint="the log has the details")
        values = {"state": "waiting", "message": f"{message.detail}; waiting", "hint": message.hint}
        self._listen(Event("state", values=values))
