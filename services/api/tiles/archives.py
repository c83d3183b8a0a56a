"""Tiles out of files in the data folder: opened for each tile, so that nothing holds on to a file that went away."""

from __future__ import annotations

import hashlib
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from pmtiles.tile import Compression

from api.http.compression import UNDECODABLE, recoded
from api.tms.tile import Tile
from core.catalog.archives import MVT, TileArchive
from core.errors import CollectionBroken, SourceChanged, TilesDamaged
from core.tile_files.mbtiles import MBTilesFile
from core.tile_files.pmtiles import Directories, PMTilesFile

GZIP_MAGIC = b"\x1f\x8b"
ENCODINGS = {Compression.GZIP: "gzip", Compression.BROTLI: "br", Compression.ZSTD: "zstd"}


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
