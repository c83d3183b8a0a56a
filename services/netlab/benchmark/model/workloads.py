"""The five workloads that every mode gets, of the largest collection that is served."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import OK
from typing import Any, Literal

from core.api_client import ApiUnavailable, Client
from core.errors import IsthmusError, suggestion
from netlab.benchmark.load.job import Job
from netlab.errors import NothingToMeasure
from netlab.observe.docker_engine import Json, listed, mapped

Expected = Literal["cached", "rendered"] | None
TILES_RELATION = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
DEEPEST_ZOOM = 14
ENOUGH_BYTES = 2000
"""A tile that weighs so much, compressed, is one that somebody might look at."""
SMALL_BYTES = 20_000_000
"""An export of less says little about a long one."""
MOST_A_SECOND = {"repeated": 200_000, "numbered": 4000}
"""Bounds of requests a second; of those that differ each is made in advance."""
COLD_STEPS = 100_000
"""Numbers that a slice's cold tiles may use."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A kind of requests. `request` is as `Job` has it; `expected`: how its tiles must be answered."""

    name: str
    title: str
    request: str
    keep_alive: bool = True
    single: bool = False
    """One connection, cut off when the time is over: what counts is bytes a second."""
    expected: Expected = None


@dataclass(frozen=True, slots=True)
class Target:
    """The collection, about how large it is, and one of its tiles as (zoom, row, column)."""

    collection: str
    features: int
    export_bytes: int
    tile: tuple[int, int, int]
    tile_bytes: int

    @property
    def tile_segments(self) -> tuple[str, ...]:
        """The tile's address."""
        return tile_segments(self.collection, *self.tile)

    @property
    def is_small(self) -> bool:
        """Whether its export is over before it says much."""
        return self.export_bytes < SMALL_BYTES


def workloads(target: Target, salt: int) -> tuple[Workload, ...]:
    """The five kinds, in the order in which they are shown.

    A cold tile is the cached one in a box that leaves out a little of it: with a filter of its own it is another tile.
    `salt` makes them others than those of earlier runs.
    """
    collection, tile = f"/collections/{target.collection}", "/" + "/".join(target.tile_segments)
    west, south, east, north = tile_bounds(*target.tile)
    box = (
        f"{west + (east - west) / 8:.4f}#,{south:.6f},{east:.6f},{north - (north - south) / 100:.3f}{salt % 10**7:07d}"
    )
    return (
        Workload("cached-tile", "cached tile", get(tile), expected="cached"),
        Workload("cold-tile", "cold tile", get(f"{tile}?bbox={box}"), expected="rendered"),
        Workload("items", "page of 100 items", get(f"{collection}/items?limit=100&f=json")),
        Workload("export", "export (CSV)", get(f"{collection}/items?f=csv", packed=False), single=True),
        Workload("connect", "new connection each", get(tile, close=True), keep_alive=False, expected="cached"),
    )


def get(path: str, *, packed: bool = True, close: bool = False) -> str:
    """The text of a request, as a browser or QGIS would send it."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "User-Agent: isthmus-net-compare", "Accept: */*"]
    lines += ["Accept-Encoding: gzip"] * packed + ["Connection: close"] * close
    return "\r\n".join([*lines, "", ""])


def job_of(workload: Workload, address: str, *, seconds: float, connections: int, slice_number: int) -> Job:
    """The job of a slice. No two slices of a run have a cold tile in common."""
    numbered = "#" in workload.request
    most = int(MOST_A_SECOND["numbered" if numbered else "repeated"] * seconds) + connections
    return Job(
        address,
        workload.request,
        seconds,
        1 if workload.single else connections,
        min(most, COLD_STEPS) if numbered else most,
        first=slice_number * COLD_STEPS,
        keep_alive=workload.keep_alive,
        cut=workload.single,
    )


def tile_segments(collection: str, zoom: int, row: int, column: int) -> tuple[str, ...]:
    """The parts of a tile's path."""
    return "collections", collection, "tiles", "WebMercatorQuad", str(zoom), str(row), str(column)


def choose_target(address: str, wanted: str | None) -> Target:
    """The collection that was named, or the one whose features weigh most. Raises: NothingToMeasure, IsthmusError"""
    with closing(Client(address)) as api:
        ids = [str(one["id"]) for one in api.get("collections").document["collections"] if has_all(one)]
        if wanted is not None and wanted not in ids:
            raise NothingToMeasure(
                f"no collection '{wanted}' with features and tiles is served",
                hint=suggestion(wanted, ids) or f"there are: {', '.join(ids) or 'none'}",
            )
        weighed = [weigh(api, one) for one in ([wanted] if wanted else ids)]
        if not any(features for _, features, _, _ in weighed):
            raise NothingToMeasure("no collection with features and tiles is served", hint="copy a file into data/")
        name, features, size_bytes, place = max(weighed, key=lambda one: one[2])
        tile, tile_bytes = choose_tile(api, name, place)
    return Target(name, features, size_bytes, tile, tile_bytes)


def has_all(collection: Json) -> bool:
    """Whether a collection has features and vector tiles."""
    relations = {link["rel"] for link in collection["links"]}
    return {"items", TILES_RELATION} <= relations and bool(collection.get("extent"))


def weigh(api: Client, collection: str) -> tuple[str, int, int, tuple[float, float]]:
    """(collection, features, about how many bytes they are, the place of one of them)."""
    page = api.get("collections", collection, "items", query={"limit": "20", "f": "json"}).document
    found = page["features"]
    features = int(page.get("numberMatched", page.get("numberMatchedEstimate", len(found))))
    places = [place for one in found for place in positions(listed(mapped(one.get("geometry")).get("coordinates")))]
    size_bytes = sum(len(str(one["geometry"])) + len(str(one["properties"])) for one in found)
    middle = places[len(places) // 2] if places else (0.0, 0.0)
    return collection, features if places else 0, int(size_bytes / max(1, len(found)) * features), middle


def positions(coordinates: list[Any]) -> Iterator[tuple[float, float]]:
    """The positions of a geometry's coordinates, however deep they lie."""
    if coordinates and not isinstance(coordinates[0], list):
        yield float(coordinates[0]), float(coordinates[1])
        return
    for inner in coordinates:
        yield from positions(inner)


def choose_tile(api: Client, collection: str, place: tuple[float, float]) -> tuple[tuple[int, int, int], int]:
    """The deepest tile at that place that weighs enough, or the heaviest, and its bytes. Raises: NothingToMeasure"""
    best: tuple[tuple[int, int, int], int] | None = None
    for zoom in range(DEEPEST_ZOOM, -1, -1):
        row, column = tile_at(zoom, *place)
        try:
            response = api.get(*tile_segments(collection, zoom, row, column), accept="*/*")
        except ApiUnavailable:
            raise
        except IsthmusError:  # such as a tile that took too long
            continue
        if response.status == OK and (best is None or len(response.body) > best[1]):
            best = (zoom, row, column), len(response.body)
        if best is not None and best[1] >= ENOUGH_BYTES:
            break
    if best is None:
        raise NothingToMeasure(f"{collection} has no tile at {place}", hint="choose another one: --collection NAME")
    return best


MOST_LATITUDE = 85.0511287798


def tile_at(zoom: int, longitude: float, latitude: float) -> tuple[int, int]:
    """(row, column) of the tile that holds a place, in degrees."""
    last = 2**zoom - 1
    radians = math.radians(max(-MOST_LATITUDE, min(MOST_LATITUDE, latitude)))
    row = (1 - math.asinh(math.tan(radians)) / math.pi) / 2 * 2**zoom
    column = (longitude + 180) / 360 * 2**zoom
    return max(0, min(last, int(row))), max(0, min(last, int(column)))


def tile_bounds(zoom: int, row: int, column: int) -> tuple[float, float, float, float]:
    """(west, south, east, north) of a tile in degrees."""

    def latitude(edge: int) -> float:
        return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * edge / 2**zoom))))

    width = 360 / 2**zoom
    west = column * width - 180
    return west, latitude(row + 1), west + width, latitude(row)
