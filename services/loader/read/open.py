"""A dataset of any format as layers, and one of them as a stream of rows. The only door to the readers."""

from __future__ import annotations

import re
import sqlite3
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import replace
from pathlib import PurePosixPath

from loader.chunks import LayerRef, OpenLayer
from loader.errors import CannotRead
from loader.kinds import KIND_OF_SUFFIX, Kind
from loader.read.cells.delimited import open_delimited
from loader.read.cells.sheets import open_sheet, sheet_names
from loader.read.content import (
    HEAD_BYTES,
    readable,
    refuse_cut_off,
    refuse_foreign,
    refuse_incomplete,
    refuse_without_values,
)
from loader.read.files import CLOSE_IT, address_of, has_log, open_bytes, refuse_bomb, refuse_empty
from loader.read.geopackage import refuse_what_reaches_out
from loader.read.geoparquet import open_parquet
from loader.read.ogr import list_layers, open_ogr
from loader.read.repairs import repaired
from loader.scan import Dataset

NOT_IN_ZIP = (".zip", ".parquet", ".geoparquet", ".json", ".pmtiles", ".mbtiles")
IN_ZIP: dict[str, Kind] = {suffix: kind for suffix, kind in KIND_OF_SUFFIX.items() if suffix not in NOT_IN_ZIP}
GDAL_MAY_READ_IT = (KeyError, NotImplementedError, RuntimeError, EOFError, zlib.error)
"""What Python says of a folder, and of a member that it cannot unpack: GDAL knows more of compression."""

Opener = Callable[[Dataset, LayerRef], AbstractContextManager[OpenLayer]]
OPENERS: dict[Kind, Opener] = {"parquet": open_parquet, "csv": open_delimited, "sheets": open_sheet}
"""What opens layers of a kind; GDAL all others."""

XML = (".gml", ".kml", ".gpx")


def end_log(dataset: Dataset) -> None:
    """Have SQLite undo what a program that ended began to write, in the copy: GDAL, which only reads, cannot.

    Raises: CannotRead
    """
    try:
        with closing(sqlite3.connect(dataset.main)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise CannotRead(f"{dataset.path} cannot be read with the log beside it: {error}", hint=CLOSE_IT) from error


def find_layers(dataset: Dataset) -> list[LayerRef]:
    """The layers of a dataset. Raises: CannotRead"""
    refuse_empty(dataset)
    refuse_partial(dataset)
    refuse_bomb(dataset)
    if has_log(dataset):
        end_log(dataset)
    if dataset.kind == "zip":
        members = zip_members(dataset)
        refs = distinct_names([ref for path, kind in members for ref in layers_at(dataset, path, kind)])
    else:
        if dataset.main.is_file():
            with readable(dataset), open_bytes(address_of(dataset)) as file:
                refuse_foreign(dataset.path, dataset.kind, file.read(HEAD_BYTES))
        if dataset.kind == "gpkg":
            refuse_what_reaches_out(dataset)
        refs = layers_at(dataset, address_of(dataset), dataset.kind)
    return [replace(refs[0], name="")] if len(refs) == 1 else refs


def distinct_names(refs: list[LayerRef]) -> list[LayerRef]:
    """Layers of an archive: those whose name several have are named by their places in it, with endings if need be."""
    for ending in (False, True):
        counts = Counter(ref.name for ref in refs)
        refs = [replace(ref, name=name_with_path(ref, ending=ending)) if counts[ref.name] > 1 else ref for ref in refs]
    return refs


def name_with_path(ref: LayerRef, *, ending: bool) -> str:
    """The name of a layer with the place of its file in the archive ahead, whose name it may have itself."""
    place = PurePosixPath(ref.gdal_path.partition("}/")[2])
    name = f"{place if ending else place.with_suffix('')}"
    return name if ref.gdal_layer in ("", place.stem) else f"{name} {ref.gdal_layer}"


def refuse_partial(dataset: Dataset) -> None:
    """Raises: CannotRead for what lacks a part, of which readers give what is there"""
    if dataset.kind == "shp":
        refuse_incomplete(dataset)
    elif dataset.kind == "mapinfo":
        refuse_without_values(dataset)
    elif dataset.main.suffix.lower() in XML:
        refuse_cut_off(dataset)


def layers_at(dataset: Dataset, path: str, kind: Kind) -> list[LayerRef]:
    """The layers at one place that GDAL opens."""
    if kind in ("parquet", "csv"):
        return [LayerRef(PurePosixPath(path).stem, path, "", kind)]
    names = sheet_names(dataset, path) if kind == "sheets" else list_layers(replace(dataset, kind=kind), path)
    stem = PurePosixPath(path).stem
    return [LayerRef(name or stem, path, name, kind) for name in names]


def zip_members(dataset: Dataset) -> list[tuple[str, Kind]]:
    """(GDAL path, kind) of each dataset in an archive, `.gdb` folders included. Raises: CannotRead"""
    try:
        with zipfile.ZipFile(dataset.main) as archive:
            members = list(named_members(archive.namelist()))
            refuse_links(dataset, archive, members)
            for name, kind in members:
                refuse_outside(dataset, name)
                with suppress(*GDAL_MAY_READ_IT), archive.open(name) as file:
                    refuse_foreign(f"{name} in {dataset.path}", kind, file.read(HEAD_BYTES))
    except (zipfile.BadZipFile, OSError) as error:
        raise CannotRead(f"{dataset.path} is no zip archive: {error}", hint="copy it again") from error
    if not members:
        raise CannotRead(
            f"{dataset.path} holds no spatial file", hint="a zipped Shapefile holds a .shp with its .dbf, .shx and .prj"
        )
    return [(f"/vsizip/{{{dataset.main}}}/{name}", kind) for name, kind in members]


def named_members(names: list[str]) -> Iterator[tuple[str, Kind]]:
    """(name, kind) of each dataset, by the names in an archive."""
    folders = {match[0] for name in names if (match := re.match(r".*?\.gdb(?=/)", name, re.IGNORECASE))}
    files = [name for name in names if not name.startswith("__MACOSX/") and not any(f"{f}/" in name for f in folders)]
    for name in [*sorted(folders), *sorted(files)]:
        suffix = PurePosixPath(name).suffix.lower()
        if suffix in IN_ZIP:
            yield name, IN_ZIP[suffix]


def refuse_outside(dataset: Dataset, name: str) -> None:
    """Raises: CannotRead for a member whose name leads out of the archive"""
    if ".." in PurePosixPath(name).parts or name.startswith("/"):
        raise CannotRead(f"{name} in {dataset.path} is the name of a place outside of it", hint="pack it anew")


def refuse_links(dataset: Dataset, archive: zipfile.ZipFile, members: list[tuple[str, Kind]]) -> None:
    """Raises: CannotRead for a link among the files of a member"""
    kinds = (0, stat.S_IFREG, stat.S_IFDIR)
    links = [info.filename for info in archive.infolist() if stat.S_IFMT(info.external_attr >> 16) not in kinds]
    begins = tuple(name.removesuffix(PurePosixPath(name).suffix).lower() for name, _ in members) if links else ()
    for link in links:
        if link.lower().startswith(begins):
            raise CannotRead(f"{link} in {dataset.path} is a link: it is not followed", hint="pack the file itself")


def open_layer(dataset: Dataset, ref: LayerRef) -> AbstractContextManager[OpenLayer]:
    """A layer, open inside the block. Raises: CannotRead, also while its chunks are walked"""
    opened = OPENERS.get(ref.kind, open_ogr)(replace(dataset, kind=ref.kind), ref)
    return repaired(opened) if ref.repair else opened
