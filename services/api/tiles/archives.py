"""Tiles out of files in the data folder: opened for each tile, so that nothing holds on to a file that went away."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from pmtiles.tile import Compression

from core.archives import TileArchive
from core.errors import CollectionBroken, SourceChanged, TilesDamaged
from core.mbtiles_file import MBTilesFile
from core.pmtiles_file import Directories, PMTilesFile

GZIP_MAGIC = b"\x1f\x8b"
ENCODINGS = {Compression.GZIP: "gzip", Compression.BROTLI: "br", Compression.ZSTD: "zstd"}


class Archives:
    """The files of tiles below a folder. Safe for threads."""

    def __init__(self, data_dir: Path) -> None:
        """Nothing is opened yet."""
        self._data_dir = data_dir
        self._directories = Directories()

    def tile(self, archive: TileArchive, zoom: int, row: int, column: int) -> tuple[bytes, str | None] | None:
        """A tile as the file keeps it and the encoding that it is in; None where the file has none.

        Raises: SourceChanged when the file is another one than was looked at, CollectionBroken when it cannot be read
        """
        try:
            with closing(self._open(archive)) as file:
                if (file.status.st_size, file.status.st_mtime_ns) != (archive.size_bytes, archive.mtime_ns):
                    raise SourceChanged(
                        f"the file of '{archive.id}' changed just now", hint="try again in a few seconds"
                    )
                tile = file.tile(zoom, row, column)
                return None if tile is None else (tile, encoding_of(file, tile, archive))
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
    """The Content-Encoding that a tile is kept in; none for pictures. MBTiles do not say, so the tile does."""
    if not archive.is_vector:
        return None
    if isinstance(file, PMTilesFile):
        return ENCODINGS.get(file.header["tile_compression"])
    return "gzip" if tile.startswith(GZIP_MAGIC) else None
