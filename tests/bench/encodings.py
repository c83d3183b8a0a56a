"""`scripts/bench encodings`: what tiles weigh in each encoding, and what it costs to pack them."""

from __future__ import annotations

import argparse
import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import brotli
import zstandard
from isal import igzip

from api.app import create_app
from api.tms.tile import tile_at
from bench.generate import SEED, write_polygons
from core.catalog.collections import Collection
from core.database.connections import Database as Pool
from loader.catalogue import open_catalogue
from support.cluster import ROOT, private_cluster
from support.loading import Loader

Pack = Callable[[bytes], bytes]
ENCODERS: dict[str, Pack] = {
    **{f"gzip, ISA-L {level}": lambda data, level=level: igzip.compress(data, level) for level in (1, 3)},
    **{f"zstd {level}": zstandard.ZstdCompressor(level=level).compress for level in (3, 9)},
    **{f"brotli {level}": lambda data, level=level: brotli.compress(data, quality=level) for level in (3, 5)},
}
SAMPLE = "roads.geojson"


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="scripts/bench encodings", description=__doc__)
    parser.add_argument("--polygons", type=int, default=200_000, help="polygons beside the sample of roads (200000)")
    parser.add_argument("--tiles", type=int, default=60, help="tiles of each (60)")
    given = parser.parse_args(arguments)
    for name, tiles in all_tiles(given.polygons, given.tiles).items():
        size = sum(map(len, tiles))
        print(f"{name}: {len(tiles)} tiles, {size // len(tiles)} bytes each")
        for encoder, pack in ENCODERS.items():
            share, cost_ns = weigh(tiles, pack)
            print(f"  {encoder:<14}{share:>7.1%} of the size{cost_ns:>7.1f} ns of CPU a byte")


def weigh(tiles: Sequence[bytes], pack: Pack) -> tuple[float, float]:
    """Packed bytes to bytes, and nanoseconds of CPU for each byte."""
    size = sum(map(len, tiles))
    began = time.process_time_ns()
    packed = sum(len(pack(tile)) for tile in tiles)
    return packed / size, (time.process_time_ns() - began) / size


def all_tiles(polygons: int, count: int) -> dict[str, list[bytes]]:
    """Tiles of zooms 4 to 14 with something in them, as MVT."""
    with private_cluster() as cluster:
        database = cluster.clone()
        with open_catalogue(database.owner) as connection:
            loader = Loader(database.owner, connection)
            shutil.copy(ROOT / "data/samples" / SAMPLE, loader.path(SAMPLE))
            write_polygons(loader.path("polygons.fgb"), polygons)
            for name in (SAMPLE, "polygons.fgb"):
                loader.load(name)
            collections = loader.catalog().collections
        pool = Pool(database.reader)
        client = create_app(replace(database.reader, tiles_mb=0), pool).test_client()
        found = {id: [client.get(path).data for path in paths(each, count)] for id, each in collections.items()}
        pool.close()
    return {id: [tile for tile in tiles if len(tile) > 500] for id, tiles in found.items()}


def paths(collection: Collection, count: int) -> list[str]:
    """Addresses of tiles at random places of a collection."""
    chance, box = random.Random(SEED), collection.bbox_crs84
    assert box is not None
    places = [(chance.uniform(box.west, box.east), chance.uniform(box.south, box.north)) for _ in range(count)]
    tiles = [tile_at(*place, chance.randint(4, 14)) for place in places]
    return [f"/collections/{collection.id}/tiles/WebMercatorQuad/{t.z}/{t.row}/{t.column}" for t in tiles]


if __name__ == "__main__":
    main()
