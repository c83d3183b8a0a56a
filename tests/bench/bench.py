"""The benchmark: the API and the loader against the raw SQL that does the same work, in one run.

The database is a private cluster with fsync off, for both sides alike. What is measured is the whole request over
loopback HTTP with one connection kept alive, against the same rows fetched by psycopg on one connection: time, and
CPU of every process that had a part in it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from bench import features, tiles
from bench.generate import write_mixed, write_points, write_polygons
from bench.loads import bench_load, index, load
from bench.measure import RATIOS, Result, render_table
from bench.setting import Bench
from core.database.connections import conninfo
from loader.progress import sentence
from support.cluster import Database, private_cluster
from support.server import running_api

LOW_ZOOMS = range(6)
MOST_FLOORS = 12
"""Requests of a kind whose floor takes seconds."""


def progress(text: str) -> None:
    """A line for who waits."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def run(points: int, polygons: int, runs: int) -> list[Result]:
    """Generate, load, ask; returns what was measured."""
    with private_cluster() as cluster:
        database = cluster.database("isthmus")
        files = Path(tempfile.mkdtemp(dir=cluster.directory))
        database.owner.data_dir.rmdir()
        database.owner.data_dir.symlink_to(files)
        progress(f"generating {points} points and {polygons} polygons")
        write_points(files / "points.parquet", points)
        write_polygons(files / "polygons.fgb", polygons)
        write_mixed(files / "mixed.fgb", polygons)
        loads = {}
        for name in ("points.parquet", "polygons.fgb", "mixed.fgb"):
            progress(f"loading {name}")
            loads[name.split(".")[0]] = load(database, database.owner.data_dir / name)
            progress(f"indexes of {name} took {index(database, database.owner.data_dir / name):.1f} s")
        with (
            running_api(database, ISTHMUS_ANSWER_CACHE_MB="0") as url,
            psycopg.connect(conninfo(database.owner), autocommit=True) as connection,
        ):
            client = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
            bench = Bench(database, connection, client, runs)
            results = []
            for id, took_s in loads.items():
                progress(f"the floor of loading {id}")
                results.append(bench_load(bench, id, took_s))
            results += ask(bench, points)
            client.close()
        results += ask_after_load(database, files / "rendered", runs)
    return results


def ask_after_load(database: Database, tiles_dir: Path, runs: int) -> list[Result]:
    """The tiles of low zooms that are measured cold above, as the loader has them made: what somebody meets who opens
    the map after a load. Of an API of its own, that nobody asked but the renderer, and which keeps pages too.
    """
    progress("low zooms, as after a load")
    with (
        running_api(database, ISTHMUS_TILES_DIR=str(tiles_dir)) as url,
        psycopg.connect(conninfo(database.owner), autocommit=True) as connection,
        closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)) as client,
    ):
        for told in tiles.render_low_zooms(replace(database.owner, api=urlsplit(url).netloc), connection):
            progress(sentence(told))
        bench = Bench(database, connection, client, runs)
        few, state = min(MOST_FLOORS, runs), "rendered after the load"
        rendered = tiles.bench_plain(bench, "points", LOW_ZOOMS, few, state=state)
        return [rendered, features.bench_kept(bench, "points")]


BOXES = ((10, 8), (100, 4), (100, 8), (100, 40), (100, 120), (1000, 8), (1000, 30))
"""Pages of boxes: most features on the page, and the side of the box in degrees."""


def ask(bench: Bench, points: int) -> list[Result]:
    """Every request."""
    progress("pages and features")
    id = "points"
    results = [features.bench_feature(bench, id, points), features.bench_route(bench, id, points)]
    results += [features.bench_filter(bench, id), features.bench_equal(bench, id), features.bench_sorted(bench, id)]
    results += [features.bench_page(bench, id, limit, side_deg) for limit, side_deg in BOXES]
    results += [features.bench_large_page(bench, id, 1000), features.bench_large_page(bench, id, 10_000)]
    progress("walks")
    results += [features.bench_deep_page(bench, id, min(10_000, points // 20)), features.bench_walk(bench, id, 1000)]
    progress("exports")
    results += [features.bench_export(bench, id), features.bench_first_byte(bench, id, points)]
    results.append(features.bench_during_export(bench, id, points))
    progress("tiles")
    few = min(MOST_FLOORS, bench.runs)
    results.append(tiles.bench_plain(bench, id, LOW_ZOOMS, few))
    results += tiles.bench_tiles(bench, id, range(6, 13))
    results.append(tiles.bench_plain(bench, "polygons", LOW_ZOOMS, len(LOW_ZOOMS)))
    results.append(tiles.bench_plain(bench, "polygons", range(5, 11), few))
    results += tiles.bench_tiles(bench, "polygons", range(11, 18))
    results.append(tiles.bench_plain(bench, "mixed", range(3, 8), few))
    for layer in (id, "polygons", "mixed"):
        results.append(tiles.bench_plain(bench, layer, range(8, 15), bench.runs))
        results.append(tiles.bench_statement(bench, layer, range(8, 15)))
    return results


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=1_000_000, help="points to generate (1000000)")
    parser.add_argument("--polygons", type=int, default=200_000, help="polygons to generate (200000)")
    parser.add_argument("--runs", type=int, default=200, help="requests of each kind (200)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON too")
    given = parser.parse_args(arguments)
    results = run(given.points, given.polygons, given.runs)
    print(render_table(results))
    if given.json:
        rows = [{**asdict(result), **{name: getattr(result, name) for name in RATIOS}} for result in results]
        given.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
