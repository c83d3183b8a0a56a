"""A dataset of any format as layers, and one of them as a stream of rows. The only door to the readers."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from loader.chunks import OpenLayer
from loader.errors import CannotRead
from loader.read.content import HEAD_BYTES, readable, refuse_foreign, refuse_incomplete
from loader.read.geopackage import refuse_what_reaches_out
from loader.read.geoparquet import open_parquet
from loader.read.ogr import list_layers, open_ogr
from loader.scan import KIND_OF_SUFFIX, Dataset, Kind

NOT_IN_ZIP = (".zip", ".parquet", ".geoparquet", ".json", ".pmtiles", ".mbtiles")
IN_ZIP: dict[str, Kind] = {suffix: kind for suffix, kind in KIND_OF_SUFFIX.items() if suffix not in NOT_IN_ZIP}
GDAL_MAY_READ_IT = (KeyError, NotImplementedError, RuntimeError, EOFError, zlib.error)
"""What Python says of a folder, and of a member that it cannot unpack: GDAL knows more of compression."""

CLOSE_IT = "close the program that has it open, so that the log beside it ends"
NOT_PLAIN = re.compile(r"[;?#!|{}\r\n\t]")


@dataclass(frozen=True, slots=True)
class LayerRef:
    """A layer before it is opened. `name` is '' when it is the only one of its file; `gdal_layer` is GDAL's name."""

    name: str
    gdal_path: str
    gdal_layer: str
    kind: Kind


@contextmanager
def under_plain_name(dataset: Dataset) -> Generator[Dataset]:
    """The dataset under names that GDAL takes as they are: the same, or links in a temporary folder, or copies there.

    pyogrio reads `;`, `#`, `!` and line ends as parts of a URL, GDAL reads braces in archive paths. SQLite writes a log
    that was left beside a database into it before it reads, which is not done to a file of the user's.
    Raises: CannotRead where there is no room for a copy
    """
    if not has_log(dataset) and not NOT_PLAIN.search(os.fspath(dataset.main)):
        yield dataset
        return
    with tempfile.TemporaryDirectory(prefix="isthmus-") as folder:
        main = Path(folder) / f"dataset{dataset.main.suffix}"
        sides = [file for file in dataset.files if file.parent == dataset.main.parent and file != dataset.main]
        places = {dataset.main: main}
        places |= {file: Path(folder) / f"dataset{file.name.removeprefix(dataset.main.stem)}" for file in sides}
        try:
            for file, place in places.items():
                shutil.copyfile(file, place) if has_log(dataset) else place.symlink_to(file.absolute())
        except OSError as error:
            raise CannotRead(f"{dataset.path} cannot be copied: {error.strerror}", hint=CLOSE_IT) from error
        files = tuple(places.values()) if dataset.main.is_file() else dataset.files
        yield replace(dataset, main=main, files=files)


def has_log(dataset: Dataset) -> bool:
    """Whether SQLite left a log beside the database: a program has it open, or ended while it wrote."""
    return any(file.name.endswith(("-wal", "-journal")) for file in dataset.files)


def find_layers(dataset: Dataset) -> list[LayerRef]:
    """The layers of a dataset. Raises: CannotRead"""
    refuse_empty(dataset)
    if dataset.kind == "zip":
        members = zip_members(dataset)
        refs = distinct_names([ref for path, kind in members for ref in layers_at(dataset, path, kind)])
    else:
        if dataset.main.is_file():
            with readable(dataset), dataset.main.open("rb") as file:
                refuse_foreign(dataset.path, dataset.kind, file.read(HEAD_BYTES))
        if dataset.kind == "gpkg":
            refuse_what_reaches_out(dataset)
        refs = layers_at(dataset, os.fspath(dataset.main), dataset.kind)
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


def refuse_empty(dataset: Dataset) -> None:
    """Raises: CannotRead for what no reader needs to look at"""
    main = dataset.main
    if not os.access(main, os.R_OK, effective_ids=True):
        raise CannotRead(f"{dataset.path} may not be read", hint="let the loader's user read it: chmod a+r")
    if main.is_file() and not main.stat().st_size:
        raise CannotRead(f"{dataset.path} is empty", hint="copy it again")
    if dataset.kind == "shp":
        refuse_incomplete(dataset)


def layers_at(dataset: Dataset, path: str, kind: Kind) -> list[LayerRef]:
    """The layers at one place that GDAL opens."""
    if kind == "parquet":
        return [LayerRef("", path, "", kind)]
    names = list_layers(replace(dataset, kind=kind), path)
    stem = PurePosixPath(path).stem
    return [LayerRef(name or stem, path, name, kind) for name in names]


def zip_members(dataset: Dataset) -> list[tuple[str, Kind]]:
    """(GDAL path, kind) of each dataset in an archive, `.gdb` folders included. Raises: CannotRead"""
    try:
        with zipfile.ZipFile(dataset.main) as archive:
            members = list(named_members(archive.namelist()))
            refuse_links(dataset, archive, members)
            for name, kind in members:
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
    if ref.kind == "parquet":
        return open_parquet(dataset)
    return open_ogr(replace(dataset, kind=ref.kind), ref.gdal_path, ref.gdal_layer)
