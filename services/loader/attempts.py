"""Earlier attempts at a dataset: those that ended the loader, and the one that loaded the same content.

A crash guard against files that kill the process that reads them, by a crash in GDAL or for want of memory: what is
being loaded is written into a file before, which is removed after. A dataset that is named there at the next start
ended the loader; one that did so twice is reported as failed, so that the others get their turn. Where nothing can be
written, files are loaded unguarded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.database.connections import Connection
from loader import catalogue
from loader.catalogue import Words
from loader.errors import CannotRead
from loader.report import Report
from loader.scan import Dataset, checksum
from loader.sidecar import UNKNOWN_KEY, SideCar

CRASHES = 2
"""One may be anybody's kill -9."""


def mark_file(data_dir: Path) -> Path:
    """The file that names what is being loaded."""
    return data_dir / "var" / "loading.json"


def crashes(data_dir: Path, dataset: Dataset) -> int:
    """How often the loader ended while it loaded this file as it is now."""
    try:
        mark: dict[str, Any] = json.loads(mark_file(data_dir).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
    same = mark.get("path") == dataset.path and mark.get("signature") == dataset.signature
    return int(mark.get("attempts", 0)) if same else 0


@contextmanager
def guarded(data_dir: Path, dataset: Dataset) -> Generator[None]:
    """Name the dataset in that file as long as the block runs. Raises: CannotRead when it has ended the loader twice"""
    earlier, mark = crashes(data_dir, dataset), mark_file(data_dir)
    try:
        if earlier >= CRASHES:
            raise CannotRead(
                f"{dataset.path} ended the loader {earlier} times while it was read",
                hint="does it open in QGIS or ogrinfo? Is there memory for it? Change it, and it is tried again",
            )
        with suppress(OSError):
            mark.parent.mkdir(parents=True, exist_ok=True)
            values = {"path": dataset.path, "signature": dataset.signature, "attempts": earlier + 1}
            mark.write_text(json.dumps(values), encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            mark.unlink(missing_ok=True)


def content_checksum(dataset: Dataset, side_car: SideCar) -> str:
    """What a version is made of: the files, and what the side-car says about how to load them. Raises: CannotRead"""
    try:
        files = checksum(dataset)
    except OSError as error:
        raise CannotRead(
            f"{dataset.path} cannot be read: {error.strerror}", hint="let the loader's user read it: chmod a+r"
        ) from error
    settings = side_car.data_settings()
    return hashlib.sha256(f"{files}{settings}".encode()).hexdigest() if settings else files


def same_content(connection: Connection, dataset: Dataset, side_car: SideCar, sha256: str) -> Report | None:
    """The report of a dataset whose content is loaded already; None for a new content.

    Its collections are shown again if they were gone, with the words that the side-car has now.
    """
    known = catalogue.newest_checksums(connection, dataset.path)
    ids = [id for id, checksum in known.items() if checksum == sha256]
    earlier = catalogue.last_loaded_report(connection, dataset.path)
    if not ids or earlier is None:
        return None
    was_away = catalogue.restore(connection, ids)
    layers = {id: holder.layer for id, holder in catalogue.read_holders(connection).items()}
    words = {id: words_of(dataset, layers[id], side_car.of_layer(layers[id])) for id in ids}
    described = [id for id in ids if catalogue.describe(connection, id, words[id])]
    notes = (*side_car.notes, *(note for note in earlier.notes if note.code != UNKNOWN_KEY))
    return replace(earlier, status="restored" if was_away else "described" if described else "unchanged", notes=notes)


def words_of(dataset: Dataset, layer: str, side_car: SideCar) -> Words:
    """What is said of the collection of a layer: the side-car's words, or a title made of its name."""
    title = side_car.title or default_title(layer or dataset.stem)
    index = list(side_car.index) if isinstance(side_car.index, tuple) else side_car.index
    return Words(title, side_car.description, side_car.attribution, side_car.cache_control, index)


def default_title(name: str) -> str:
    """A layer's name as a title: `big_cities` is 'Big cities'."""
    words = name.replace("_", " ").strip() or name
    return words[:1].upper() + words[1:]
