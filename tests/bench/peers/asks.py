"""What is asked of every server, and how each spells it.

An ask is a value that no server's address is in, so that all of them, and the SQL floor, answer the same question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Items:
    """A page. `equal`: a property and its value."""

    collection: str
    limit: int
    bbox_crs84: Box | None = None
    offset: int = 0
    equal: tuple[str, str] | None = None
    where: str | None = None
    """CQL2 text, which is also SQL."""


@dataclass(frozen=True, slots=True)
class Deep:
    """The page that begins at an offset, as the server's own `next` links lead there. `first`: the id of its first."""

    collection: str
    limit: int
    offset: int
    first: int


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature by its id."""

    collection: str
    id: int


@dataclass(frozen=True, slots=True)
class Walk:
    """All pages, along the `next` links."""

    collection: str
    limit: int
    count: int


@dataclass(frozen=True, slots=True)
class Everything:
    """The whole collection as one GeoJSON."""

    collection: str
    count: int


@dataclass(frozen=True, slots=True)
class VectorTile:
    """A tile of WebMercatorQuad."""

    collection: str
    z: int
    row: int
    column: int


Ask = Items | Deep | Feature | Walk | Everything | VectorTile


class NotOffered(Exception):
    """The server has no such resource or parameter."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a server spells addresses. Templates are filled with the fields of the ask."""

    items: str | None = "/collections/{collection}/items"
    feature: str = "/collections/{collection}/items/{id}"
    tile: str | None = "/collections/{collection}/tiles/WebMercatorQuad/{z}/{row}/{column}"
    everything: str | None = None
    """None: a page with a limit of as many as there are."""
    params: Mapping[str, str] = field(default_factory=lambda: {"f": "json"})
    filters: bool = True
    """Whether CQL2 text is understood."""
    equals: bool = True
    """Whether properties are parameters."""
    features: bool = True
    """Whether it has anything but tiles."""

    def path(self, ask: Ask) -> str:
        """The address below the server's root. Raises: NotOffered"""
        if not (self.features or isinstance(ask, VectorTile)):
            raise NotOffered("no features")
        match ask:
            case Items():
                return f"{self.pages(ask.collection)}?{self.query(ask)}"
            case Deep():
                return self.path(Items(ask.collection, ask.limit, offset=ask.offset))
            case Walk():
                return self.path(Items(ask.collection, ask.limit))
            case Everything():
                if self.everything is None:
                    return self.path(Items(ask.collection, ask.count))
                return self.everything.format(collection=ask.collection)
            case Feature():
                query = "?" + urlencode(self.params) if self.params else ""
                return self.feature.format(collection=ask.collection, id=ask.id) + query
            case VectorTile():
                if self.tile is None:
                    raise NotOffered("no vector tiles")
                return self.tile.format(collection=ask.collection, z=ask.z, row=ask.row, column=ask.column)

    def pages(self, collection: str) -> str:
        """Where the pages of a collection are. Raises: NotOffered"""
        if self.items is None:
            raise NotOffered("no pages")
        return self.items.format(collection=collection)

    def query(self, ask: Items) -> str:
        """The parameters of a page. Raises: NotOffered"""
        query = {**self.params, "limit": str(ask.limit)}
        if ask.bbox_crs84:
            query["bbox"] = ",".join(f"{side:.4f}" for side in ask.bbox_crs84)
        if ask.offset:
            query["offset"] = str(ask.offset)
        if ask.equal:
            if not self.equals:
                raise NotOffered("no filter by a property")
            query[ask.equal[0]] = ask.equal[1]
        if ask.where:
            if not self.filters:
                raise NotOffered("no CQL2")
            query |= {"filter": ask.where, "filter-lang": "cql2-text"}
        return urlencode(query, safe=",")
