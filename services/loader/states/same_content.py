"""Earlier loads of the same content, whose versions need not be made again."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from core.database.connections import Connection
from loader import catalogue
from loader.catalogue import Words
from loader.errors import CannotRead
from loader.report import Report
from loader.scan import Dataset, checksum
from loader.sidecar import UNKNOWN_KEY, SideCar


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
    earlier = catalogue.as_served(connection, earlier)
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
