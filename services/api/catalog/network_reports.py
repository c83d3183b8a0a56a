"""Reports of the network lab on the data volume, as JSON, and its picture.

The lab runs on the host, beside the engine; the API never sees Docker. Whoever may put files into the data folder may
put them here too, so nothing is believed: no link is followed, a file is read up to a size, JSON is checked whole.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

Json = dict[str, Any]
NAMES = ("show", "check", "compare")
PICTURE = "show.svg"
MOST_BYTES = 2_000_000
NO_LINK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class Unusable(Exception):
    """The file is there, and is none of the lab's."""


@dataclass(frozen=True, slots=True)
class ReportsFolder:
    """The reports by name, None for those that are not there; whether there is a picture; files that are damaged.

    `changed_at` is when the last of them changed, None when nothing was ever left.
    """

    reports: dict[str, Json | None]
    picture: bool
    damaged: tuple[str, ...]
    changed_at: datetime | None


def read_reports(data_dir: Path) -> ReportsFolder:
    """All reports, and whether there is a picture."""
    reports: dict[str, Json | None] = {}
    damaged: list[str] = []
    for name in NAMES:
        try:
            reports[name] = read_report(data_dir, f"{name}.json")
        except Unusable:
            reports[name] = None
            damaged.append(f"{name}.json")
    try:
        picture = read_picture(data_dir) is not None
    except Unusable:
        picture = False
        damaged.append(PICTURE)
    return ReportsFolder(reports, picture, tuple(damaged), changed_at(data_dir))


def read_report(data_dir: Path, name: str) -> Json | None:
    """A report, None when there is none. Raises: Unusable"""
    raw = read_file(data_dir, name)
    if raw is None:
        return None
    try:
        value = json.loads(raw.decode())
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # what came in must go out again
    except (ValueError, RecursionError) as error:
        raise Unusable from error
    if not isinstance(value, dict):
        raise Unusable
    return cast(Json, value)


def read_picture(data_dir: Path) -> bytes | None:
    """The picture, None when there is none. Raises: Unusable when it is no whole SVG"""
    raw = read_file(data_dir, PICTURE)
    if raw is not None and not (raw.lstrip().startswith(b"<svg ") and raw.rstrip().endswith(b"</svg>")):
        raise Unusable
    return raw


def read_file(data_dir: Path, name: str) -> bytes | None:
    """A file of the lab's folder, None when there is none. Raises: Unusable when it is no file, too long or shut"""
    try:
        with opened(data_dir) as folder:
            descriptor = os.open(name, NO_LINK, dir_fd=folder)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise Unusable
                raw = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unusable from error
    if len(raw) > MOST_BYTES:
        raise Unusable
    return raw


def changed_at(data_dir: Path) -> datetime | None:
    """When a file was last put there or taken away: each is renamed into the folder."""
    try:
        with opened(data_dir) as folder:
            return datetime.fromtimestamp(int(os.fstat(folder).st_mtime), UTC)
    except OSError:
        return None


@contextmanager
def opened(data_dir: Path) -> Generator[int]:
    """The lab's folder. Raises: OSError"""
    folder = os.open(data_dir / "var" / "network", NO_LINK | os.O_DIRECTORY)
    try:
        yield folder
    finally:
        os.close(folder)
