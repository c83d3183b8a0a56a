"""Pages, single features, filters, walks and exports, each against the SQL that gives the same text."""

from __future__ import annotations

import http.client
import random
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlencode

from bench.generate import SEED
from bench.measure import Result, over
from bench.plain import plain_application
from bench.setting import Bench, Pair

NEXT = re.compile(rb'"href":"http://[^/"]+([^"]+)","rel":"next"')
"""The link to the next page, at the end of a page; parsing the whole would cost the client more than the server."""

PROPERTIES = "CROSS JOIN LATERAL (SELECT t.name, t.kind, t.size, t.score) AS p"
IN_BOX = "WHERE geom && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)"


def bench_page(bench: Bench, id: str, limit: int, side_deg: float) -> Result:
    """A page of the features in a box at a random place, with their number, against any as many of them without it."""
    statement, text = bench.floor(
        f"SELECT {{feature}} FROM {{table}} AS t {PROPERTIES} {IN_BOX} LIMIT %(limit)s",  # type: ignore[arg-type]
        id,
    )
    chance = random.Random(SEED + limit + round(side_deg))

    def pair() -> Pair:
        west, south = chance.uniform(-170, min(135, 180 - side_deg)), chance.uniform(-50, 35)
        sides = {"west": west, "south": south, "east": west + side_deg, "north": min(80.0, south + side_deg)}
        box = ",".join(f"{side:.4f}" for side in sides.values())
        path = f"/collections/{id}/items?limit={limit}&bbox={box}"
        return lambda: bench.rows(statement, {**sides, "limit": limit}), lambda: bench.get(path)

    return bench.compare(f"{id} limit={limit}, bbox of {side_deg:g}°", text, pair, runs_for(bench, limit))


def bench_large_page(bench: Bench, id: str, limit: int) -> Result:
    """The first page of a collection."""
    statement, text = bench.floor(
        f"SELECT {{feature}} FROM {{table}} AS t {PROPERTIES} ORDER BY fid LIMIT %(limit)s",  # type: ignore[arg-type]
        id,
    )
    path = f"/collections/{id}/items?limit={limit}"

    def pair() -> Pair:
        return lambda: bench.rows(statement, {"limit": limit}), lambda: bench.get(path)

    return bench.compare(f"{id} limit={limit}", text, pair, runs_for(bench, limit))


def bench_feature(bench: Bench, id: str, count: int) -> Result:
    """A single feature."""
    statement, text = bench.floor(
        f"SELECT {{feature}} FROM {{table}} AS t {PROPERTIES} WHERE fid = %(fid)s",  # type: ignore[arg-type]
        id,
    )
    chance = random.Random(SEED)

    def pair() -> Pair:
        fid = 1 + chance.randrange(count)
        return lambda: bench.rows(statement, {"fid": fid}), lambda: bench.get(f"/collections/{id}/items/{fid}")

    return bench.compare(f"{id} one feature", text, pair, bench.runs * 5)


def bench_route(bench: Bench, id: str, count: int) -> Result:
    """A single feature against the same by a plain route of Flask."""
    text = f"SELECT {{feature}} FROM {{table}} AS t {PROPERTIES} WHERE fid = %(fid)s"
    _, text = bench.floor(text, id)  # type: ignore[arg-type]
    chance = random.Random(SEED)
    with plain_application(bench, text) as (get, side):

        def pair() -> Pair:
            path = f"/collections/{id}/items/{1 + chance.randrange(count)}"
            return lambda: get(path), lambda: bench.get(path)

        words = "a route of Flask with a pool of psycopg and the statement for a feature, on the same server"
        return bench.compare(f"{id} one feature, by a route", words, pair, bench.runs * 5, side=side)


def bench_kept(bench: Bench, id: str) -> Result:
    """A page that is asked for again and again, against the least that a route of Flask costs."""
    path = f"/collections/{id}/items?limit=100"

    def pair() -> Pair:
        return lambda: bench.get("/health/live"), lambda: bench.get(path)

    words = "/health/live over HTTP, a route of Flask that asks no database"
    return bench.compare(f"{id} limit=100, kept in memory", words, pair, bench.runs * 5, over_http=True)


def bench_filter(bench: Bench, id: str) -> Result:
    """A page of a filter in CQL2 of two properties."""
    statement, text = bench.floor(
        f"SELECT {{feature}} FROM {{table}} AS t {PROPERTIES} WHERE t.size < %(size)s AND t.kind = 'cafe'"  # type: ignore[arg-type]
        " ORDER BY fid LIMIT 100",
        id,
    )
    chance = random.Random(SEED)

    def pair() -> Pair:
        size = chance.randrange(1000, 5000)
        given = urlencode({"limit": 100, "count": "none", "filter": f"size < {size} AND kind = 'cafe'"})
        return lambda: bench.rows(statement, {"size": size}), lambda: bench.get(f"/collections/{id}/items?{given}")

    return bench.compare(f"{id} CQL2 filter, limit=100", text, pair)


def bench_equal(bench: Bench, id: str) -> Result:
    """A page of the few features of which a property has a value, found by its index, and their number."""
    statement, text = bench.floor(
        f"SELECT {{feature}} FROM {{table}} AS t {PROPERTIES} WHERE t.size = %(size)s ORDER BY fid LIMIT 100",  # type: ignore[arg-type]
        id,
    )
    chance = random.Random(SEED)

    def pair() -> Pair:
        size = chance.randrange(100_000)
        return lambda: bench.rows(statement, {"size": size}), lambda: bench.get(
            f"/collections/{id}/items?limit=100&size={size}"
        )

    return bench.compare(f"{id} size=N, limit=100", text, pair)


def bench_sorted(bench: Bench, id: str) -> Result:
    """A late page in the order of a property, against its first page."""
    number = min(2000, bench.runs * 10)
    walk = pages(bench, f"/collections/{id}/items?limit=100&sortby=-size")
    first, *_, last = (path for path, _ in zip(walk, range(number), strict=False))

    def pair() -> Pair:
        return lambda: bench.get(first), lambda: bench.get(last)

    return bench.compare(
        f"{id} sortby=-size, late page", "the first page of the same walk over HTTP", pair, over_http=True
    )


def pages(bench: Bench, path: str) -> Iterator[str]:
    """The paths of a walk along the `next` links, each when the page before was fetched."""
    while True:
        yield path
        following = NEXT.search(bench.get(path)[-3000:])
        if following is None:
            return
        path = following[1].decode()


def bench_deep_page(bench: Bench, id: str, number: int) -> Result:
    """A late page of a walk against its second page."""
    walk = pages(bench, f"/collections/{id}/items?limit=10")
    paths = [path for path, _ in zip(walk, range(number), strict=False)]

    def pair() -> Pair:
        return lambda: bench.get(paths[1]), lambda: bench.get(paths[-1])

    return bench.compare(f"{id} page {len(paths)} of a walk", "page 2 of the same walk over HTTP", pair, over_http=True)


def bench_walk(bench: Bench, id: str, limit: int) -> Result:
    """A whole walk against one statement for all rows."""
    statement, text = bench.floor(
        f"SELECT {{feature}} FROM {{table}} AS t {PROPERTIES} ORDER BY fid",  # type: ignore[arg-type]
        id,
    )

    def walk() -> None:
        for _ in pages(bench, f"/collections/{id}/items?limit={limit}"):
            pass

    return bench.compare(f"{id} whole walk, limit={limit}", text, lambda: (lambda: bench.rows(statement, {}), walk), 1)


def bench_export(bench: Bench, id: str) -> Result:
    """The whole collection as GeoJSON a line."""
    copy, text = bench.floor(
        f"COPY (SELECT {{feature}} FROM {{table}} AS t {PROPERTIES}) TO STDOUT",  # type: ignore[arg-type]
        id,
    )

    def floor() -> None:
        with bench.connection.cursor().copy(copy) as rows:
            for _ in rows:
                pass

    def ours() -> None:
        with bench.ask(f"/collections/{id}/items?f=geojsonl", "identity") as response:
            while response.read(1 << 20):
                pass

    return bench.compare(f"{id} export", text, lambda: (floor, ours), 3)


def bench_first_byte(bench: Bench, id: str, count: int) -> Result:
    """The first bytes of an export of everything, against a single feature."""

    def first_byte() -> None:
        client = http.client.HTTPConnection(bench.http.host, bench.http.port)
        client.request("GET", f"/collections/{id}/items?f=geojsonl")
        with client.getresponse() as response:
            response.read(1)
        client.close()

    def pair() -> Pair:
        return lambda: bench.get(f"/collections/{id}/items/{count // 2}"), first_byte

    return bench.compare(f"{id} export, first byte", "one feature over HTTP", pair, 20, over_http=True)


def bench_during_export(bench: Bench, id: str, count: int) -> Result:
    """Single features while an export runs, against the same while none runs."""
    chance, done = random.Random(SEED), threading.Event()

    def one() -> bytes:
        return bench.get(f"/collections/{id}/items/{1 + chance.randrange(count)}")

    alone = [(one, one)] * bench.runs
    calm = bench.compare(
        f"{id} feature while exporting", "one feature while nothing else runs", lambda: alone[0], over_http=True
    )
    exporter = threading.Thread(target=export_until, args=(bench, id, done))
    exporter.start()
    time.sleep(0.2)
    busy = bench.compare(calm.name, calm.floor, lambda: alone[0], over_http=True)
    done.set()
    exporter.join()
    floor = {"floor_s": calm.ours_s, "floor_mean_s": calm.ours_mean_s, "floor_cpu_s": calm.ours_cpu_s}
    return replace(busy, **floor, over_s=over(calm.ours_s, busy.ours_s))


def export_until(bench: Bench, id: str, done: threading.Event) -> None:
    """Read exports of everything, one after the other."""
    while not done.is_set():
        client = http.client.HTTPConnection(bench.http.host, bench.http.port)
        client.request("GET", f"/collections/{id}/items?f=geojsonl")
        with client.getresponse() as response:
            while response.read(1 << 20) and not done.is_set():
                pass
        client.close()


def runs_for(bench: Bench, limit: int) -> int:
    """Fewer runs for larger pages."""
    return max(5, bench.runs * 100 // max(100, limit))
