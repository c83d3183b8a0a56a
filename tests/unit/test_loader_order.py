"""Rows in the order of a curve: near on the map, near on the disk, and none lost."""

from __future__ import annotations

import random
import struct

import numpy as np
import pyarrow as pa
import pytest

from loader.chunks import Chunk
from loader.table import heap_order as order
from loader.table.heap_order import along_curve, curve_positions, first_positions, hilbert, merged

CHANCE = random.Random(20_261_124)
PLACES = [(CHANCE.uniform(-180, 180), CHANCE.uniform(-90, 90)) for _ in range(2000)]


def point(x: float, y: float) -> bytes:
    return struct.pack("<BI2d", 1, 1, x, y)


def chunk(wkb: list[bytes | None], first: int = 0) -> Chunk:
    fids = pa.array(range(first, first + len(wkb)), pa.int64())
    return Chunk(
        fids, pa.record_batch({"name": [f"place {fid}" for fid in fids.to_pylist()]}), pa.array(wkb, pa.binary())
    )


def length_of(places: list[tuple[float, float]]) -> float:
    return sum(np.hypot(b[0] - a[0], b[1] - a[1]) for a, b in zip(places, places[1:], strict=False))


def test_rows_follow_a_short_way_and_stay_whole():
    points: list[bytes | None] = [point(*place) for place in PLACES]
    found = list(along_curve(iter([chunk(points[:1200]), chunk(points[1200:], 1200)])))
    assert [len(part) for part in found] == [1200, 800]
    fids = [fid for part in found for fid in part.fids.to_pylist()]
    assert sorted(fids) == list(range(2000))
    assert [name for part in found for name in part.properties.column("name").to_pylist()] == [
        f"place {n}" for n in fids
    ]
    assert [wkb for part in found for wkb in part.wkb.to_pylist()] == [point(*PLACES[fid]) for fid in fids]
    assert length_of([PLACES[fid] for fid in fids]) < length_of(PLACES) / 20


def test_a_curve_meets_every_cell_once_and_steps_to_a_neighbour():
    side = np.arange(16, dtype=np.uint32)
    x, y = (part.ravel() for part in np.meshgrid(side, side))
    way = np.argsort(hilbert(x << 12, y << 12))
    steps = np.abs(np.diff(x[way].astype(int))) + np.abs(np.diff(y[way].astype(int)))
    assert steps.tolist() == [1] * 255


@pytest.mark.parametrize(
    ("name", "wkb"),
    [
        ("point", point(3, 4)),
        ("point Z", struct.pack("<BI3d", 1, 1001, 3, 4, 5)),
        ("line", struct.pack("<BII4d", 1, 2, 2, 3, 4, 5, 6)),
        ("polygon", struct.pack("<BIII8d", 1, 3, 1, 4, 3, 4, 5, 6, 7, 8, 3, 4)),
        ("points", struct.pack("<BIIBI2d", 1, 4, 1, 1, 1, 3, 4)),
        ("lines", struct.pack("<BIIBII4d", 1, 5, 1, 1, 2, 2, 3, 4, 5, 6)),
        ("polygons", struct.pack("<BIIBIII8d", 1, 6, 1, 1, 3, 1, 4, 3, 4, 5, 6, 7, 8, 3, 4)),
    ],
)
def test_the_first_position_of_each_type_is_found(name: str, wkb: bytes):
    x, y = first_positions(pa.array([wkb, wkb], pa.binary()))
    assert (x.tolist(), y.tolist()) == ([3, 3], [4, 4]), name


@pytest.mark.parametrize(
    "wkb",
    [
        struct.pack(">BI2d", 0, 1, 3, 4),
        struct.pack("<BI2d", 1, 1, float("nan"), float("nan")),
        struct.pack("<BII", 1, 2, 0),
        struct.pack("<BII", 1, 7, 0),
        struct.pack("<BII2d", 1, 0x20000001, 4326, 3, 4),
    ],
)
def test_what_has_no_position_comes_first_and_is_kept(wkb: bytes):
    found = merged([chunk([point(5, 5), None, wkb, point(1, 1)])])
    assert sorted(found.fids.to_pylist()) == [0, 1, 2, 3]
    assert {1, 2} <= set(found.fids.to_pylist()[:3])


def test_places_of_a_slice_are_those_of_its_rows():
    whole = pa.array([point(*place) for place in PLACES[:10]] + [None], pa.binary())
    x, _ = first_positions(whole.slice(3, 4))
    assert x.tolist() == [place[0] for place in PLACES[3:7]]
    assert len(curve_positions(whole.slice(2))) == 9


def test_a_table_without_geometries_stays_in_the_order_of_the_file():
    plain = Chunk(pa.array([2, 1], pa.int64()), pa.record_batch({"n": [1, 2]}), None)
    assert list(along_curve(iter([plain, plain]))) == [plain, plain]


def test_large_layers_are_ordered_in_groups(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(order, "GROUP_BYTES", 30_000)
    chunks = [chunk([point(*place) for place in PLACES[first : first + 500]], first) for first in range(0, 2000, 500)]
    fids = [fid for part in along_curve(iter(chunks)) for fid in part.fids.to_pylist()]
    assert sorted(fids) == list(range(2000))
    assert max(fids[:500]) < 2000 - 500, "the last rows are in a group of their own"


def test_all_at_one_place_keeps_the_order_of_the_file():
    assert merged([chunk([point(7, 7)] * 5)]).fids.to_pylist() == [0, 1, 2, 3, 4]
