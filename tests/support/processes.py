"""What /proc tells of a server that a test started."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit


def resident_bytes(pid: int) -> int:
    """Memory of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 + sum(resident_bytes(int(child)) for child in children)


@contextmanager
def peak_bytes(pid: int) -> Generator[Callable[[], int]]:
    """What gives the most memory that a process and its children had since the block began, by a look each 5 ms."""
    seen, ended = [resident_bytes(pid)], Event()

    def look() -> None:
        while not ended.wait(0.005):
            seen.append(resident_bytes(pid))

    thread = Thread(target=look)
    thread.start()
    try:
        yield lambda: max(seen)
    finally:
        ended.set()
        thread.join()


def server_pid(url: str) -> int:
    """The process that listens at an address."""
    port = f"{urlsplit(url).port:04X}"
    inode = next(
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{port}") and line.split()[3] == "0A"
    )
    owners = [
        int(link.parts[2])
        for link in Path("/proc").glob("[0-9]*/fd/*")
        if link.is_symlink() and points_to(link, f"socket:[{inode}]")
    ]
    return min(owners)


def points_to(link: Path, target: str) -> bool:
    """Whether a link of /proc, which may vanish, leads to a target."""
    try:
        return str(link.readlink()) == target
    except OSError:
        return False
