"""The data folder as values: which datasets lie in it, made of which files, with which signature.

Nothing is opened except the first bytes of a `.json`, which may be anything. What is no plain file of the folder is not
opened at all: such a dataset has a refusal.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from loader.errors import DataFolderUnavailable, NotInDataFolder
from loader.kinds import PACKED, SIDE_SUFFIXES, Kind, kind_of, kind_of_json, unpacked
from loader.plain_files import GIANT_BYTES, OWN_FOLDER, is_mostly_holes, kind_of_odd

LONGEST_PATH = 500
"""Characters, of four bytes at most, and 2,700 bytes are what an index takes."""

SEPARATOR = re.compile("[.-]")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What something is that is not opened, as a sentence, and what its owner can do."""

    detail: str
    hint: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset: its main file (or `.gdb` folder), everything it is made of, and what that looks like from outside.

    `path` is relative to the data folder with `/` between the parts. `signature` changes when a file does.
    `refusal` says why none of its files may be opened; None for files that may.
    """

    path: str
    kind: Kind
    main: Path
    files: tuple[Path, ...]
    signature: str
    refusal: Refusal | None = None

    @property
    def stem(self) -> str:
        """The name without folder and suffix."""
        return unpacked(PurePosixPath(self.path)).stem

    @property
    def is_packed(self) -> bool:
        """Whether it is a text that gzip has packed."""
        return self.main.suffix.lower() == PACKED

    @property
    def size_bytes(self) -> int:
        """Of the files that are still there: reading a GeoPackage may end its `-wal`."""
        return sum(file.stat().st_size for file in self.files if file.exists())

    @property
    def is_archive(self) -> bool:
        """Whether it is a file of tiles, which is served as it is."""
        return self.kind in ("pmtiles", "mbtiles")

    @property
    def side_car(self) -> Path | None:
        """The `NAME.toml` beside it, when there is one."""
        return next((file for file in self.files if file.suffix == ".toml"), None)


@dataclass(frozen=True, slots=True)
class Listing:
    """The names in one folder: all but those of its plain folders, by their lower case, and those of no plain file."""

    spellings: Mapping[str, list[str]]
    odd: frozenset[str]

    def beside(self, main: Path) -> list[str]:
        """The odd names of a dataset that begin with its own, such as `a.gpkg-shm` and `a.gpkg.aux.xml`."""
        begin = main.name.lower()
        found = [name for name in sorted(self.odd) if name.lower().startswith(begin)]
        return [name for name in found if name == main.name or kind_of(PurePosixPath(name)) is None]


@dataclass(frozen=True, slots=True)
class Scan:
    """What one look at the data folder found. Below an `unreadable` folder nothing is known.

    others: the files that are no dataset, nor belong to one
    """

    datasets: Mapping[str, Dataset] = field(default_factory=dict[str, Dataset])
    unreadable: tuple[str, ...] = ()
    others: Mapping[str, Path] = field(default_factory=dict[str, Path])

    def is_unknown(self, path: str) -> bool:
        """Whether the path lies below a folder that could not be listed."""
        return any(path.startswith(f"{folder}/") for folder in self.unreadable)


def scan(data_dir: Path) -> Scan:
    """Every dataset below the folder, except in its own `var/` and in hidden folders, in order of path.

    Raises: DataFolderUnavailable, so that a disk which went away does not look like an empty one
    """
    unreadable: list[str] = []
    datasets: dict[str, Dataset] = {}
    others: dict[str, Path] = {}
    for folder, names, odd in walk(data_dir, unreadable):
        listing = Listing(by_lower_case(names), odd)
        found = [dataset for name in names if (dataset := dataset_at(data_dir, folder / name, listing)) is not None]
        datasets |= {dataset.path: dataset for dataset in found}
        begin = "" if folder == data_dir else f"{folder.relative_to(data_dir).as_posix()}/"
        others |= {readable_text(f"{begin}{name}"): folder / name for name in names_left(names, found)}
    return Scan(dict(sorted(datasets.items())), tuple(sorted(unreadable)), others)


def names_left(names: Iterable[str], datasets: Sequence[Dataset]) -> Iterator[str]:
    """The names in a folder that neither are datasets nor belong to one, as `a.gpkg-shm` and `a.gpkg.aux.xml` do."""
    taken = {file.name for dataset in datasets for file in dataset.files}
    mains = {dataset.main.name.lower() for dataset in datasets}
    for name in names:
        ends = (found.start() for found in SEPARATOR.finditer(name))
        if name not in taken and name.lower() not in mains and not any(name[:end].lower() in mains for end in ends):
            yield name


def walk(data_dir: Path, unreadable: list[str]) -> Iterator[tuple[Path, frozenset[str], frozenset[str]]]:
    """(folder, names in it, those of them that are no plain file) for each folder that is looked into; `.gdb` folders
    count as names, not as folders.
    """
    pending = [data_dir]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(folder) as listing:
                entries = [entry for entry in listing if not entry.name.startswith(".")]
        except OSError as error:
            if folder == data_dir:
                raise DataFolderUnavailable(
                    f"the data folder {data_dir} cannot be read: {error.strerror}",
                    hint="does it exist, and may this user read it?",
                    parameter="ISTHMUS_DATA_DIR",
                ) from error
            unreadable.append(folder.relative_to(data_dir).as_posix())
            continue
        folders = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
        inside = {name for name in folders if not name.lower().endswith(".gdb")}
        names = frozenset(entry.name for entry in entries) - inside
        if folder == data_dir:
            inside.discard(OWN_FOLDER)
        pending.extend(folder / name for name in sorted(inside, reverse=True))
        yield folder, names, names - folders - plain_names(entries)


def plain_names(entries: Iterable[os.DirEntry[str]]) -> set[str]:
    """The names of plain files: no links, pipes, devices or sockets."""
    return {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}


def by_lower_case(names: Iterable[str]) -> dict[str, list[str]]:
    """The spellings of each name, by the name in lower case."""
    spellings: dict[str, list[str]] = {}
    for name in sorted(names):
        spellings.setdefault(name.lower(), []).append(name)
    return spellings


def dataset_at(data_dir: Path, main: Path, listing: Listing) -> Dataset | None:
    """The dataset that a file is, or None: another kind of file, or gone again."""
    kind = kind_of(main)
    if kind is None:
        return None
    path = readable_text(main.relative_to(data_dir).as_posix())
    try:
        files, odd = dataset_files(data_dir, main, kind, listing)
        refusal = refusal_of(data_dir, main, odd)
        if refusal is not None:
            return Dataset(path, kind, main, files, signature_of_names([main, *odd]), refusal)
        giants = [file for file in files if file.stat().st_size >= GIANT_BYTES]
        refusal = next((hole_refusal(data_dir, file) for file in giants if is_mostly_holes(file)), None)
        if refusal is not None:
            return Dataset(path, kind, main, files, signature_of(files, main.parent), refusal)
        found = kind_of_json(main) if unpacked(main).suffix.lower() == ".json" else kind
        return Dataset(path, found, main, files, signature_of(files, main.parent)) if found else None
    except FileNotFoundError:
        return None
    except OSError as error:
        refusal = Refusal(f"{path} cannot be looked at: {error.strerror}", "let the loader's user read it: chmod a+rX")
        return Dataset(path, kind, main, (main,), refusal.detail, refusal)


def readable_text(path: str) -> str:
    """The path as text that can be stored: bytes that are no UTF-8 become question marks in diamonds, and one that is
    longer than an index of PostgreSQL takes is cut, and ends in a mark of its own.
    """
    text = os.fsencode(path).decode("utf-8", errors="replace")
    if len(text) <= LONGEST_PATH:
        return text
    mark = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{text[:LONGEST_PATH]}…{mark}{PurePosixPath(text).suffix}"


def refusal_of(data_dir: Path, main: Path, odd: Sequence[Path]) -> Refusal | None:
    """Why a dataset is not opened, None for one that may be. `odd`: its names that are no plain files.

    Raises: FileNotFoundError for a link to a file of the data folder that is not there, OSError
    """
    for path in odd:
        what, hint = kind_of_odd(data_dir, path) or ("", "")
        if what:
            belongs = "" if path == main else f", and belongs to {readable_text(main.name)}"
            name = readable_text(path.relative_to(data_dir).as_posix())
            return Refusal(f"{name} {what}{belongs}: it is not opened", hint)
    return None


def hole_refusal(data_dir: Path, file: Path) -> Refusal:
    """Why a file of holes is not opened."""
    name, size = readable_text(file.relative_to(data_dir).as_posix()), file.stat().st_size
    what = f"{name} is said to have {size / 1e9:,.0f} GB, and next to nothing of it is there: it is not opened"
    return Refusal(what, "copy it again, whole")


def dataset_files(data_dir: Path, main: Path, kind: Kind, listing: Listing) -> tuple[tuple[Path, ...], list[Path]]:
    """The main file first, then its side files and the side-car, as far as they exist; and which are no plain files.

    Raises: OSError
    """
    odd = [main.parent / name for name in listing.beside(main)]
    if main in odd and refusal_of(data_dir, main, [main]) is not None:
        return (main,), [main]
    mains, odd_inside = folder_files(main) if main.is_dir() else ([main], [])
    stem = unpacked(main).stem
    sides = [f"{stem}{suffix}" for suffix in SIDE_SUFFIXES.get(kind, ())]
    if kind in ("gpkg", "mbtiles"):
        sides = [f"{main.name}-wal", f"{main.name}-journal"]
    sides += [f"{stem}.toml", f"{main.name}.toml"]
    found = [name for side in sides for name in listing.spellings.get(side.lower(), ())]
    odd += [*odd_inside, *(main.parent / name for name in found if name in listing.odd)]
    return (*mains, *(main.parent / name for name in found)), odd


def folder_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files of a `.gdb` folder without its locks, and which of them are no plain files. Raises: OSError"""
    with os.scandir(folder) as listing:
        entries = [entry for entry in listing if not entry.name.endswith(".lock")]
    names = {entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)}
    return sorted(folder / name for name in names), sorted(folder / name for name in names - plain_names(entries))


def signature_of(files: Iterable[Path], folder: Path) -> str:
    """Size, time and readability of each file, as a short text. Empty side files count as absent (SQLite's `-wal`)."""
    lines: list[str] = []
    for number, file in enumerate(files):
        status = file.stat()
        if status.st_size or not number:
            readable = os.access(file, os.R_OK, effective_ids=True)
            lines.append(f"{file.relative_to(folder)}\0{status.st_size}\0{status.st_mtime_ns}\0{readable}\n")
    return digest_of(lines)


def signature_of_names(files: Iterable[Path]) -> str:
    """What names of no plain files are, as a short text; nothing is followed or opened. Raises: OSError"""
    lines: list[str] = []
    for file in files:
        status = file.lstat()
        target = file.readlink() if stat.S_ISLNK(status.st_mode) else ""
        lines.append(f"{file.name}\0{status.st_mode}\0{status.st_mtime_ns}\0{target}\n")
    return digest_of(lines)


def digest_of(lines: Iterable[str]) -> str:
    """A short text that is another one for other lines."""
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()[:32]


def checksum(dataset: Dataset) -> str:
    """SHA-256 over the content of all its files but the side-car (about 1 GB/s). Raises: OSError"""
    digest = hashlib.sha256()
    for file in dataset.files:
        if file == dataset.side_car:
            continue
        with file.open("rb") as opened:
            digest.update(f"{file.name}\0".encode(errors="surrogateescape"))
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def relative(data_dir: Path, path: Path) -> str:
    """The path as the catalogue writes it. Raises: NotInDataFolder"""
    try:
        place = path.parent.resolve() / path.name  # a link in the folder counts as lying there
        return readable_text(place.relative_to(data_dir.resolve()).as_posix())
    except ValueError:
        raise NotInDataFolder(
            f"{path} does not lie in the data folder {data_dir}", hint=f"copy it there: cp '{path}' '{data_dir}/'"
        ) from None
