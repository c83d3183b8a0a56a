"""Files under names that can be read, and as streams of bytes: plain, packed by gzip, or members of a zip archive; and
how large packed ones may become. Without GDAL, which the loader itself does not have.

An address is what GDAL calls a path: `/data/a.csv`, `/vsigzip//data/a.csv.gz`, `/vsizip/{/data/a.zip}/in/a.csv`.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

from loader.errors import CannotRead
from loader.kinds import unpacked
from loader.scan import Dataset

GZIP, ZIP = "/vsigzip/", re.compile(r"/vsizip/\{(.*)\}/(.*)", re.DOTALL)

SMALL_BYTES = 100_000_000
MOST_RATIO = 300
"""Nothing in use is packed so tightly, but bombs: zeros pack to a thousandth."""

MOST_BYTES = 100_000_000_000
STEP_BYTES = 1 << 20

UNPACK_IT = "unpack it, and copy what it holds"
CLOSE_IT = "close the program that has it open, so that the log beside it ends"
NOT_PLAIN = re.compile(r"[;?#!|{}\r\n\t]")


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
        stem = unpacked(dataset.main).stem
        main = Path(folder) / f"dataset{dataset.main.name.removeprefix(stem)}"
        sides = [file for file in dataset.files if file.parent == dataset.main.parent and file != dataset.main]
        places = {dataset.main: main}
        places |= {file: Path(folder) / f"dataset{file.name.removeprefix(stem)}" for file in sides}
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


def address_of(dataset: Dataset) -> str:
    """The address of a dataset's main file."""
    return f"{GZIP if dataset.is_packed else ''}{os.fspath(dataset.main)}"


@contextmanager
def open_bytes(address: str) -> Generator[IO[bytes]]:
    """What an address holds, unpacked. Raises: OSError, EOFError, zlib.error, zipfile.BadZipFile"""
    if address.startswith(GZIP):
        with gzip.open(address.removeprefix(GZIP)) as file:
            yield cast("IO[bytes]", file)
    elif member := ZIP.fullmatch(address):
        with zipfile.ZipFile(member[1]) as archive, archive.open(member[2]) as file:
            yield file
    else:
        with Path(address).open("rb") as file:
            yield file


def refuse_empty(dataset: Dataset) -> None:
    """Raises: CannotRead for what no reader needs to look at"""
    main = dataset.main
    if not os.access(main, os.R_OK, effective_ids=True):
        raise CannotRead(f"{dataset.path} may not be read", hint="let the loader's user read it: chmod a+r")
    if main.is_file() and not main.stat().st_size:
        raise CannotRead(f"{dataset.path} is empty", hint="copy it again")


def refuse_bomb(dataset: Dataset) -> None:
    """Raises: CannotRead for what would be too large unpacked, or is no archive. Cost: of gzip, a pass over it"""
    if dataset.is_packed:
        refuse_gzip_bomb(dataset)
    elif dataset.main.is_file() and is_archive(dataset.main):
        try:
            with zipfile.ZipFile(dataset.main) as archive:
                refuse_size(dataset, sum(member.file_size for member in archive.infolist()))
        except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
            what = f"it is a damaged archive ({error})"
            raise CannotRead(f"{dataset.path} cannot be read: {what}", hint="is the copy complete?") from error


def is_archive(path: Path) -> bool:
    """Whether a file begins as zip archives do: also spreadsheets and KMZ are some. Raises: OSError"""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def refuse_gzip_bomb(dataset: Dataset) -> None:
    """Raises: CannotRead"""
    size = 0
    try:
        with gzip.open(dataset.main) as file:
            while step := file.read(STEP_BYTES):
                size += len(step)
                refuse_size(dataset, size)
    except (OSError, EOFError, zlib.error) as error:
        what = f"it is not packed by gzip, or damaged ({error})"
        raise CannotRead(f"{dataset.path} cannot be read: {what}", hint="is the copy complete?") from error
    if not size:
        raise CannotRead(f"{dataset.path} is empty", hint="copy it again")


def refuse_size(dataset: Dataset, unpacked_bytes: int) -> None:
    """Raises: CannotRead for so much of so little"""
    packed_bytes = max(dataset.main.stat().st_size, 1)
    if unpacked_bytes > MOST_BYTES or unpacked_bytes > max(SMALL_BYTES, MOST_RATIO * packed_bytes):
        size = f"{unpacked_bytes / 1e6:,.0f} MB or more out of {packed_bytes / 1e6:,.1f}"
        raise CannotRead(f"{dataset.path} cannot be read: unpacked it would be {size}", hint=UNPACK_IT)
