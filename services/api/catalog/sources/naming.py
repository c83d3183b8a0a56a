"""Ids for the collections of sources: the name of the relation, with its schema where that name is taken."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection as Names, Iterable
from dataclasses import replace

from api.catalog.sources.model import Draft, TileFunction
from core.catalog import Collection

NO_SEGMENT = re.compile(r"[/\\?#%\x00-\x1f\x7f]")
"""Characters that a segment of a path cannot have, or that proxies take for something else. Spaces and dots at an end
are lost on the way, in QGIS for one.
"""


def assign_ids(drafts: Iterable[Draft], taken: Names[str]) -> dict[str, Collection | TileFunction]:
    """Collections by id. A name that two drafts want, or that is `taken`, is given to none without its schema."""
    some = list(drafts)
    wanted = Counter(plain_name(draft) for draft in some)
    found: dict[str, Collection | TileFunction] = {}
    for draft in some:
        name = plain_name(draft)
        if wanted[name] > 1 or name in taken:
            name = f"{clean(draft.schema)}.{name}"
        id = free(name, {*taken, *found, *(other for other in wanted if wanted[other] == 1)} - {plain_name(draft)})
        found[id] = replace(draft.collection, id=id)
    return found


def plain_name(draft: Draft) -> str:
    """The id without a schema: that of a further geometry column has its name behind a dot."""
    return ".".join(map(clean, filter(None, (draft.name, draft.part))))


def clean(name: str) -> str:
    """A name as a segment of a path."""
    return NO_SEGMENT.sub("_", name).strip(". ") or "_"


def free(name: str, taken: Names[str]) -> str:
    """The name, or with the first number behind it that makes it another one."""
    number, id = 1, name
    while id in taken:
        number += 1
        id = f"{name}_{number}"
    return id
