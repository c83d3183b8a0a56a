"""The spool: finished files in a folder with a size limit, which the workers share.

A file is made in a folder `NAME.build` of its own that its builder holds a lock on, and is moved into place when it is
whole. The lock goes with the process, so a folder that nobody holds was left by one that died.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

BUILD = ".build"
BUILDER = "builder-"
RESERVE_BYTES = 100_000_000
"""What is left free on the disk."""


class SpooledFile:
    """A finished file, open: it can be read to its end even when it is deleted meanwhile.

    A response that is thrown away unread closes it too, by way of the garbage collector.
    """

    def __init__(self, path: Path) -> None:
        """`mark` differs between files of one name, whose bytes need not be the same. Raises: FileNotFoundError"""
        self._descriptor = -1
        self._descriptor = os.open(path, os.O_RDONLY)
        stat = os.fstat(self._descriptor)
        self.size_bytes = stat.st_size
        self.made_at = stat.st_mtime
        self.mark = f"{stat.st_mtime_ns:x}"
        with contextlib.suppress(OSError):
            os.utime(self._descriptor, ns=(time.time_ns(), stat.st_mtime_ns))

    def read(self, first: int, count: int) -> bytes:
        """Bytes of the file, fewer at its end."""
        return os.pread(self._descriptor, count, first)

    def close(self) -> None:
        """Close the file, once or again."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    __del__ = close


class Spool:
    """A cache of files on the disk. Every name is used by one kind of content."""

    def __init__(self, folder: Path, most_bytes: int, builders: int) -> None:
        """`builders`: how many files are made at once, in all workers. The folder is made when it is first needed."""
        self.folder = folder
        self._most_bytes = most_bytes
        self._builders = builders

    def find(self, name: str) -> SpooledFile | None:
        """The file of a name, when it is there. Finding it makes it the last to be deleted."""
        try:
            return SpooledFile(self.folder / name)
        except FileNotFoundError:
            return None

    @contextmanager
    def claim(self, name: str) -> Generator[Path | None]:
        """An empty folder to make the file of a name in, with the right to make it; None while somebody else has it.

        The caller moves the file out by `publish` before it leaves the block, which deletes the folder.
        """
        folder = self.folder / f"{name}{BUILD}"
        with contextlib.suppress(FileExistsError):  # exist_ok stumbles over a folder that is deleted just then
            folder.mkdir(parents=True)
        with locked(folder) as mine, contextlib.ExitStack() as stack:
            slot = mine and self._slot(stack)
            if not slot:
                yield None
                return
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _slot(self, stack: contextlib.ExitStack) -> bool:
        """Take one of the slots of builders until the stack is closed."""
        for number in range(self._builders):
            slot = self.folder / f"{BUILDER}{number}"
            slot.touch()
            if stack.enter_context(locked(slot)):
                return True
        return False

    def publish(self, made: Path, name: str) -> SpooledFile | None:
        """Move a finished file to its name, and open it before anybody can delete it."""
        made.replace(self.folder / name)
        return self.find(name)

    def make_room(self) -> None:
        """Delete what dead processes left, then the files that were not used for longest, until the limit holds."""
        self._tidy()
        files = sorted(self._files(), key=lambda entry: entry[1].st_atime_ns)
        excess = sum(stat.st_size for _, stat in walk(self.folder)) - self._most_bytes
        for path, stat in files:
            if excess <= 0:
                return
            path.unlink(missing_ok=True)
            excess -= stat.st_size

    def room_bytes(self) -> int:
        """How much may be written, on the disk and by the limit, when every finished file gives way."""
        building = sum(stat.st_size for path, stat in walk(self.folder) if path.parent != self.folder)
        free = shutil.disk_usage(self.folder).free - RESERVE_BYTES
        return min(self._most_bytes - building, free)

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        """The finished files."""
        for path, stat in walk(self.folder):
            if path.parent == self.folder and not path.name.startswith(BUILDER):
                yield path, stat

    def _tidy(self) -> None:
        """Delete the folders that no builder holds."""
        for folder in self.folder.glob(f"*{BUILD}"):
            with locked(folder) as free:
                if free:
                    shutil.rmtree(folder, ignore_errors=True)


def walk(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The files in a folder and in those below it, less what vanishes meanwhile."""
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                yield Path(root) / name, (Path(root) / name).stat()


@contextmanager
def locked(path: Path) -> Generator[bool]:
    """Whether nobody else held the lock of a file or folder; held until the end of the block."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        yield took_lock(descriptor, path)
    finally:
        os.close(descriptor)


def took_lock(descriptor: int, path: Path) -> bool:
    """Take the lock. A path that was deleted, and perhaps made anew, between opening and locking does not count."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
