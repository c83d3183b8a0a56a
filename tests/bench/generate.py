"""Data for the benchmark: the same bytes on every machine, from a seed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely

SEED = 20_240_501
KINDS = np.array(["cafe", "school", "stop", "shop", "park", "clinic", "bridge", "tower"])


def write_points(path: Path, count: int) -> None:
    """GeoParquet of points in degrees, half of them in a hundred towns, with four properties."""
    random = np.random.default_rng(SEED)
    towns = np.column_stack([random.uniform(-170, 170, 100), random.uniform(-55, 70, 100)])
    places = towns[random.integers(0, 100, count)] + random.normal(0, 0.3, (count, 2))
    anywhere = random.random(count) < 0.5
    places[anywhere] = np.column_stack([random.uniform(-180, 180, count), random.uniform(-60, 75, count)])[anywhere]
    numbers = np.arange(count)
    table = pa.table(
        {
            "name": np.char.add("place ", numbers.astype(str)),
            "kind": KINDS[random.integers(0, len(KINDS), count)],
            "size": random.integers(0, 100_000, count),
            "score": random.random(count).round(4),
            "geometry": pa.array(list(wkb_points(places)), pa.binary()),
        }
    )
    write_geoparquet(path, table, "Point")


def write_polygons(path: Path, count: int) -> None:
    """FlatGeobuf of rectangles about the size of a building block, on a grid with a little noise."""
    random = np.random.default_rng(SEED + 1)
    side = int(np.ceil(np.sqrt(count)))
    rows, columns = np.divmod(np.arange(count), side)
    west = 5 + columns * 0.002 + random.uniform(0, 0.0005, count)
    south = 45 + rows * 0.002 + random.uniform(0, 0.0005, count)
    width, height = random.uniform(0.0004, 0.0014, (2, count))
    rings = np.stack(
        [west, south, west + width, south, west + width, south + height, west, south + height, west, south], 1
    )
    table = pa.table(
        {
            "block": np.char.add("block ", np.arange(count).astype(str)),
            "floors": random.integers(1, 30, count),
            "geometry": pa.array(list(wkb_rings(rings)), pa.binary()),
        }
    )
    pyogrio.write_arrow(
        table, path, driver="FlatGeobuf", geometry_name="geometry", geometry_type="Polygon", crs="EPSG:4326"
    )


LAKES, SHORES = 40, 2
"""How many large polygons stand among the houses, and how many very large ones."""


def write_mixed(path: Path, count: int) -> None:
    """FlatGeobuf of many houses around towns, lakes of up to 64,000 corners, and shores of up to a million."""
    random = np.random.default_rng(SEED + 2)
    towns = random.uniform((5, 45), (15, 53), (60, 2))
    places = towns[random.integers(0, 60, count)] + random.normal(0, (0.15, 0.1), (count, 2))
    size = random.uniform(0.00008, 0.0002, (count, 2))
    lakes = [lake(random, min(64_000, count), (0.2, 1)) for _ in range(LAKES)]
    lakes += [lake(random, min(1_000_000, 5 * count), (2, 4)) for _ in range(SHORES)]
    shapes = np.concatenate([shapely.box(*(places - size).T, *(places + size).T), lakes])
    table = pa.table(
        {
            "name": np.char.add("shape ", np.arange(len(shapes)).astype(str)),
            "kind": np.where(np.arange(len(shapes)) < count, "house", "lake"),
            "geometry": pa.array(shapely.to_wkb(shapes), pa.binary()),
        }
    )
    pyogrio.write_arrow(
        table, path, driver="FlatGeobuf", geometry_name="geometry", geometry_type="Polygon", crs="EPSG:4326"
    )


def lake(random: np.random.Generator, corners: int, radius_deg: tuple[float, float]) -> shapely.Polygon:
    """A shape with a rough shore, somewhere among the towns."""
    angles, waves = np.linspace(0, 2 * np.pi, corners, endpoint=False), np.arange(1, 200)
    heights = random.normal(0, 1, 199) / waves**1.3
    shifts = random.uniform(0, 2 * np.pi, 199)
    rough = sum(
        height * np.cos(wave * angles + shift) for wave, height, shift in zip(waves, heights, shifts, strict=True)
    )
    distance = random.uniform(*radius_deg) * np.clip(1 + 0.12 * rough, 0.3, 2)
    x, y = random.uniform((5, 45), (15, 53))
    return shapely.Polygon(np.column_stack([x + distance * np.cos(angles), y + distance * np.sin(angles)]))


def wkb_points(places: np.ndarray) -> np.ndarray:
    """WKB of points, one item for each row of (x, y)."""
    record = np.dtype([("order", "u1"), ("type", "<u4"), ("xy", "<f8", 2)])
    points = np.zeros(len(places), record)
    points["order"], points["type"], points["xy"] = 1, 1, places
    return points.view(f"V{record.itemsize}").astype(object)


def wkb_rings(rings: np.ndarray) -> np.ndarray:
    """WKB of polygons with one ring of five positions, one for each row of ten numbers."""
    record = np.dtype([("order", "u1"), ("type", "<u4"), ("rings", "<u4"), ("positions", "<u4"), ("xy", "<f8", 10)])
    polygons = np.zeros(len(rings), record)
    polygons["order"], polygons["type"], polygons["rings"], polygons["positions"] = 1, 3, 1, 5
    polygons["xy"] = rings
    return polygons.view(f"V{record.itemsize}").astype(object)


def write_geoparquet(path: Path, table: pa.Table, geometry_type: str) -> None:
    """GeoParquet 1.0 with the geometry in the column `geometry`, CRS84."""
    column = {"encoding": "WKB", "geometry_types": [geometry_type]}
    geo = {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": column}}
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
