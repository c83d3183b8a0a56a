"""The parameters of the list of collections: which ones, and which page of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from api.http.request import Args, Limits, parse_whole
from api.params.conditions import parse_search
from api.params.items import LARGEST_OFFSET, parse_limit
from core.bbox import BBox, parse_bbox
from core.catalog.archives import TileArchive
from core.catalog.collections import Collection

MOST_LISTED = 1000
"""Collections on a page. A larger limit is this one."""

LISTED_PARAMETERS = ("f", "q", "bbox", "limit", "offset")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which collections, and which page of them.

    words: each is part of the title, the description, the id or a keyword, in any case
    limit: None: all that match
    """

    words: tuple[str, ...] = ()
    box_crs84: BBox | None = None
    limit: int | None = None
    offset: int = 0

    def matches(self, collection: Collection | TileArchive) -> bool:
        """Whether a collection is wanted. One without an extent that is known is in every box, as features are."""
        texts = (collection.title, collection.description or "", collection.id, *collection.keywords)
        told = "\n".join(texts).casefold()
        return all(word in told for word in self.words) and self._is_near(collection)

    def _is_near(self, collection: Collection | TileArchive) -> bool:
        extent = collection.bbox_crs84 if isinstance(collection, Collection) else collection.facts.bbox_crs84
        return self.box_crs84 is None or extent is None or meet(self.box_crs84, extent)


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of collections, and how many match."""

    query: ListQuery
    collections: tuple[Collection | TileArchive, ...]
    matched: int


def parse_list_query(args: Args, default_limit: int | None) -> ListQuery:
    """What a request asks of the list. A search or a box that is left empty, as forms send them, asks nothing.

    default_limit: None: all
    Raises: BadParameter, BadBBox
    """
    return ListQuery(
        words=tuple(parse_search(args["q"]).casefold().split()) if args.get("q", "").strip() else (),
        box_crs84=parse_bbox(args["bbox"]) if args.get("bbox") else None,
        limit=parse_limit(args["limit"], Limits(MOST_LISTED, MOST_LISTED)) if "limit" in args else default_limit,
        offset=parse_whole("offset", args.get("offset", "0"), least=0, most=LARGEST_OFFSET),
    )


def page_of(query: ListQuery, collections: Iterable[Collection | TileArchive]) -> ListPage:
    """The page that a request wants, in the order of the collections."""
    found = [collection for collection in collections if query.matches(collection)]
    end = None if query.limit is None else query.offset + query.limit
    return ListPage(query, tuple(found[query.offset : end]), len(found))


def meet(one: BBox, other: BBox) -> bool:
    """Whether two boxes have a point in common, each of which may cross 180 degrees."""
    return any(
        a.west <= b.east and b.west <= a.east and a.south <= b.north and b.south <= a.north
        for a in one.halves()
        for b in other.halves()
    )
