"""What a file of tiles holds, and whether it is whole; found before it is served."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pmtiles.tile import Compression, HeaderDict, TileType, tileid_to_zxy

from core.bbox import MERCATOR_LIMIT_DEG, BBox
from core.catalog.archives import Facts, parse_object
from core.errors import TilesDamaged
from core.tile_files import FORMATS, MEDIA_TYPES, MOST_TILE_BYTES, MBTilesFile, PMTilesFile, gunzip
from loader.errors import CannotRead
from loader.read.files import refuse_empty
from loader.report import Note
from loader.scan import Dataset

LARGEST_ZOOM = 24
NUMBERS = (4 ** (LARGEST_ZOOM + 1) - 1) // 3
"""How many tiles there are down to that zoom."""

WORLD = BBox(-180.0, -MERCATOR_LIMIT_DEG, 180.0, MERCATOR_LIMIT_DEG)
TILE_TYPES = {media_type: kind for kind, media_type in MEDIA_TYPES.items()}
GZIP = b"\x1f\x8b"
MAGIC = {TileType.MVT: b"\x1a", TileType.PNG: b"\x89PNG", TileType.JPEG: b"\xff\xd8\xff", TileType.WEBP: b"RIFF"}
"""What tiles begin with: a tile of vectors with its first layer."""


NO_INDEX = Note(
    "warning",
    "tiles-without-index",
    "it has no index of its tiles: all are looked at for each",
    "CREATE UNIQUE INDEX tile_index ON tiles (zoom_level, tile_column, tile_row)",
)


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was found. `words`: what the file says of itself: name, description, attribution."""

    facts: Facts
    words: Mapping[str, Any]
    notes: tuple[Note, ...] = ()


def read_archive(dataset: Dataset) -> Inspected:
    """What is in the file. Raises: CannotRead"""
    refuse_empty(dataset)
    try:
        return inspect_tiles(dataset)
    except TilesDamaged as error:
        hint = error.hint or "is the copy complete? Then make the file again"
        raise CannotRead(f"{dataset.path} cannot be read: {error.detail}", hint=hint) from error
    except OSError as error:
        raise CannotRead(f"{dataset.path} cannot be read: {error.strerror}", hint="copy it again") from error


def inspect_tiles(dataset: Dataset) -> Inspected:
    """What is in a file of tiles. Raises: TilesDamaged, OSError"""
    return inspect_pmtiles(dataset.main) if dataset.kind == "pmtiles" else inspect_mbtiles(dataset)


def inspect_pmtiles(path: Path) -> Inspected:
    """The header, the metadata, all sections within the file, the first tile. Raises: TilesDamaged, OSError"""
    with closing(PMTilesFile(path)) as file:
        header = file.header
        refuse_cut_off(header, file.status.st_size)
        metadata = file.metadata()
        kind, packing = header["tile_type"], header["tile_compression"]
        media_type = media_type_of(kind)
        if packing is Compression.UNKNOWN:
            raise TilesDamaged("it does not say how its tiles are compressed")
        first = first_tile(file)
        if packing in (Compression.GZIP, Compression.NONE):
            check_packing(first, packing)
            check_tile(first, kind)
    bounds = [header["min_lon_e7"], header["min_lat_e7"], header["max_lon_e7"], header["max_lat_e7"]]
    center = [header["center_lon_e7"] / 1e7, header["center_lat_e7"] / 1e7, header["center_zoom"]]
    zooms = (header["min_zoom"], header["max_zoom"])
    place = place_of([side / 1e7 for side in bounds], center, zooms)
    layers, notes = layers_of(metadata, kind)
    return Inspected(Facts("pmtiles", media_type, *place, layers), metadata, notes)


def refuse_cut_off(header: HeaderDict, size_bytes: int) -> None:
    """Raises: TilesDamaged when a section ends beyond the file"""
    ends = (
        header["root_offset"] + header["root_length"],
        header["metadata_offset"] + header["metadata_length"],
        header["leaf_directory_offset"] + header["leaf_directory_length"],
        header["tile_data_offset"] + header["tile_data_length"],
    )
    if max(ends) > size_bytes:
        raise TilesDamaged(f"it is cut off: it should have {max(ends)} bytes", hint="is the copy complete?")


def first_tile(file: PMTilesFile) -> bytes:
    """The tile with the least number. Raises: TilesDamaged"""
    directory = file.directory(file.header["root_offset"], file.header["root_length"])
    tile = None
    if directory.ids and directory.ids[0] < NUMBERS:
        zoom, column, row = tileid_to_zxy(directory.ids[0])
        tile = file.tile(zoom, row, column)
    if not tile:
        raise TilesDamaged("it holds no tile")
    return tile


def inspect_mbtiles(dataset: Dataset) -> Inspected:
    """The tables, the metadata, a tile of the first zoom. Raises: TilesDamaged, OSError"""
    if any(file.name.endswith("-wal") and file.stat().st_size for file in dataset.files):
        raise TilesDamaged("another program has it open", hint="close that program, or copy the file")
    with closing(MBTilesFile(dataset.main)) as file:
        metadata, zooms = file.metadata(), file.zooms()
        tile = file.any_tile(zooms[0]) if zooms else None
        indexed = file.has_index()
    if zooms is None or not tile:
        raise TilesDamaged("it holds no tile")
    word = metadata.get("format", "pbf")
    if word not in FORMATS:
        raise TilesDamaged(f"its tiles are '{word}'", hint=f"served are {', '.join(FORMATS)}")
    media_type = FORMATS[word]
    kind = TILE_TYPES[media_type]
    check_tile(tile, kind)
    place = place_of(numbers(metadata.get("bounds")), numbers(metadata.get("center")), zooms)
    layers, notes = layers_of(parse_object(metadata.get("json", "{}")), kind)
    facts = Facts("mbtiles", media_type, *place, layers)
    return Inspected(facts, metadata, notes if indexed else (*notes, NO_INDEX))


def media_type_of(kind: TileType) -> str:
    """The media type of tiles. Raises: TilesDamaged"""
    if kind not in MEDIA_TYPES:
        raise TilesDamaged(
            f"its tiles are of a kind that is not served ({kind.name})", hint="served are MVT and pictures"
        )
    return MEDIA_TYPES[kind]


def check_packing(tile: bytes, packing: Compression) -> None:
    """Raises: TilesDamaged for a tile that clients could not unpack as the file says, by gzip or not at all"""
    if tile.startswith(GZIP) != (packing is Compression.GZIP):
        raise TilesDamaged(f"a tile is not compressed as it says ({packing.name})")


def check_tile(tile: bytes, kind: TileType) -> None:
    """Raises: TilesDamaged for a tile that is something else than the file says"""
    if tile.startswith(GZIP):
        tile = gunzip(tile, MOST_TILE_BYTES)
    if not tile.startswith(MAGIC.get(kind, b"")):
        raise TilesDamaged(f"a tile is no {kind.name}")


Place = tuple[tuple[int, int], BBox, tuple[float, float, int]]


def place_of(bounds: Sequence[float], center: Sequence[float], zooms: tuple[int, int]) -> Place:
    """Zooms, bounds and centre; the world and the middle where the file says nothing that can be.

    Raises: TilesDamaged for zooms that cannot be
    """
    first, last = zooms
    if not 0 <= first <= last <= LARGEST_ZOOM:
        raise TilesDamaged(f"its zooms are {first} to {last}", hint=f"they go from 0 to {LARGEST_ZOOM}")
    box = box_of(bounds)
    longitude, latitude = box.centre()
    if len(center) == 3 and abs(center[0]) <= 180 and abs(center[1]) <= 90 and any(center):
        return zooms, box, (center[0], center[1], max(first, min(last, int(center[2]))))
    return zooms, box, (longitude, latitude, first)


def box_of(bounds: Sequence[float]) -> BBox:
    """Bounds as a box; the world for those that cannot be."""
    if len(bounds) != 4 or not any(bounds) or max(map(abs, bounds)) > 180 or bounds[0] >= bounds[2]:
        return WORLD
    south, north = max(bounds[1], -90.0), min(bounds[3], 90.0)
    return BBox(bounds[0], south, bounds[2], north) if south < north else WORLD


def numbers(text: str | None) -> list[float]:
    """Numbers with commas between them; none where they are something else."""
    try:
        found = [float(part) for part in (text or "").split(",") if part.strip()]
    except ValueError:
        return []
    return found if all(map(math.isfinite, found)) else []


def layers_of(metadata: Mapping[str, Any], kind: TileType) -> tuple[tuple[Mapping[str, Any], ...], tuple[Note, ...]]:
    """The layers that the metadata name, as TileJSON has them, and a note where they name none."""
    if kind is not TileType.MVT:
        return (), ()
    named = metadata.get("vector_layers")
    entries = cast("list[object]", named) if isinstance(named, list) else []
    layers = tuple(layer for layer in map(parse_layer, entries) if layer is not None)
    if layers:
        return layers, ()
    message = "it does not name its layers (vector_layers): maps do not know what to draw"
    return (), (
        Note("warning", "layers-unknown", message, "its maker may write them: tippecanoe and isthmus export do"),
    )


def parse_layer(value: object) -> Mapping[str, Any] | None:
    """A layer with a name, and what else TileJSON knows of one; None for anything else."""
    if not isinstance(value, dict):
        return None
    layer = cast("dict[str, Any]", value)
    if not isinstance(layer.get("id"), str):
        return None
    fields = layer.get("fields")
    known = {key: layer[key] for key in ("description", "minzoom", "maxzoom") if isinstance(layer.get(key), str | int)}
    texts = cast("dict[str, object]", fields) if isinstance(fields, dict) else {}
    return {"id": layer["id"], **known, "fields": {name: str(text) for name, text in texts.items()}}
