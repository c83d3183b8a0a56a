"""What an archive says of its tiles, and a file that appears whole or not at all. Errors of the commands for tiles."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.bbox import MERCATOR_LIMIT_DEG
from core.catalog.archives import MVT
from core.errors import IsthmusError

STANDARD_OUTPUT = "-"


class WrongUse(IsthmusError):
    """The command was asked for something that it does not do."""

    code = "usage-wrong"


class NothingThere(IsthmusError):
    """There is no tile to export."""

    code = "tiles-none"


class CannotWrite(IsthmusError):
    """The archive cannot be written."""

    code = "archive-unwritable"


class DataChanged(IsthmusError):
    """The data changed while their tiles were read."""

    code = "data-changed"


@dataclass(frozen=True, slots=True)
class About:
    """What an archive says of its tiles. `bounds`, `center`: degrees, and the zoom of the centre."""

    name: str
    description: str | None
    attribution: str | None
    bounds: tuple[float, float, float, float]
    center: tuple[float, float, int]
    first_zoom: int
    last_zoom: int
    layers: tuple[Mapping[str, Any], ...]
    media_type: str = MVT

    @property
    def is_vector(self) -> bool:
        """Whether its tiles hold features, and not pictures."""
        return self.media_type == MVT

    @property
    def vector_layers(self) -> dict[str, Any]:
        """The member of its metadata that describes its layers; none for pictures."""
        return {"vector_layers": list(self.layers)} if self.is_vector else {}

    @property
    def texts(self) -> dict[str, str]:
        """The words of its metadata, in any format."""
        known = {"name": self.name, "description": self.description, "attribution": self.attribution}
        return {key: text for key, text in known.items() if text} | {"type": "overlay", "version": "1"}


def about(tilejson: Mapping[str, Any], zooms: tuple[int, int], media_type: str) -> About:
    """What TileJSON says, for the zooms that have tiles. Readers refuse bounds beyond those of Web Mercator."""
    first, last = zooms
    longitude, latitude, zoom = tilejson["center"]
    west, south, east, north = tilejson["bounds"]
    return About(
        name=tilejson["name"],
        description=tilejson.get("description"),
        attribution=tilejson.get("attribution"),
        bounds=(west, within_mercator(south), east, within_mercator(north)),
        center=(longitude, within_mercator(latitude), max(first, min(last, int(zoom)))),
        first_zoom=first,
        last_zoom=last,
        layers=tuple({**layer, "minzoom": first, "maxzoom": last} for layer in tilejson.get("vector_layers", ())),
        media_type=media_type,
    )


def within_mercator(latitude: float) -> float:
    """The nearest latitude that Web Mercator has."""
    return max(-MERCATOR_LIMIT_DEG, min(MERCATOR_LIMIT_DEG, latitude))


def check_name(target: str, suffix: str) -> None:
    """Refuse what is no name of an archive: an export replaces the file. Raises: WrongUse"""
    if target != STANDARD_OUTPUT and Path(target).suffix.lower() != suffix:
        raise WrongUse(f"'{target}' is no name of an archive", hint=f"it ends in {suffix}; - is standard output")


@contextmanager
def replacing(target: str, spool: Path) -> Generator[Path]:
    """A path to write at, beside the target under a hidden name; it becomes the target when the block ends well.

    spool: where what goes to standard output is written first. Raises: CannotWrite
    """
    folder = spool if target == STANDARD_OUTPUT else Path(target).absolute().parent
    try:
        if target == STANDARD_OUTPUT:
            folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{Path(target).name}.", suffix=".part", dir=folder)
        os.close(handle)
        part = Path(name)
        try:
            yield part
            deliver(part, target)
        finally:
            part.unlink(missing_ok=True)
    except BrokenPipeError:
        raise
    except (OSError, sqlite3.Error) as error:
        hint = f"may this user write in {folder}, and has the disk room?"
        raise CannotWrite(f"{target} cannot be written: {error}", hint=hint) from error


def deliver(part: Path, target: str) -> None:
    """Put a finished file where it belongs."""
    if target == STANDARD_OUTPUT:
        with part.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        return
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.chmod(0o666 & ~current_umask())
    part.replace(target)


def current_umask() -> int:
    """The rights that a new file of this process lacks."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
