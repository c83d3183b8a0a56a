"""Names of columns that hold the start and the end of a time."""

from __future__ import annotations

import re
from collections.abc import Iterator

END_OF_START = {
    "start": ("end", "stop"),
    "begin": ("end",),
    "from": ("to", "until", "till"),
    "since": ("until", "till"),
}
"""Words in the name of a start -> words in their place in the name of its end."""

WORD = re.compile("start|begin|from|since", re.IGNORECASE)


def end_names(name: str) -> Iterator[str]:
    """What the end beside a start of this name is called, in lower case: `valid_from` has `valid_to`."""
    for found in WORD.finditer(name):
        for word in END_OF_START[found[0].lower()]:
            yield f"{name[: found.start()]}{word}{name[found.end() :]}".lower()
