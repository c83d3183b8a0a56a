"""What GDAL sends as `cql-text`: CQL2, but its names never stand in quotes, and its backslashes escape nothing.

Seen of GDAL 3.10. Its conditions are `name operator value`, each in parentheses where there are several.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from api.cql2.text_encoding.tokens import RESERVED, WORD

TEXT = r"(?P<pattern>LIKE '(?:[^']|'')*')|(?P<text>'(?:[^']|'')*')"
BEFORE_OPERATOR = r"(?= (?:[<>=]|I?LIKE |IS |IN |BETWEEN ))"


def as_cql2(text: str, names: Iterable[str]) -> str:
    """The filter as the standard has it. `names`: of properties."""
    odd = sorted(filter(needs_quotes, names), key=len, reverse=True)
    name = rf"(?<![^(])(?P<name>{'|'.join(map(re.escape, odd))}){BEFORE_OPERATOR}|" if odd else ""
    return re.sub(name + TEXT, spelt, text)


def needs_quotes(name: str) -> bool:
    """Whether a name is no word of CQL2, or one that means something else there."""
    return WORD.fullmatch(name) is None or name.upper() in RESERVED


def spelt(match: re.Match[str]) -> str:
    """A name in quotes; a text with its backslashes doubled, but for a pattern, where they may escape."""
    if match.lastgroup == "name":
        quoted = match.group().replace('"', '""')
        return f'"{quoted}"'
    return match.group().replace("\\", "\\\\") if match.lastgroup == "text" else match.group()
