"""What the loader is doing and since when, in a file that `watch --check` reads.

The loop itself writes it, at each look and with the progress of each load, and says how long there may be no news: no
thread says that a loop lives which hangs.
"""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from loader.errors import DataFolderUnavailable
from loader.progress import Event
from loader.states.record import LoadProgress

LOOK_S = 30.0
"""How long a look at the folder, or anything else between two looks, may take."""

READ_S, BYTES_A_SECOND = 150.0, 10_000_000
"""How long a load may tell of no row: a reading process that makes no progress is ended before. Before the first row
the whole file is read once, at this rate or faster.
"""

MARGIN_S = 30.0
"""How much longer than the reading process that hangs the loader may take to tell of it."""

STEP_S, ROWS_A_SECOND = 600.0, 1000
"""How long a step of a load, or the making of an index, may take: so long, and a second more for so many rows."""

START_S = 900.0
"""How long the catalogue may take to be brought up to date."""

EVERY_S, MOST_TOLD = 1.0, 150
LOOP, BESIDE = "loop", "beside"
ROOM_BYTES = 3000
"""Of the file, which is written over in place: that works on a full disk, too."""


@dataclass(frozen=True, slots=True)
class Doing:
    """What the loader was doing when it was last heard of.

    since, heard_at: seconds since 1970
    may_take_s:      how long it may not be heard of
    is_gone:         whether its process is known to have ended
    """

    what: str
    since: float
    may_take_s: float
    heard_at: float
    is_gone: bool = False

    def silent_s(self, now: float) -> float:
        """How long it has not been heard of."""
        return now - self.heard_at

    def is_healthy(self, now: float) -> bool:
        """Whether it was heard of as lately as it had to be."""
        return self.silent_s(now) < self.may_take_s and not self.is_gone

    def sentence(self, now: float) -> str:
        """What it is doing and since when, for people."""
        if self.is_gone:
            return f"no loader is at work: the last one ended while it was {self.what}"
        if self.is_healthy(now):
            return f"{self.what}, since {now - self.since:,.0f} s"
        limit = f"after {self.may_take_s:,.0f} s at most there is news from one that is at work"
        return f"stuck or gone: it was {self.what}, and was last heard of {self.silent_s(now):,.0f} s ago; {limit}"


@dataclass(frozen=True, slots=True)
class Told:
    """What a thread is doing, as the file has it."""

    what: str
    since: float
    may_take_s: float
    heard_at: float

    def is_overdue(self, now: float) -> bool:
        """Whether there should have been news of it."""
        return now - self.heard_at >= self.may_take_s


class HealthFile:
    """The file: it tells what the loop does, and what the thread beside it does, where there is one that works."""

    def __init__(self, data_dir: Path) -> None:
        """Nothing is written yet."""
        self.path = health_file(data_dir)
        self._process = process_of("self")
        self._told: dict[str, Told] = {}
        self._lock = threading.Lock()

    def tell(self, name: str, told: Told | None) -> None:
        """Write what a thread does; None: nothing."""
        with self._lock:
            if told is None:
                self._told.pop(name, None)
            else:
                self._told[name] = told
            self._write({"process": self._process, "threads": [asdict(one) for one in self._told.values()]})

    def _write(self, values: dict[str, Any]) -> None:
        """Over the file in place. Where even that fails, its time says that the loop lives."""
        text = json.dumps(values).encode()[:ROOM_BYTES].ljust(ROOM_BYTES)
        try:
            with self.path.open("r+b") as file:
                file.write(text)
        except OSError:
            with suppress(OSError):
                os.utime(self.path)


class Health:
    """Tells what a thread is doing: the loop, or the one beside it. The methods are for that thread."""

    def __init__(
        self, data_dir: Path, read_s: float = READ_S, *, name: str = LOOP, file: HealthFile | None = None
    ) -> None:
        """Nothing is written yet. `read_s`: how long a load may tell of no row."""
        self._read_s = read_s
        self._name = name
        self._data_dir = data_dir
        self._to = file or HealthFile(data_dir)
        self._file = self._to.path
        self._what = ""
        self._since = self._written_at = self._may_take_s = 0.0
        self._rows = self._bytes = 0
        self._progress = LoadProgress()

    def begin(self) -> None:
        """Make the file. Raises: DataFolderUnavailable"""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.touch()
        except OSError as error:
            raise DataFolderUnavailable(
                f"{self._file} cannot be written: {error.strerror}",
                hint=f"let user {os.getuid()} write to var/ in the data folder",
                parameter="ISTHMUS_DATA_DIR",
            ) from error
        self.doing("connecting to PostgreSQL", START_S)

    def doing(self, what: str, may_take_s: float = LOOK_S, detail: str = "") -> None:
        """The loop is at something, still or from now on. `detail`: how far it is"""
        now = time.time()
        if (what, may_take_s) == (self._what, self._may_take_s) and now - self._written_at < EVERY_S:
            return
        if what != self._what:
            self._what, self._since = what, now
        self._written_at, self._may_take_s = now, may_take_s
        self._to.tell(self._name, Told(f"{what[:MOST_TOLD]}{detail}", self._since, may_take_s, now))

    def beside(self) -> Health:
        """That of a thread which works beside the loop."""
        return Health(self._data_dir, self._read_s, name=BESIDE, file=self._to)

    def _at_rest(self) -> None:
        """The thread beside the loop has nothing to do."""
        if self._name != LOOP:
            self._what = ""
            self._to.tell(self._name, None)

    def hear(self, event: Event) -> None:
        """Note an event of a load, or of an index."""
        values, subject = event.values, f"loading {event.path}"
        if event.event == "start":
            self._rows, self._bytes, self._progress = 0, values.get("bytes", 0), LoadProgress()
        self._progress.note(event)
        if event.event in ("end", "prepared", "indexed"):
            return self._at_rest()
        if event.event == "index":
            return self.doing(f"making the index of {values['collection']}.{values['property']}", STEP_S)
        if event.event == "wait":
            return self.doing(f"waiting for another loader, to load {event.path}")
        if event.event in ("start", "layers"):
            return self.doing(subject, self._read_s + self._bytes / BYTES_A_SECOND, self._detail())
        if event.event == "rows":
            self._rows = values["rows"]
            return self.doing(subject, self._read_s, self._detail())
        if event.event == "step" and "collection" in values:
            rows_s = values["rows"] / ROWS_A_SECOND
            return self.doing(f"preparing low zooms of {values['collection']}", STEP_S + rows_s)
        if event.event == "step":
            return self.doing(subject, STEP_S + self._rows / ROWS_A_SECOND, self._detail())
        return None

    def _detail(self) -> str:
        percent = self._progress.percent
        if percent is not None:
            return f", {percent} %"
        return f", {self._rows:,} rows" if self._rows else ""


def health_file(data_dir: Path) -> Path:
    """The file that says what the loader is doing."""
    return data_dir / "var" / "loader.alive"


def read_health(data_dir: Path) -> Doing | None:
    """What the loader of a data folder was last doing; None where there was none."""
    file = health_file(data_dir)
    try:
        heard_at, text = file.stat().st_mtime, file.read_text(encoding="utf-8")
    except OSError:
        return None
    try:
        values: dict[str, Any] = json.loads(text)
        gone = has_ended(values["process"])
        threads, now = [parse_told(one, heard_at) for one in values["threads"]], time.time()
        # the one that is overdue, else the one beside the loop, which has more to tell
        chosen = next((told for told in threads if told.is_overdue(now)), threads[-1])
        return Doing(chosen.what, chosen.since, chosen.may_take_s, chosen.heard_at, gone)
    except (ValueError, KeyError, TypeError, IndexError):  # one that is being written, or was made just now
        return Doing("starting", heard_at, LOOK_S, heard_at)


def parse_told(values: dict[str, Any], written_at: float) -> Told:
    """What a thread did when the file was written, or before."""
    return replace(Told(**values), heard_at=min(values["heard_at"], written_at))


def process_of(number: int | str) -> list[Any] | None:
    """A process as no later one is: where its number counts, its number, and when it started. None: there is none"""
    try:
        stat = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None
    pid, (state, *others) = stat.partition(" ")[0], stat.rpartition(") ")[2].split()
    return None if state == "Z" else [namespace, int(pid), int(others[18])]


def has_ended(process: list[Any] | None) -> bool:
    """Whether a process is gone. One whose number counts elsewhere is not."""
    here = process_of("self")
    if process is None or here is None or process[0] != here[0]:
        return False
    return process_of(process[1]) != process


def is_alive(data_dir: Path) -> bool:
    """Whether a loader watches this folder."""
    found = read_health(data_dir)
    return found is not None and found.is_healthy(time.time())
