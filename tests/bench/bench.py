"""The benchmark: the API and the loader against the raw SQL that does the same work, in one run.

The database is a private cluster with fsync off, for both sides alike. What is measured is the whole request over
loopback HTTP with one connection kept alive, against the same rows fetched by psycopg on one connection.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import psycopg
from psycopg import sql

from api.tiles import Tile, tile_at
from bench.generate import SEED, write_points, write_polygons
from bench.measure import Result, compare, render_table
from core.db import conninfo
from support.cluster import ROOT, Database, private_cluster
from support.server import running_api


@dataclass(slots=True)
class Bench:
    """The two ways to the same data: raw SQL and HTTP."""

    database: Database
    connection: psycopg.Connection
    http: http.client.HTTPConnection
    runs: int

    def table(self, id: str) -> sql.Identifier:
        """The table of a collection's served version."""
        row = self.connection.execute(
            "SELECT table_name FROM isthmus.versions JOIN isthmus.collections ON version = current_version"
            " WHERE id = %s",
            [id],
        ).fetchone()
        assert row is not None
        return sql.Identifier("data", row[0])

    def get(self, path: str) -> bytes:
        """The body of an answer that must be a 2xx."""
        self.http.request("GET", path, headers={"Accept-Encoding": "gzip"})
        response = self.http.getresponse()
        body = response.read()
        assert response.status in (200, 204), body
        return body

    def rows(self, statement: sql.Composable, params: dict[str, object]) -> list[tuple[object, ...]]:
        """The rows of a statement, bytes as bytes."""
        return self.connection.cursor(binary=True).execute(statement, params).fetchall()  # type: ignore[arg-type]


def progress(text: str) -> None:
    """A line for who waits."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def load(database: Database, path: Path) -> float:
    """Seconds that `isthmus load` takes for a file, as a process of its own."""
    owner = database.owner
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "services"),
        "ISTHMUS_DATA_DIR": str(owner.data_dir),
        "ISTHMUS_DB_HOST": owner.db_host,
        "ISTHMUS_DB_PORT": str(owner.db_port),
        "ISTHMUS_DB_NAME": owner.db_name,
        "ISTHMUS_DB_USER": owner.db_user,
        "ISTHMUS_DB_PASSWORD": owner.db_password,
    }
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "cli", "load", str(path)], env=environment, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - start


def load_floor(bench: Bench, id: str) -> float:
    """Seconds of the bare SQL: COPY of the same rows as one binary stream into an equal table, with equal indexes."""
    table, copy = bench.table(id), sql.Identifier("data", "floor")
    columns = sql.SQL(", ").join(
        sql.Identifier(column.name)
        for column in bench.connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(table)).description or []
        if column.name != "geom_3857"
    )
    with bench.connection.cursor().copy(
        sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)").format(columns, table)
    ) as out:
        stream = b"".join(out)
    with bench.database.connect() as owner:
        start = time.perf_counter()
        owner.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING GENERATED)").format(copy, table))
        with owner.cursor().copy(sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(copy, columns)) as into:
            into.write(stream)
        owner.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (fid)").format(copy))
        for geometry in ("geom", "geom_3857"):
            owner.execute(sql.SQL("CREATE INDEX ON {} USING gist ({})").format(copy, sql.Identifier(geometry)))
        owner.execute(sql.SQL("ANALYZE {}").format(copy))
        owner.commit()
        took = time.perf_counter() - start
        owner.execute(sql.SQL("DROP TABLE {}").format(copy))
    return took


def tiles_of(zooms: Sequence[int], count: int, box: Sequence[float]) -> list[Tile]:
    """Different tiles at random places of a box (west, south, east, north)."""
    chance = random.Random(SEED)
    found: dict[Tile, None] = {}
    while len(found) < count:
        place = chance.uniform(box[0], box[2]), chance.uniform(box[1], box[3])
        found[tile_at(*place, chance.choice(list(zooms)))] = None
    return list(found)


def tile_floor(bench: Bench, id: str) -> Callable[[Tile], Callable[[], object]]:
    """The bare statement for a tile over the stored Web Mercator geometry, with every property."""
    table = bench.table(id)
    names = [
        column.name
        for column in bench.connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(table)).description or []
        if column.name not in ("geom", "geom_3857", "fid")
    ]
    statement = sql.SQL(
        "SELECT ST_AsMVT(f, 'x', 4096, 'geom', 'fid') FROM (SELECT fid, {columns}, ST_AsMVTGeom(geom_3857,"
        " ST_TileEnvelope(%(z)s, %(x)s, %(y)s), 4096, 64) AS geom FROM {table}"
        " WHERE geom_3857 && ST_TileEnvelope(%(z)s, %(x)s, %(y)s, margin => 0.015625)) AS f"
    ).format(columns=sql.SQL(", ").join(map(sql.Identifier, names)), table=table)
    return lambda tile: lambda: bench.rows(statement, {"z": tile.z, "x": tile.column, "y": tile.row})


def bench_tiles(bench: Bench, id: str, zooms: Sequence[int]) -> list[Result]:
    """Cold tiles all over the collection, each asked for once, and the same tiles again from the cache."""
    box = json.loads(gzip.decompress(bench.get(f"/collections/{id}")))["extent"]["spatial"]["bbox"][0]
    tiles, floor = tiles_of(zooms, bench.runs, box), tile_floor(bench, id)

    def ask(tile: Tile) -> Callable[[], object]:
        path = f"/collections/{id}/tiles/WebMercatorQuad/{tile.z}/{tile.row}/{tile.column}"
        return lambda: bench.get(path)

    pairs = [(floor(tile), ask(tile)) for tile in tiles]
    span = f"z{min(zooms)}-{max(zooms)}"
    words = "ST_AsMVT over geom_3857, all properties"
    return [
        compare(f"{id} tile {span}, cold", words, pairs),
        compare(f"{id} tile {span}, warm", words, pairs),
    ]


def bench_items(bench: Bench, id: str, limit: int) -> Result:
    """A page with a small box."""
    page = sql.SQL(
        "SELECT fid, ST_AsGeoJSON(geom, 7), name, kind, size, score FROM {}"
        " WHERE geom && ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4326) ORDER BY fid LIMIT %(limit)s"
    ).format(bench.table(id))
    chance = random.Random(SEED)

    def pair() -> tuple[Callable[[], object], Callable[[], object]]:
        west, south = chance.uniform(-170, 160), chance.uniform(-50, 60)
        box = {"w": west, "s": south, "e": west + 8, "n": south + 8, "limit": limit}
        path = f"/collections/{id}/items?limit={limit}&bbox={west},{south},{west + 8},{south + 8}"
        return lambda: bench.rows(page, box), lambda: bench.get(path)

    words = "SELECT of the same columns, && and ORDER BY fid"
    return compare(f"{id} items limit={limit} bbox", words, [pair() for _ in range(bench.runs)])


def bench_feature(bench: Bench, id: str, count: int) -> Result:
    """A single feature."""
    statement = sql.SQL("SELECT fid, ST_AsGeoJSON(geom, 7), name, kind, size, score FROM {} WHERE fid = %(fid)s")
    one, chance = statement.format(bench.table(id)), random.Random(SEED)

    def pair() -> tuple[Callable[[], object], Callable[[], object]]:
        fid = chance.randrange(count)
        return lambda: bench.rows(one, {"fid": fid}), lambda: bench.get(f"/collections/{id}/items/{fid}")

    return compare(f"{id} one feature", "SELECT by key", [pair() for _ in range(bench.runs)])


def bench_filter(bench: Bench, id: str) -> Result:
    """A page of an attribute filter in CQL2, which no index serves."""
    page = sql.SQL(
        "SELECT fid, ST_AsGeoJSON(geom, 7), name, kind, size, score FROM {}"
        " WHERE size < %(size)s AND kind = 'cafe' ORDER BY fid LIMIT 101"
    ).format(bench.table(id))
    chance = random.Random(SEED)

    def pair() -> tuple[Callable[[], object], Callable[[], object]]:
        size = chance.randrange(1000, 90_000)
        given = urlencode({"limit": 100, "count": "none", "filter": f"size < {size} AND kind = 'cafe'"})
        return lambda: bench.rows(page, {"size": size}), lambda: bench.get(f"/collections/{id}/items?{given}")

    return compare(f"{id} CQL2 filter limit=100", "SELECT with the same WHERE", [pair() for _ in range(bench.runs)])


def bench_export(bench: Bench, id: str) -> Result:
    """The whole collection as GeoJSON a line."""
    copy = sql.SQL(
        "COPY (SELECT json_build_object('type', 'Feature', 'id', fid, 'geometry', ST_AsGeoJSON(geom, 7)::json,"
        " 'properties', json_build_object('name', name, 'kind', kind, 'size', size, 'score', score)) FROM {}) TO STDOUT"
    ).format(bench.table(id))

    def floor() -> None:
        with bench.connection.cursor().copy(copy) as rows:
            for _ in rows:
                pass

    pairs = [(floor, lambda: bench.get(f"/collections/{id}/items?f=geojsonl"))] * 3
    return compare(f"{id} export, all rows", "COPY of the same features, json_build_object", pairs)


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
        loads = {}
        for name in ("points.parquet", "polygons.fgb"):
            progress(f"loading {name}")
            loads[name.split(".")[0]] = load(database, database.owner.data_dir / name)
        with running_api(database) as url, psycopg.connect(conninfo(database.owner), autocommit=True) as connection:
            client = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
            bench = Bench(database, connection, client, runs)
            results = []
            for id, took in loads.items():
                progress(f"the floor of loading {id}")
                floor_s = load_floor(bench, id)
                words = "COPY of one binary stream, equal indexes"
                results.append(Result(f"{id} load", words, floor_s, took, took, 1))
            progress("requests")
            results += bench_tiles(bench, "points", range(6, 13))
            results += bench_tiles(bench, "polygons", range(11, 18))
            results += [bench_items(bench, "points", 10), bench_items(bench, "points", 1000)]
            results.append(bench_feature(bench, "points", points))
            results += [bench_filter(bench, "points"), bench_export(bench, "points")]
            client.close()
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
        rows = [{**asdict(result), "ratio": result.ratio} for result in results]
        given.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
