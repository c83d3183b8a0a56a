"""`scripts/bench peers`: Isthmus beside other servers, on one database in one run.

Every server has one worker and one client, over loopback; no query runs in parallel workers, whose CPU nobody could
count. What a row costs is the CPU of the server's processes and of its database backends, as medians of rounds in
which all servers take turns, each asked something alike before what counts.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path

import psycopg

from bench.peers import c_peers, data, go_peers, python_peers
from bench.peers.data import Access
from bench.peers.floor import Floor, floor_for
from bench.peers.isthmus import isthmus, over_tables
from bench.peers.plain_route import flask_route
from bench.peers.report import as_json, render
from bench.peers.rounds import Measured, Row, measure
from bench.peers.rows import feature_rows, tile_rows
from bench.peers.same import compare_answers
from bench.peers.servers import Contender, Server
from support.cluster import Database, private_cluster

Start = Callable[[Access, Path], AbstractContextManager[Server]]
PEERS: dict[str, Start] = {
    "tipg": python_peers.tipg,
    "pygeoapi": python_peers.pygeoapi,
    "qgis": c_peers.qgis_server,
    "mapserver": c_peers.mapserver,
    "pg_featureserv": go_peers.pg_featureserv,
    "pg_tileserv": go_peers.pg_tileserv,
    "flask": flask_route,
}
OWN_TABLES = "tables"
"""The name of Isthmus itself over the plain tables."""
SETTINGS = ("max_parallel_workers_per_gather=0", "shared_buffers=1GB")


def progress(text: str) -> None:
    """A line for who waits."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="scripts/bench peers", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=1_000_000, help="points; a tenth as places, a fifth polygons")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of the cheap requests (15)")
    names = (OWN_TABLES, *PEERS)
    parser.add_argument("--only", metavar="NAME,…", default=",".join(names), help=f"servers ({','.join(names)})")
    parser.add_argument("--rows", metavar="WORD", default="", help="only rows whose names hold this word")
    parser.add_argument(
        "--cold", action="store_true", help="count from the first ask of each turn on, which finds cold caches"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON too")
    given = parser.parse_args(arguments)
    wanted = given.only.split(",")
    if unknown := sorted({*wanted} - {*names}):
        parser.error(f"--only knows no server {', '.join(unknown)}; Isthmus itself is always measured")
    absent = {name: reason for name in wanted if (reason := c_peers.missing(name) or go_peers.missing(name))}
    given.names = [name for name in wanted if name not in absent]
    with ExitStack() as stack:
        results, servers = run(stack, given)
        print(render(results, servers, absent), flush=True)
        if given.json:
            given.json.write_text(json.dumps(as_json(results, servers, absent), indent=2) + "\n")


def run(stack: ExitStack, given: argparse.Namespace) -> tuple[list[Measured], list[Contender]]:
    """Make the data, start the servers, measure every row."""
    cluster = stack.enter_context(private_cluster(extra=SETTINGS))
    database, rows = cluster.database("isthmus"), data.counts(given.points)
    progress(f"loading {rows}")
    data.load_all(database, rows, Path(tempfile.mkdtemp(dir=cluster.directory)))
    watcher = stack.enter_context(data.superuser(cluster, database))
    data.copy_tables(watcher)
    first = data.first_id(watcher)
    floor, servers = start(stack, database, watcher, given.names)
    wanted = [
        row
        for row in [*feature_rows(rows, first, given.rounds), *tile_rows(rows, given.rounds)]
        if given.rows in row.name
    ]
    return [measure_row(row, floor, servers, cold=given.cold) for row in wanted], [floor, *servers]


def start(
    stack: ExitStack, database: Database, watcher: psycopg.Connection, names: Sequence[str]
) -> tuple[Floor, list[Server]]:
    """The floor, and the servers: Isthmus, then the peers."""
    floor = stack.enter_context(floor_for(data.access_for(watcher, "floor", database)))
    servers = [stack.enter_context(isthmus(database, watcher))]
    starts = {**PEERS, OWN_TABLES: partial(over_tables, database)}
    for name in names:
        progress(f"starting {name}")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"peer-{name}-")))
        servers.append(stack.enter_context(starts[name](data.access_for(watcher, name, database), folder)))
    return floor, servers


def measure_row(row: Row, floor: Floor, servers: Sequence[Server], *, cold: bool) -> Measured:
    """Look whether the answers are the same, then measure."""
    progress(row.name)
    without, notes = compare_answers(row.rounds[0].asks[0], servers, floor)
    measured = measure(row, [floor, *servers], without, cold=cold)
    measured.notes |= notes
    return measured


if __name__ == "__main__":
    main()
