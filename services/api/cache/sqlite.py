"""Tiles on the disk, in a file of SQLite that all workers and containers on one machine share.

No response waits for it: tiles that are made about the same time are written together by a thread. A cache that fails
must not be missed: whatever goes wrong here is logged once, and tiles are made as if there were no such file. SQLite
in WAL mode lets readers go on while one writes. It needs a folder of a local disk.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import time
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import NamedTuple, TypeVar
from weakref import finalize

T = TypeVar("T")
log = logging.getLogger("isthmus.api.tiles")

BUSY_S = 0.25
"""How long a writer waits for another. A tile that is not written is made again some day."""

PAGE_BYTES = 8192
RETRY_S = 60.0
"""How long a disk that failed is left alone."""

LEFT_SHARE = 0.9
"""What is left of the limit after room was made."""

ROOM_SHARE = 0.01
"""Of the limit, what a worker writes before it looks again how much room there is."""

DROPPED_AT_ONCE = 100
UNNOTED_PARTS = 16
"""Each time that room is made one of so many parts of the tiles is looked through for unnoted ones."""

USES_AT_ONCE = 50
"""Uses are written together: each would cost two thirds of what a tile does."""

TOGETHER_S = 0.01
"""How long a tile waits for others. About as long waits who looks for it from another worker."""

MOST_BYTES = 4_000_000
"""What may wait, if the disk takes so much at once. Who makes a tile more writes them all before it goes on."""

DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
OCCUPIED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

# The uses stand apart: to note one must not write a whole tile again.
TABLES = """
CREATE TABLE IF NOT EXISTS tiles (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL, crc INTEGER NOT NULL, tile BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS uses (number INTEGER PRIMARY KEY, used INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS uses_in_order ON uses (used);
"""
GET = "SELECT key, crc, tile FROM tiles WHERE number = ?"
PUT = "INSERT OR REPLACE INTO tiles VALUES (?, ?, ?, ?)"
USE = "INSERT OR REPLACE INTO uses SELECT number, ? FROM tiles WHERE number = ?"
LEAST_USED = "SELECT number FROM uses ORDER BY used LIMIT ?"
NOTE_UNNOTED = "INSERT OR IGNORE INTO uses SELECT number, 0 FROM tiles WHERE number BETWEEN ? AND ?"
"""For tiles whose uses a worker did not come to write before it ended."""


class Access:
    """A connection that one thread at a time uses."""

    def __init__(self) -> None:
        """Not yet open."""
        self.lock = Lock()
        self.connection: sqlite3.Connection | None = None
        self.path: Path | None = None

    def close(self) -> None:
        """Close it, once or again."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


class TileDisk:
    """Compressed tiles by key. Safe for threads and for processes; opened when it is first needed."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """`most_bytes`: how large the file may become; the least used tiles make room. 0 stores nothing."""
        self.folder = folder
        self._most_pages = most_bytes // PAGE_BYTES
        self._reading, self._writing = Access(), Access()
        self._quiet_until = 0.0 if most_bytes else float("inf")
        self.look_bytes = self._unlooked_bytes = int(most_bytes * ROOM_SHARE)
        """After so many it is looked how much room there is: no more are to be put at once."""
        self._used: dict[int, int] = {}

    def get(self, key: str) -> bytes | None:
        """The tile (empty: known to hold nothing), or None."""
        number = number_of(key)
        # who writes has the pages at hand that others read anew after each write: 7 µs for 10
        access = self._reading if self._writing.lock.locked() else self._writing
        row = self._attempt(access, lambda connection: connection.execute(GET, [number]).fetchone())
        if row is None or row[0] != key or zlib.crc32(row[2]) != row[1]:
            return None
        return row[2]

    def put(self, tiles: Mapping[str, bytes]) -> None:
        """Store tiles, by their keys, and make room for them."""
        rows = [(number_of(key), key, zlib.crc32(tile), tile) for key, tile in tiles.items()]

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(PUT, rows)
            self._used.update((number, now()) for number, *_ in rows)
            self._unlooked_bytes += sum(map(len, tiles.values()))
            is_due = self._unlooked_bytes >= self.look_bytes
            if is_due or len(self._used) >= USES_AT_ONCE:
                self._write_uses(connection)
            if is_due:
                self._unlooked_bytes = 0
                make_room(connection, self._most_pages)

        if rows:
            self._attempt(self._writing, write)

    def touch(self, key: str) -> None:
        """Note that a tile was used just now."""
        if not self.works:
            return
        self._used[number_of(key)] = now()
        if len(self._used) >= USES_AT_ONCE:
            self._attempt(self._writing, self._write_uses)

    def _write_uses(self, connection: sqlite3.Connection) -> None:
        used, self._used = self._used, {}
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(USE, [(at, number) for number, at in list(used.items())])

    @property
    def works(self) -> bool:
        """Whether it stores anything, as far as is known."""
        return time.monotonic() >= self._quiet_until

    def close(self) -> None:
        """Close the file, once or again."""
        if self._used:
            self._attempt(self._writing, self._write_uses)
        for access in (self._reading, self._writing):
            with access.lock:
                access.close()

    def _attempt(self, access: Access, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """What `work` gives; None when the disk does not work."""
        with access.lock:
            if not self.works:
                return None
            try:
                return work(self._open(access))
            except (sqlite3.Error, OSError) as error:
                self._failed(access, error)
                return None

    def _open(self, access: Access) -> sqlite3.Connection:
        if access.connection is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            access.path = newest(self.folder)
            access.connection = connect(access.path, self._most_pages)
            finalize(access, access.connection.close)  # else it warns where both are dropped, unclosed
        return access.connection

    def _failed(self, access: Access, error: Exception) -> None:
        """Leave the disk alone for a while; a damaged file, for ever. A writer that waited in vain is no failure."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in OCCUPIED:
            return
        access.close()
        if code in DAMAGED and access.path is not None:
            log.warning("the cached tiles are damaged and are made again: %s: %s", access.path, error)
            leave(access.path)
            return
        if self.works:
            log.warning("tiles are not cached on the disk for %d s: %s: %s", RETRY_S, self.folder, error)
        self._quiet_until = time.monotonic() + RETRY_S


class PendingTile(NamedTuple):
    """A tile that is to be written. `written`: to be called once others find it on the disk."""

    tile: bytes
    written: Callable[[], None]


class WriteBehind:
    """Writes to a disk, by a thread that begins with the first tile. Safe for threads."""

    def __init__(self, disk: TileDisk) -> None:
        """Nothing waits."""
        self._disk = disk
        self._most_bytes = min(MOST_BYTES, disk.look_bytes)
        self._pending: dict[str, PendingTile] = {}
        self._bytes = 0
        self._is_due = False
        self._lock, self._writing = Lock(), Lock()
        self._thread = ThreadPoolExecutor(1, "isthmus-tile-writer")

    def get(self, key: str) -> bytes | None:
        """A tile that waits."""
        found = self._pending.get(key)
        return None if found is None else found.tile

    def put(self, key: str, tile: bytes, written: Callable[[], None]) -> None:
        """Have a tile written. `written` is called then, or at once where nothing can be."""
        if not self._disk.works:
            written()
            return
        with self._lock:
            self._pending[key] = PendingTile(tile, written)
            self._bytes += len(tile)
            is_first, self._is_due = not self._is_due, True
        if self._bytes > self._most_bytes:
            self.write()
        elif is_first:
            self._thread.submit(self._write_soon).add_done_callback(lambda done: done.result())  # logs an error

    def write(self) -> None:
        """Write all that wait."""
        with self._writing:
            with self._lock:
                pending, self._bytes, self._is_due = dict(self._pending), 0, False
            try:
                self._disk.put({key: found.tile for key, found in pending.items()})
            finally:
                self._forget(pending)

    def close(self) -> None:
        """Write all that wait, and end."""
        self.write()
        self._thread.shutdown()

    def _write_soon(self) -> None:
        time.sleep(TOGETHER_S)
        self.write()

    def _forget(self, written: Mapping[str, PendingTile]) -> None:
        """Let others look for what is written, or could not be."""
        with self._lock:
            self._pending = {key: found for key, found in self._pending.items() if written.get(key) is not found}
        for found in written.values():
            found.written()


@lru_cache(maxsize=100)
def number_of(key: str) -> int:
    """A number for a key, which SQLite takes as the number of a row."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), signed=True)


def now() -> int:
    """The time in seconds."""
    return int(time.time())


def connect(path: Path, most_pages: int) -> sqlite3.Connection:
    """Open the file, and make it when it is not there. Raises: sqlite3.Error"""
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -1000")
        connection.execute("PRAGMA journal_size_limit = 20000000")
        # Room is made at the limit; this holds also when that fails.
        connection.execute(f"PRAGMA max_page_count = {most_pages + most_pages // 10 + 50}")
        connection.executescript(TABLES)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def make_room(connection: sqlite3.Connection, most_pages: int) -> None:
    """Drop the least used tiles when the limit is reached."""
    if used_pages(connection) <= most_pages:
        return
    part = 2**64 // UNNOTED_PARTS
    first = time.time_ns() % UNNOTED_PARTS * part - 2**63  # any, as long as it is another one each time
    connection.execute(NOTE_UNNOTED, [first, first + part - 1])
    while used_pages(connection) > most_pages * LEFT_SHARE:
        numbers = connection.execute(LEAST_USED, [DROPPED_AT_ONCE]).fetchall()
        if not numbers:
            return
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("DELETE FROM tiles WHERE number = ?", numbers)
            connection.executemany("DELETE FROM uses WHERE number = ?", numbers)


def used_pages(connection: sqlite3.Connection) -> int:
    """Pages that hold something."""
    [[pages]], [[free]] = (connection.execute(f"PRAGMA {name}").fetchall() for name in ("page_count", "freelist_count"))
    return pages - free


def newest(folder: Path) -> Path:
    """The file in use: its number rises when one was damaged, since others may still have the old one open."""
    return max(folder.glob("tiles-*.sqlite"), default=folder / "tiles-0001.sqlite")


def leave(path: Path) -> None:
    """Begin the next file, unless another worker did so before, and delete the damaged one."""
    if newest(path.parent) == path:
        number = int(path.stem.removeprefix("tiles-")) + 1
        (path.parent / f"tiles-{number:04}.sqlite").touch()
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        (path.parent / name).unlink(missing_ok=True)
