"""Loading as people meet it: files dropped into the folder of a running loader; when each is served, and all made
fine, what the loader's processes hold meanwhile and afterwards, and what the write-ahead log takes.

PostgreSQL is a private one that writes to the disk as in earnest. Memory is that of the loader and of the process that
reads, pages that both share counted once.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

from bench.generate import KINDS, write_points
from core.database.connections import conninfo
from support.cluster import Cluster, Database, environment, private_cluster

IN_EARNEST = ("fsync=on", "synchronous_commit=on", "full_page_writes=on", "shared_buffers=256MB", "autovacuum=on")
SMALL_FEATURES = 5_000
"""About a megabyte of GeoJSON."""

EVERY_S = 0.1
IDLE_S = 40.0
"""After so long without a file the loader is idle."""

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a file. Seconds since it was dropped; the most that the processes and the log took meanwhile."""

    name: str
    file_mb: float
    rows: int
    served_s: float
    done_s: float | None
    memory_mb: float
    wal_mb: float


class Meter(threading.Thread):
    """Looks again and again at what a process and its children hold, and how large a folder is."""

    def __init__(self, pid: int, wal: Path) -> None:
        super().__init__(daemon=True)
        self.pid, self.wal = pid, wal
        self.memory_mb = self.wal_mb = 0.0
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(EVERY_S):
            self.memory_mb = max(self.memory_mb, memory_mb(self.pid))
            self.wal_mb = max(self.wal_mb, folder_mb(self.wal))

    def stop(self) -> None:
        self._ended.set()
        self.join()


def processes_of(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = file.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from processes_of(int(child))


def memory_mb(pid: int) -> float:
    """What a process and those below it hold; of pages that several have, each has its share."""
    total = 0
    for process in processes_of(pid):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total / MB


def folder_mb(folder: Path) -> float:
    """How large its files are."""
    total = 0
    for file in folder.iterdir():
        try:
            total += file.stat().st_size if file.is_file() else 0
        except OSError:
            continue
    return total / MB


def write_geojson(path: Path, count: int) -> None:
    """GeoJSON of points all over the world, with four properties."""
    with path.open("w") as file:
        file.write('{"type":"FeatureCollection","features":[\n')
        for number in range(count):
            x, y = (number * 7919 % 3_599_999) / 10_000 - 180, (number * 104_729 % 1_599_999) / 10_000 - 80
            properties = (
                f'{{"name":"place {number}","kind":"{KINDS[number % 8]}","size":{number % 100_000},"score":0.5}}'
            )
            end = "\n" if number == count - 1 else ",\n"
            file.write(
                f'{{"type":"Feature","properties":{properties},'
                f'"geometry":{{"type":"Point","coordinates":[{x:.5f},{y:.5f}]}}}}{end}'
            )
        file.write("]}\n")


class Bench:
    """A loader at work on a database."""

    def __init__(self, database: Database, pid: int, wal: Path) -> None:
        self.database, self.pid, self.wal = database, pid, wal
        self.connection = psycopg.connect(conninfo(database.owner), autocommit=True)

    def drop(self, *files: Path) -> float:
        """Put files into the folder, all at once; returns when."""
        for file in files:
            file.rename(self.database.owner.data_dir / file.name)
        return time.monotonic()

    def wait(self, question: str, id: str, since: float, most_s: float) -> float:
        """Seconds until a statement finds something. Raises: AssertionError"""
        while self.connection.execute(question, [id]).fetchone() is None:
            assert time.monotonic() - since < most_s, (id, self.connection.execute(FAILED).fetchall())
            time.sleep(0.05)
        return time.monotonic() - since

    @contextmanager
    def metered(self) -> Iterator[Meter]:
        """What is held while the block runs."""
        meter = Meter(self.pid, self.wal)
        meter.start()
        try:
            yield meter
        finally:
            meter.stop()

    def load(self, file: Path, most_s: float) -> Loaded:
        """Drop a file, and wait until nothing is left to be made of it."""
        size_mb, id = file.stat().st_size / MB, file.stem
        with self.metered() as meter:
            dropped = self.drop(file)
            served_s = self.wait(SERVED, id, dropped, most_s)
            done_s = self.wait(DONE, id, dropped, most_s)
        return self.loaded(file, size_mb, served_s, done_s, meter)

    def loaded(self, file: Path, size_mb: float, served_s: float, done_s: float | None, meter: Meter) -> Loaded:
        """What was measured of a file."""
        [(rows,)] = self.connection.execute(ROWS, [file.stem]).fetchall()
        return Loaded(file.name, size_mb, rows, served_s, done_s, meter.memory_mb, meter.wal_mb)

    def overtake(self, large: Path, small: Path, most_s: float) -> list[Loaded]:
        """Drop a large file and a small one at once."""
        sizes = [file.stat().st_size / MB for file in (large, small)]
        with self.metered() as meter:
            dropped = self.drop(large, small)
            small_s = self.wait(SERVED, small.stem, dropped, most_s)
            large_s = self.wait(SERVED, large.stem, dropped, most_s)
            self.wait(DONE, large.stem, dropped, most_s)
        pairs = ((large, sizes[0], large_s), (small, sizes[1], small_s))
        return [self.loaded(file, size, served_s, None, meter) for file, size, served_s in pairs]


SERVED = "SELECT 1 FROM isthmus.collections WHERE id = %s AND current_version IS NOT NULL"
DONE = """
SELECT 1 FROM isthmus.collections AS c
JOIN isthmus.versions AS v ON v.version = c.current_version
JOIN isthmus.indexed AS i USING (version)
WHERE c.id = %s AND v.to_prepare IS NULL
  AND NOT i.indexes @? '$[*] ? (@.seconds == null && @.problem == null)'
"""
ROWS = """
SELECT v.row_count FROM isthmus.collections AS c
JOIN isthmus.versions AS v ON v.version = c.current_version
WHERE c.id = %s
"""
FAILED = "SELECT path, report -> 'error' FROM isthmus.sources WHERE status = 'failed'"


@contextmanager
def loader_at_work(cluster: Cluster, database: Database, log: Path) -> Iterator[Bench]:
    """The loader as the container runs it."""
    with log.open("wb") as stream:
        settings = environment(database.owner, ISTHMUS_SCAN_INTERVAL_S="1", PYTHONWARNINGS="default")
        process = subprocess.Popen([sys.executable, "-m", "cli", "watch"], env=settings, stdout=stream, stderr=stream)
    try:
        bench = Bench(database, process.pid, Path(cluster.environment["PGDATA"]) / "pg_wal")
        yield bench
        bench.connection.close()
    finally:
        process.terminate()
        process.wait(30)


def progress(text: str) -> None:
    """A line for who waits."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def run(points: int, features: int, *, wal_mb: int = 4000, idle_s: float = IDLE_S, most_s: float = 1800.0) -> Outcome:
    """Generate, drop, wait."""
    more = {"ISTHMUS_PG_WAL_MB": str(wal_mb)}
    with private_cluster(extra=IN_EARNEST, more=more) as cluster, tempfile.TemporaryDirectory(dir="/tmp") as folder:
        database, files = cluster.database("isthmus"), Path(folder)
        loaded: list[Loaded] = []
        progress(f"generating {points} points as GeoParquet, and {features} as GeoJSON")
        write_points(files / "points.parquet", points)
        write_geojson(files / "text.geojson", features)
        write_geojson(files / "large.geojson", features)
        write_geojson(files / "small.geojson", SMALL_FEATURES)
        with loader_at_work(cluster, database, files / "log") as bench:
            for name in ("points.parquet", "text.geojson"):
                progress(f"loading {name}")
                loaded.append(bench.load(files / name, most_s))
            progress("a large file and a small one at once")
            loaded += bench.overtake(files / "large.geojson", files / "small.geojson", most_s)
            progress("idle")
            time.sleep(idle_s)
            return Outcome(tuple(loaded), memory_mb(bench.pid), wal_mb)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured. `wal_mb`: what the setting lets the log take"""

    loaded: tuple[Loaded, ...]
    idle_mb: float
    wal_mb: int


def render(outcome: Outcome) -> str:
    """The outcome as a table."""
    lines = [
        "| file | MB | rows | served after s | all made after s | memory MB | log MB |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for one in outcome.loaded:
        done = "–" if one.done_s is None else f"{one.done_s:.1f}"
        lines.append(
            f"| {one.name} | {one.file_mb:.0f} | {one.rows:,} | {one.served_s:.1f} | {done} | {one.memory_mb:.0f}"
            f" | {one.wal_mb:.0f} |"
        )
    return "\n".join([*lines, f"\nidle: {outcome.idle_mb:.0f} MB; the log may take {outcome.wal_mb} MB"])


def main(arguments: Sequence[str] | None = None, out: Callable[[str], None] = print) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="scripts/bench load", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=5_000_000, help="points of the GeoParquet (5000000)")
    parser.add_argument("--features", type=int, default=6_200_000, help="features of the GeoJSON (6200000: 1 GB)")
    parser.add_argument("--wal-mb", type=int, default=4000, help="ISTHMUS_PG_WAL_MB (4000)")
    parser.add_argument("--idle", type=float, default=IDLE_S, help=f"seconds after which it is idle ({IDLE_S:.0f})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON too")
    given = parser.parse_args(arguments)
    outcome = run(given.points, given.features, wal_mb=given.wal_mb, idle_s=given.idle)
    out(render(outcome))
    if given.json:
        given.json.write_text(json.dumps(asdict(outcome), indent=2) + "\n")


if __name__ == "__main__":
    main()
