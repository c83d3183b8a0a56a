"""Which names in the data folder may be opened: plain files, and links to plain files of the folder.

A link that leaves it would publish any file of the machine, a pipe or a device would keep the loader waiting. The look
does not open what it judges; that nobody changes it between the look and the reading is not seen to here.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

OWN_FOLDER = "var"
"""Of the data folder: reports, the database of the native mode."""

KINDS = (
    (stat.S_ISFIFO, "is a named pipe"),
    (stat.S_ISSOCK, "is a socket"),
    (stat.S_ISCHR, "is a device"),
    (stat.S_ISBLK, "is a device"),
)
PUT_A_FILE = "put a file in its place"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What something is that is not opened, as a sentence, and what its owner can do."""

    detail: str
    hint: str


def readable_text(path: Path) -> str:
    """The path as text that can be stored: bytes that are no UTF-8 become question marks in diamonds."""
    return os.fsencode(path.as_posix()).decode("utf-8", errors="replace")


def refusal_of(data_dir: Path, main: Path, odd: Sequence[Path]) -> Refusal | None:
    """Why a dataset is not opened, None for one that may be. `odd`: its names that are no plain files.

    Raises: FileNotFoundError for a link to a file of the data folder that is not there, OSError
    """
    for path in odd:
        what, hint = kind_of_odd(data_dir, path) or ("", "")
        if what:
            belongs = "" if path == main else f", and belongs to {readable_text(Path(main.name))}"
            return Refusal(f"{readable_text(path.relative_to(data_dir))} {what}{belongs}: it is not opened", hint)
    return None


def kind_of_odd(data_dir: Path, path: Path) -> tuple[str, str] | None:
    """What a name is that is no plain file, and what to do; None for a link to what may be opened.

    Raises: FileNotFoundError, OSError
    """
    try:
        root, target = Path(os.path.realpath(data_dir)), Path(os.path.realpath(path))
        if not target.is_relative_to(root):
            return "is a link that leaves the data folder", "copy the file itself there, or mount its folder below it"
        if target.is_relative_to(root / OWN_FOLDER):
            return f"is a link into {OWN_FOLDER}/, which is Isthmus's own", PUT_A_FILE
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "is a link that leads back to itself", "remove it, or link it to a file"
        raise
    if stat.S_ISDIR(mode) and path.suffix.lower() != ".gdb":
        return "is a link to a folder", PUT_A_FILE
    return next(((what, PUT_A_FILE) for is_kind, what in KINDS if is_kind(mode)), None)
