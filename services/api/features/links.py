"""The links of pages of features, and of single ones."""

from __future__ import annotations

from collections.abc import Mapping

from api.formats.registry import PAGES
from api.http.links import GEOJSON, JSON, Link, query_text, self_and_alternate
from api.http.request import Args, Request
from api.query.items import ItemsQuery
from api.query.page import Page, render_cursor
from core.catalog import Collection

PAGE_PLACE = ("offset", "cursor")
"""The parameters that say where in its order a page is."""


def page_links(request: Request, collection: Collection, query: ItemsQuery, found: Page, chosen: str) -> list[Link]:
    """The links of a page, in one of PAGES."""
    here = request.links.collection(collection, "items")
    given = {name: value for name, value in request.args.items() if name not in PAGE_PLACE}
    walk: list[Link] = [
        {
            "href": f"{here}?{query_text({**given, 'cursor': cursor})}",
            "rel": rel,
            "type": PAGES[chosen],
            "title": f"{rel} page",
        }
        for rel, cursor in cursors(collection, query, found).items()
    ]
    own = self_and_alternate(request.here, request.args, PAGES, chosen)
    return [*own, *walk, collection_link(request, collection)]


def search_links(request: Request, args: Args, collection: Collection, query: ItemsQuery, found: Page) -> list[Link]:
    """The links of a page of a search: `next` and `prev` have a body with the same parameters and a cursor."""
    here = request.links.collection(collection, "search")
    given = {name: value for name, value in args.items() if name != "offset"}
    walk: list[Link] = [
        {
            "href": here,
            "rel": rel,
            "type": GEOJSON,
            "title": f"{rel} page",
            "method": "POST",
            "body": {**given, "cursor": cursor},
        }
        for rel, cursor in cursors(collection, query, found).items()
    ]
    return [collection_link(request, collection), *walk]


def feature_links(request: Request, collection: Collection, chosen: str) -> list[Link]:
    """The links of a feature, in one of PAGES."""
    own = self_and_alternate(request.here, request.args, PAGES, chosen)
    return [*own, collection_link(request, collection)]


def collection_link(request: Request, collection: Collection) -> Link:
    """The link back to the collection."""
    return request.links.link("collection", JSON, collection.title, "collections", collection.id)


def cursors(collection: Collection, query: ItemsQuery, found: Page) -> Mapping[str, str]:
    """The texts of the cursors to the pages after and before a page, by the relation of their links."""
    places = {"next": found.next, "prev": found.prev}
    return {
        rel: render_cursor(place, query.filter, query.sort, collection)
        for rel, place in places.items()
        if place is not None
    }
