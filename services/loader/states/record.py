"""What a look at the data folder saw, and what a load is at, written into the catalogue for whoever asks."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from threading import Event as ThreadEvent, Lock, Thread
from typing import Any, LiteralString

import psycopg

from core.database.connections import Connection, connect
from core.database.sqlstates import translate
from core.errors import IsthmusError
from core.settings import Settings
from loader.names import candidates
from loader.progress import Event, Listener
from loader.scan import Dataset, Scan, scan
from loader.states.not_read import FOLDER, NotRead, why_not_read

Row = dict[str, Any]

SAVE_FILE = """
INSERT INTO isthmus.files (path, signature, kind, size_bytes, detail, hint, ids)
VALUES (%(path)s, %(signature)s, %(kind)s, %(size_bytes)s, %(detail)s, %(hint)s, %(ids)s)
ON CONFLICT (path) DO UPDATE SET signature = excluded.signature, kind = excluded.kind, ids = excluded.ids,
    size_bytes = excluded.size_bytes, detail = excluded.detail, hint = excluded.hint, seen_at = now()
WHERE (files.signature, files.detail, files.hint) IS DISTINCT FROM (excluded.signature, excluded.detail, excluded.hint)
"""
BEGIN_LOAD = """
INSERT INTO isthmus.loading (path, signature, process, process_start)
SELECT %(path)s, %(signature)s, pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()
ON CONFLICT (path) DO UPDATE SET signature = excluded.signature, started_at = now(), process = excluded.process,
    process_start = excluded.process_start, ids = '{}', layer = NULL, row_count = NULL, of_rows = NULL, step = NULL,
    percent = NULL
"""
SAVE_PROGRESS = """
UPDATE isthmus.loading SET layer = %(layer)s, row_count = %(rows)s, of_rows = %(of)s, step = %(step)s,
    percent = %(percent)s, ids = %(ids)s
WHERE path = %(path)s
"""
END_LOAD = "DELETE FROM isthmus.loading WHERE path = %(path)s"
KEEP_IDS = """
UPDATE isthmus.files SET ids = ARRAY(SELECT DISTINCT unnest(ids || %(ids)s::text[])) WHERE path = %(path)s
"""

EVERY_S = 1.0
"""The catalogue gets what a load is at no more often."""

ASK_AGAIN_S = 60.0
"""How long a look believes that nobody else changed what the catalogue holds of the folder."""

COPYING = 0.6
"""Share of a layer's load that the copying of its rows is taken for."""


class FolderRecord:
    """What the catalogue holds of the data folder: a look writes what is not in it yet."""

    def __init__(self) -> None:
        """The first look asks for it."""
        self._signatures: dict[str, str] | None = None
        self._asked_at = 0.0
        self._own: str | None = None
        self._lock = Lock()

    @contextmanager
    def kept_up(self, settings: Settings) -> Generator[None]:
        """Look by a thread while the block keeps the loop for longer than a look: files that come are told of."""
        ended = ThreadEvent()
        Thread(target=self._keep_up, args=(settings, ended), name="folder", daemon=True).start()
        try:
            yield
        finally:
            ended.set()

    def _keep_up(self, settings: Settings, ended: ThreadEvent) -> None:
        every_s = max(EVERY_S, settings.scan_interval_s)
        if ended.wait(every_s):
            return
        with suppress(psycopg.Error, IsthmusError, OSError), closing(connect(settings)) as connection:
            connection.autocommit = True
            while not ended.wait(every_s):
                self.save(connection, settings, scan(settings.data_dir))

    def save(self, connection: Connection, settings: Settings, now: Scan) -> None:
        """Write what a look saw. Raises: psycopg.Error, after which the next one asks anew"""
        with self._lock:
            self._save(connection, settings, now)

    def _save(self, connection: Connection, settings: Settings, now: Scan) -> None:
        known, self._signatures = self._signatures, None
        is_first = not self._asked_at
        if known is None or time.monotonic() - self._asked_at > ASK_AGAIN_S:
            self._asked_at = time.monotonic()
            known = dict(connection.execute("SELECT path, signature FROM isthmus.files").fetchall())
        seen = {path: dataset.signature for path, dataset in now.datasets.items()}
        self._own = self._own or own_folder(settings)
        others = {path: "" for path in (*now.others, *now.unreadable) if not path.startswith(self._own)}
        seen = {**others, **seen}
        anew = others if is_first else ()  # another release may say more of them
        changed = sorted(path for path, signature in seen.items() if known.get(path) != signature or path in anew)
        gone = [path for path in known.keys() - seen.keys() if not now.is_unknown(path)]
        if changed:  # in order, so that two that write wait for each other and not crosswise
            with connection.cursor() as cursor:
                cursor.executemany(SAVE_FILE, [row_of(settings, now, path) for path in changed])
        if gone:
            connection.execute("DELETE FROM isthmus.files WHERE path = ANY (%s)", [gone])
        self._signatures = seen | {path: known[path] for path in known.keys() - seen.keys() - set(gone)}


def own_folder(settings: Settings) -> str:
    """How paths of tile matrix sets begin that were registered in the data folder: they are no data."""
    try:
        return f"{settings.matrix_sets_folder().relative_to(settings.data_dir).as_posix()}/"
    except ValueError:  # they lie elsewhere
        return "/"


def row_of(settings: Settings, now: Scan, path: str) -> Row:
    """The row of a file that the last look saw."""
    dataset = now.datasets.get(path)
    if dataset is None:
        found = why_not_read(settings.data_dir, now.others[path]) if path in now.others else FOLDER
        return {**not_read(found), "path": path, "ids": [*candidates(path, "")]}
    size_bytes = None
    with suppress(OSError):
        size_bytes = dataset.size_bytes
    known = {"signature": dataset.signature, "kind": dataset.kind, "size_bytes": size_bytes}
    return {**known, "path": path, "detail": None, "hint": None, "ids": [*candidates(path, "")]}


def not_read(found: NotRead) -> Row:
    """The columns of a file that is no dataset."""
    return {"signature": "", "size_bytes": None, **found._asdict()}


@contextmanager
def recorded(settings: Settings, dataset: Dataset, listen: Listener) -> Generator[Listener]:
    """The listener that tells the catalogue, too, what the load inside the block is at, over a connection of its own.

    The row is there before anything is read: it is what remains of a loader that ends inside.
    Raises: DatabaseUnavailable
    """
    with closing(connect(settings)) as connection:
        connection.autocommit = True
        try:
            connection.execute(BEGIN_LOAD, {"path": dataset.path, "signature": dataset.signature})
        except psycopg.Error as error:
            raise translate(error) from error
        progress, saved_at = LoadProgress(), 0.0

        def hear(event: Event) -> None:
            nonlocal saved_at
            progress.note(event)
            if time.monotonic() - saved_at >= EVERY_S or event.event == "layers":
                saved_at = time.monotonic()
                save(connection, SAVE_PROGRESS, dataset.path, progress)
            listen(event)

        try:
            yield hear
        finally:
            save(connection, END_LOAD, dataset.path, progress)
            if progress.ids:  # people may look for them, should it have failed
                save(connection, KEEP_IDS, dataset.path, progress)


def save(connection: Connection, text: LiteralString, path: str, progress: LoadProgress) -> None:
    """Run a statement about a load. What goes wrong there is no matter: the load itself meets it, too."""
    with suppress(psycopg.Error):
        connection.execute(text, {"path": path, **asdict(progress), "percent": progress.percent})


@dataclass
class LoadProgress:
    """How far a load is, by its events. `step`: what follows the copying of rows; `share`: of the layer, 0 to 1."""

    ids: list[str] = field(default_factory=list[str])
    layer: str | None = None
    place: int = 0
    rows: int | None = None
    of: int | None = None
    step: str | None = None
    share: float | None = None

    @property
    def percent(self) -> int | None:
        """Of the whole load; None where nobody knows. 100 is for what is done."""
        if self.share is None:
            return None
        return min(99, int((self.place + self.share) * 100 / max(1, len(self.ids))))

    def note(self, event: Event) -> None:
        """Note an event."""
        values = event.values
        if event.event == "layers":
            self.ids = list(values["ids"])
        elif event.event == "wait":
            self.step = "waits for another loader"
        elif event.event == "rows":
            self.place += self.layer not in (None, values["layer"])
            self.layer, self.rows, self.of, self.step = values["layer"], values["rows"], values["of"], None
            share = values["rows"] / values["of"] if values["of"] else values.get("share")
            self.share = None if share is None else COPYING * min(1.0, share)
        elif event.event == "step":
            self.step = values["step"]
            self.share = max(self.share or 0.0, COPYING + (1 - COPYING) * (values["number"] - 1) / values["of"])
