"""Names: collection ids from files and layers, table and column names that PostgreSQL takes. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import PurePosixPath

from core.catalog.versions import OUR_COLUMNS
from loader.errors import NameTaken
from loader.kinds import unpacked

MAX_BYTES = 63
"""PostgreSQL cuts longer identifiers (NAMEDATALEN - 1), silently."""

RESERVED_COLUMNS = OUR_COLUMNS | {"fid", "geom", "geom_3857", "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"}


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a collection id: the layer of a file. `withdrawn` when that file is gone."""

    path: str
    layer: str
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """The collection id of a layer; `wanted` is the id it would have had without a clash."""

    layer: str
    id: str
    wanted: str


def slug(text: str) -> str:
    """Lower case; letters and digits of any script stay, everything else becomes `_`. Never empty, at most 63 bytes."""
    composed = unicodedata.normalize("NFC", text.lower())  # macOS writes names decomposed
    return shortened(re.sub(r"\W+", "_", composed).strip("_") or "layer")


def shortened(name: str, max_bytes: int = MAX_BYTES) -> str:
    """The name, or its beginning and six characters of its hash, so that two long names stay two."""
    if len(name.encode()) <= max_bytes:
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:6]
    head = name.encode()[: max_bytes - 7].decode(errors="ignore")
    return f"{head}_{mark}"


def assign_ids(
    path: str, layers: Sequence[str], holders: Mapping[str, Holder], said: Mapping[str, str | None] | None = None
) -> list[Assignment]:
    """The collection id of each layer of a file. A layer keeps the id it has, unless the side-car says another.

    A layer named '' is the only one of its file and takes the file's name; others take their own.
    An id is free when nobody has it, when its file is gone, or when this file had it for a layer it no longer has.
    Raises: NameTaken when the name and its longer form are both taken
    """
    by_age = sorted(holders.items(), key=lambda item: not item[1].withdrawn)
    own = {holder.layer: id for id, holder in by_age if holder.path == path}
    named = {layer: id for layer, id in (said or {}).items() if id}
    kept = {own[layer] for layer in layers if layer in own and layer not in named}
    taken = {id for id, holder in holders.items() if not holder.withdrawn and holder.path != path} | kept
    assignments: list[Assignment] = []
    for layer in layers:
        if layer in named:
            assignments.append(Assignment(layer, take(named[layer], taken, holders), named[layer]))
            continue
        wanted, longer = candidates(path, layer)
        id = own.get(layer) or next((name for name in (wanted, longer) if name not in taken), None)
        if id is None:
            other = holders.get(longer)
            raise NameTaken(
                f"the names '{wanted}' and '{longer}' are taken" + (f" by {other.path}" if other else ""),
                hint="rename the file or the layer",
            )
        taken.add(id)
        assignments.append(Assignment(layer, id, wanted))
    return assignments


def take(id: str, taken: set[str], holders: Mapping[str, Holder]) -> str:
    """The id that a side-car says, which is taken from now on. Raises: NameTaken"""
    if id in taken:
        other = holders.get(id)
        whose = f" by {other.path}" if other else ""
        raise NameTaken(f"the id '{id}' of the side-car is taken{whose}", hint="write another id there")
    taken.add(id)
    return id


def candidates(path: str, layer: str) -> tuple[str, str]:
    """The wanted id of a layer, and the longer one for when that is taken."""
    file = unpacked(PurePosixPath(path))
    extension = file.suffix.removeprefix(".")
    if not layer:
        return slug(file.stem), slug(f"{file.stem} {extension}")
    if extension.lower() == "gpx":  # its layers have the same names in every file
        return slug(f"{file.stem} {layer}"), slug(f"{file.stem} {extension} {layer}")
    return slug(layer), slug(f"{file.stem} {layer}")


def table_name(id: str, version: int) -> str:
    """The table of a version. The number makes it unique, also when the id had to be cut."""
    suffix = f"_{version}"
    return f"{shortened(id, MAX_BYTES - len(suffix))}{suffix}"


def unique_names(names: Iterable[str]) -> list[str]:
    """The names with `_2`, `_3` after those that occurred before."""
    return numbered(names, set(), first=2)


def column_names(published: Sequence[str]) -> list[str]:
    """A column of the table for each published name: the same, unless PostgreSQL or Isthmus needs that name itself."""
    bases = [shortened(name.replace("\0", "") or "column", MAX_BYTES - 4) for name in published]
    return numbered(bases, set(RESERVED_COLUMNS), first=1)


def numbered(names: Iterable[str], taken: set[str], *, first: int) -> list[str]:
    """The names, with a number from `first` on after each that is taken already; `taken` grows by them."""
    result: list[str] = []
    for name in names:
        numbers = (f"{name}_{number}" for number in count(first))
        result.append(name if name not in taken else next(one for one in numbers if one not in taken))
        taken.add(result[-1])
    return result


def default_title(name: str) -> str:
    """A layer's name as a title: `big_cities` is 'Big cities'."""
    words = name.replace("_", " ").strip() or name
    return words[:1].upper() + words[1:]
