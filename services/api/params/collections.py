"""The parameter `collections` (OGC 20-057, 11.1): some of the dataset's collections, by id or by their addresses."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from api.http.request import parse_names
from core.catalog.collections import Collection
from core.errors import BadParameter, suggestion

MOST_COLLECTIONS = 200


def parse_collections(text: str, known: Mapping[str, Collection]) -> tuple[Collection, ...]:
    """The collections in the order of the request, each once. Raises: BadParameter for one that is not `known`"""
    names = parse_names("collections", text, known)
    if len(names) > MOST_COLLECTIONS:
        hint = f"name {MOST_COLLECTIONS} at most"
        raise BadParameter(f"collections has {len(names)} names", hint=hint, parameter="collections")
    ids = dict.fromkeys(map(collection_id, names))
    for id in ids:
        if id not in known:
            hint = suggestion(id, known) or f"those with tiles are: {', '.join(known)}"
            raise BadParameter(f"there are no tiles of '{id}' here", hint=hint, parameter="collections")
    return tuple(known[id] for id in ids)


def collection_id(name: str) -> str:
    """The id in the address of a collection; whatever is no address is an id."""
    if "://" not in name:
        return name
    try:
        _, found, id = urlsplit(name).path.rpartition("/collections/")
    except ValueError:  # brackets that hold no address of IPv6
        return name
    return unquote(id) if found else name
