"""Which names in the data folder may be opened: plain files, and links to plain files of the folder.

A link that leaves it would publish any file of the machine, a pipe or a device would keep the loader waiting. The look
opens nothing, but a plain file of a gigabyte of which the file system counts no blocks; that nobody changes what it
judged before it is read is not seen to here.
"""

from __future__ import annotations

import errno
import os
import stat
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

GIANT_BYTES, MOST_HOLES, BLOCK_BYTES = 1_000_000_000, 100, 512
"""A file of more bytes that holds not even one in so many takes hours to be read, and is of no use."""


def is_mostly_holes(path: Path) -> bool:
    """Whether a plain file of GIANT_BYTES or more holds next to nothing. Raises: OSError"""
    status = path.stat()
    if status.st_blocks * BLOCK_BYTES * MOST_HOLES > status.st_size:
        return False
    if status.st_blocks:
        return True
    with path.open("rb", buffering=0) as file:  # there are file systems that count no blocks
        try:
            os.lseek(file.fileno(), 0, os.SEEK_DATA)
        except OSError as error:
            return error.errno == errno.ENXIO
    return False


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
