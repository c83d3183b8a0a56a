"""Files of the data folder that the API reads itself. Whoever may put files there may put anything: no link is
followed, a file is read up to a size, and JSON is checked whole.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

NO_LINK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK

Json = dict[str, Any]


class Unusable(Exception):
    """The file is there, and is not what it should be."""


def read_json(folder: Path, name: str, most_bytes: int) -> Json | None:
    """A JSON object, None when there is no such file. Raises: Unusable"""
    raw = read_plain(folder, name, most_bytes)
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


def read_plain(folder: Path, name: str, most_bytes: int) -> bytes | None:
    """A file, None when there is none. Raises: Unusable when it is no plain file, too long or shut"""
    try:
        with opened(folder) as inside:
            descriptor = os.open(name, NO_LINK, dir_fd=inside)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise Unusable
                raw = file.read(most_bytes + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unusable from error
    if len(raw) > most_bytes:
        raise Unusable
    return raw


@contextmanager
def opened(folder: Path) -> Generator[int]:
    """A folder as a descriptor, which is no link. Raises: OSError"""
    descriptor = os.open(folder, NO_LINK | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
