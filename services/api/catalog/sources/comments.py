"""What a comment in the database says to Isthmus: `COMMENT ON VIEW wells IS 'Wells in use. @key gid @srid 3067'`."""

from __future__ import annotations

import re
from dataclasses import dataclass

NAME = r'(?:"[^"\n]*"|[^\s,"]+)'
NAMES = rf"{NAME}(?:[ \t]*,[ \t]*{NAME})*"
TAG = re.compile(
    rf"(?<!\S)@(?:(?P<omit>omit)\b|title[ \t]+(?P<title>[^\n]*)|(?P<tag>key|time|srid)[ \t]+(?P<names>{NAMES}))"
)


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment, apart.

    key:   names of the columns that tell rows apart; srid: the system of coordinates that have none
    time:  the column that `datetime` asks, or a start and an end
    omit:  the relation is not published
    """

    description: str | None = None
    title: str | None = None
    key: tuple[str, ...] = ()
    srid: int | None = None
    time: tuple[str, ...] = ()
    omit: bool = False


def parse_comment(text: str | None) -> Comment:
    """A comment. `@title` goes to the end of its line; names that hold spaces or commas have double quotes."""
    found: dict[str, str] = {}

    def take(match: re.Match[str]) -> str:
        name = match["tag"] or ("omit" if match["omit"] else "title")
        found.setdefault(name, match["names"] or match["title"] or "")
        return ""

    description = " ".join(TAG.sub(take, text or "").split())
    srid = found.get("srid", "")
    return Comment(
        description=description or None,
        title=found.get("title", "").strip() or None,
        key=names(found.get("key", "")),
        srid=int(srid) if re.fullmatch(r"[0-9]{1,6}", srid) else None,
        time=names(found.get("time", ""))[:2],
        omit="omit" in found,
    )


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them, some in quotes; a sentence may end behind them."""
    return tuple(name[1:-1] if name[0] == '"' else name.rstrip(".;") for name in re.findall(NAME, text))
