"""Tiles of collections that have tiles only: out of files in the data folder, and by functions of the database.

A file is opened for each tile, so that nothing holds on to one that went away.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from pmtiles.tile import Compression

from api.catalog.sources.model import TileFunction
from api.formats.mvt import read_layers
from api.http.compression import UNDECODABLE, compress, decompress, recoded
from api.http.request import Args, reject_unknown
from api.query.items import Given
from api.query.source_errors import changed, error_of, is_refusal
from api.sql.tiles.tiles import select_function_tile
from api.tms.tile import Tile, tile_at
from core.catalog.archives import MVT, TileArchive
from core.database.connections import Database
from core.errors import (
    BadValue,
    CatalogueMissing,
    CollectionBroken,
    DatabaseUnavailable,
    IsthmusError,
    QueryTooSlow,
    SourceChanged,
    TilesDamaged,
)
from core.tile_files import Directories, MBTilesFile, PMTilesFile

log = logging.getLogger("isthmus.api")

GZIP_MAGIC = b"\x1f\x8b"
ENCODINGS = {Compression.GZIP: "gzip", Compression.BROTLI: "br", Compression.ZSTD: "zstd"}

LAYER = b"\x1a"
"""What vector tiles begin with, one byte that no picture begins with."""

KNOWN_S = 60.0
"""How long layers are remembered: a function may be replaced by one with others."""

Layers = tuple[Mapping[str, Any], ...]


class StoredTile(NamedTuple):
    """A tile as its file has it, and the encoding that it is in; None: it is not compressed."""

    data: bytes
    encoding: str | None

    def accepted_by(self, accept_encoding: str) -> StoredTile:
        """The same for a client that may not take its encoding. Raises: CollectionBroken"""
        if self.encoding is None:
            return self
        try:
            return StoredTile(*recoded(self.data, self.encoding, accept_encoding))
        except UNDECODABLE as error:
            hint = "a client that takes its compression gets it as it is; make the file again"
            raise CollectionBroken("the tile is damaged in its file", hint=hint) from error


class Archives:
    """The files of tiles below a folder. Safe for threads."""

    def __init__(self, data_dir: Path) -> None:
        """Nothing is opened yet."""
        self._data_dir = data_dir
        self._directories = Directories()

    def tile(self, archive: TileArchive, tile: Tile) -> StoredTile | None:
        """A tile; None where the file has none.

        Raises: SourceChanged when the file is another one than was looked at, CollectionBroken when it cannot be read
        """
        try:
            with closing(self._open(archive)) as file:
                if (file.status.st_size, file.status.st_mtime_ns) != (archive.size_bytes, archive.mtime_ns):
                    raise SourceChanged(
                        f"the file of '{archive.id}' changed just now", hint="try again in a few seconds"
                    )
                data = file.tile(tile.z, tile.row, tile.column)
                return None if data is None else StoredTile(data, encoding_of(file, data, archive))
        except FileNotFoundError as error:
            raise SourceChanged(f"the file of '{archive.id}' is gone", hint="it was withdrawn just now") from error
        except (TilesDamaged, OSError) as error:
            raise CollectionBroken(
                f"the file of '{archive.id}' cannot be read", hint="may the API's user read it, and is it whole?"
            ) from error

    def _open(self, archive: TileArchive) -> PMTilesFile | MBTilesFile:
        path = self._data_dir / archive.source_path
        if archive.facts.format == "mbtiles":
            return MBTilesFile(path)
        return PMTilesFile(path, f"{archive.id}/{archive.size_bytes}/{archive.mtime_ns}", self._directories)


def encoding_of(file: PMTilesFile | MBTilesFile, tile: bytes, archive: TileArchive) -> str | None:
    """The Content-Encoding that a tile is stored in; none for pictures. MBTiles do not say, so the tile does."""
    if not archive.is_vector:
        return None
    if isinstance(file, PMTilesFile):
        return ENCODINGS.get(file.header["tile_compression"])
    return "gzip" if tile.startswith(GZIP_MAGIC) else None


@lru_cache
def formats_of(media_type: str) -> tuple[tuple[str, str], ...]:
    """The one format of an archive's tiles, as `choose_format` takes it."""
    return (("mvt" if media_type == MVT else media_type.removeprefix("image/"), media_type),)


def etag_of(archive: TileArchive, tile: Tile) -> str:
    """The ETag of a tile of the file as it is now, without quotes."""
    text = f"{archive.id}/{archive.size_bytes}/{archive.mtime_ns}/{tile.z}/{tile.row}/{tile.column}"
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


class TileFunctions:
    """Calls functions. Safe for threads."""

    def __init__(self, database: Database, timeout_s: float) -> None:
        """`timeout_s`: what a tile may take in the database."""
        self._database = database
        self._timeout_s = timeout_s
        self._known: dict[str, tuple[float, Layers]] = {}

    def tile(self, function: TileFunction, tile: Tile, given: Sequence[Given], rest: Mapping[str, str]) -> bytes:
        """The tile, compressed; empty bytes for an empty one.

        Raises: BadValue for what the function refuses, QueryTooSlow, SourceChanged, CollectionBroken
        """
        statement = select_function_tile(function.call, tile, given, rest if function.takes_rest else None)
        try:
            [(mvt,)] = self._database.run(statement, binary=True, timeout_s=self._timeout_s)
        except QueryTooSlow as error:
            raise QueryTooSlow(
                f"a tile of '{function.id}' takes too long", hint="zoom in, or make it faster"
            ) from error
        except CatalogueMissing as error:
            raise changed(function) from error
        except psycopg.Error as error:
            raise refusal(function, rest) if rest and is_refusal(error) else error_of(function, error) from error
        if not mvt:
            return b""
        if not mvt.startswith((LAYER, GZIP_MAGIC)):
            hint = "its function has to return what ST_AsMVT makes; pictures are served from files of tiles"
            raise CollectionBroken(f"'{function.id}' makes no vector tiles", hint=hint)
        return mvt if mvt.startswith(GZIP_MAGIC) else compress(mvt)

    def with_layers(self, function: TileFunction) -> TileFunction:
        """The function with the layers that its comment names, else those of its first tile, which is made to see them.

        None where that tile is empty, or cannot be made without arguments, or not in time.
        """
        if function.facts.layers or function.needs_arguments:
            return function
        until, layers = self._known.get(function.source_path, (0.0, ()))
        if time.monotonic() > until:
            layers = self._layers_of(function)
            self._known[function.source_path] = time.monotonic() + KNOWN_S, layers
        return replace(function, facts=replace(function.facts, layers=layers))

    def _layers_of(self, function: TileFunction) -> Layers:
        """The layers of its first tile. Raises: DatabaseUnavailable"""
        first, last = function.facts.zooms
        longitude, latitude, _ = function.facts.center
        try:
            packed = self.tile(function, tile_at(longitude, latitude, first), (), {})
            found = read_layers(decompress(packed)) if packed else {}
        except DatabaseUnavailable:
            raise
        except (IsthmusError, ValueError, IndexError) as error:
            log.info("the layers of %s are not known: %s", function.source_path, error)
            found = {}
        return tuple(
            {"id": name, "fields": fields, "minzoom": first, "maxzoom": last} for name, fields in found.items()
        )


def check_parameters(args: Args, function: TileFunction) -> None:
    """Raise UnknownParameter for a parameter that it does not take, BadParameter for one that is given twice."""
    own = ["f", *(argument.name for argument in function.arguments)]
    reject_unknown(args, [*own, *args] if function.takes_rest else own)


def refusal(function: TileFunction, rest: Mapping[str, str]) -> BadValue:
    """The error for parameters that a function refuses."""
    return BadValue(f"'{function.id}' refuses what it is called with", hint=f"look at {', '.join(rest)}")
