"""Features as GeoJSON: from a request as a value to the bytes of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from api.context import Api
from api.formats.geojson import PAGE_HEAD, render_feature, render_tail
from api.formats.registry import PAGES
from api.http.links import JSON, Link, query_text, self_and_alternate
from api.http.request import Request
from api.planner.choose_plan import Reader, find_rows
from api.planner.counts import Count
from api.query.feature_ids import parse_id
from api.query.items import KEY_ALONE, Cursor, Direction, FeatureKey, ItemsQuery, Presentation
from api.query.page import Page, cut_page, render_cursor
from api.query.page_order import order_key
from api.query.source_errors import reading
from api.sql.features.items import select_feature
from core.catalog import Collection, remembered
from core.errors import BadValue, UnknownFeature
from core.statement import Prepared, TextRows, prepare

FORMATS = PAGES
"""The formats of a page and of a single feature, the default first."""

OF_A_PLACE = ("offset", "cursor")
"""The parameters that say where in its walk a page is."""

FEATURE_PARAMETERS = ("f", "crs", "profile")
"""The parameters of a single feature."""


def find_page(api: Api, collection: Collection, query: ItemsQuery, *, most_bytes: float = inf) -> Page:
    """The features of a page; none when only their number is asked for.

    most_bytes: the features of a page that has more are left to `stream_page`, with what the page is without them
    """
    if query.hits_only:
        return Page((), None, None)
    key = order_key(collection, query.filter, query.sort, query.cursor)
    with reading(collection, has_values=query.has_values, filter=query.filter):
        plan, rows = find_rows(Reader(api.database, api.counts), collection, query, most_bytes=most_bytes)
    if not rows.is_whole and not fits(query, rows, most_bytes):
        bare = find_page(api, collection, replace(query, presentation=KEY_ALONE))
        return replace(bare, features=(), streamed=bare.number, is_heavy=True)
    if plan.counts:
        return cut_page(query, rows, key, rows.others[0][-1] if rows.texts else 0)
    return cut_page(query, rows, key, plan.matched)


def fits(query: ItemsQuery, rows: TextRows, most_bytes: float) -> bool:
    """Whether the page fits without the extra row, which tells that there is more."""
    return len(rows.texts) > query.limit and sum(map(len, rows.texts[: query.limit])) <= most_bytes


def page_geojson(found: Page, tail: bytes, head: bytes = PAGE_HEAD) -> bytes:
    """The features of a page between what stands ahead of them and behind."""
    return b"".join([head, found.text, tail])


def page_tail(collection: Collection, found: Page, links: str, count: Count) -> bytes:
    """What stands behind the features of a FeatureCollection; `links` are JSON. That of a source has no time stamp: its
    bytes validate it.
    """
    members = {"numberReturned": found.number, "numberMatched": count.exact, "numberMatchedEstimate": count.estimate}
    counts = {name: number for name, number in members.items() if number is not None}
    return render_tail(links, counts, stamped=collection.source is None)


def page_links(request: Request, collection: Collection, query: ItemsQuery, found: Page, chosen: str) -> list[Link]:
    """The links of a page, in one of FORMATS."""
    return [
        *self_and_alternate(request.here, request.args, FORMATS, chosen),
        *walk_links(request, collection, query, found, chosen),
        collection_link(request, collection.id, collection.title),
    ]


def walk_links(request: Request, collection: Collection, query: ItemsQuery, found: Page, chosen: str) -> list[Link]:
    """The links `next` and `prev`, with every parameter of this request and another cursor."""
    here = request.links.collection(collection, "items")
    kept = {name: value for name, value in request.args.items() if name not in OF_A_PLACE}
    links: list[Link] = []
    for rel, place in walk_places(found).items():
        cursor = render_cursor(place, query.filter, query.sort, collection)
        links.append(walk_link(f"{here}?{query_text({**kept, 'cursor': cursor})}", rel, chosen))
    return links


def walk_link(href: str, rel: Direction, chosen: str) -> Link:
    """The link to the page after this one or before it."""
    return {"href": href, "rel": rel, "type": FORMATS[chosen], "title": f"{rel} page"}


def walk_places(found: Page) -> dict[Direction, Cursor]:
    """The places where the walk goes on, forwards and back."""
    places: dict[Direction, Cursor | None] = {"next": found.next, "prev": found.prev}
    return {rel: cursor for rel, cursor in places.items() if cursor is not None}


def collection_link(request: Request, id: str, title: str) -> Link:
    """The link back to the collection."""
    return request.links.link("collection", JSON, title, "collections", id)


def feature_key(text: str, collection: Collection) -> FeatureKey:
    """The key of an id. Raises: UnknownFeature for a text that is the id of no feature"""
    if not collection.key.is_id:
        hint = f"they have no key; /collections/{collection.id}/items?filter=… finds them by their properties"
        raise UnknownFeature(f"the features of '{collection.id}' have no ids", hint=hint, parameter="featureId")
    key = parse_id(text, collection.key)
    if key is None:
        raise unknown_feature(text, collection)
    return key


def prepared_feature(collection: Collection, shown: Presentation) -> Prepared:
    """The statement of one feature, put together once."""
    return remembered(collection, ("feature", shown), lambda: prepare(select_feature(collection, shown)))


def find_feature(api: Api, collection: Collection, id: str, shown: Presentation) -> bytes:
    """A feature as a text. Raises: UnknownFeature"""
    key = feature_key(id, collection)
    values = {f"id{number}": value for number, value in enumerate(key)}
    try:
        with reading(collection):
            row = api.database.run_prepared(prepared_feature(collection, shown), values, one_plan=True)
    except BadValue as error:
        if collection.key.is_integer:
            raise
        # such as a text that is no UUID, where the key is one
        raise unknown_feature(id, collection) from error
    if row is None or row[0] is None:
        raise unknown_feature(id, collection)
    return row[0]


def feature_geojson(
    request: Request, collection: Collection, feature: bytes, chosen: str, more: Sequence[Link] = ()
) -> tuple[bytes, list[Link]]:
    """A feature with its links, and these links. `more`: links to put after those that every feature has."""
    own = self_and_alternate(request.here, request.args, FORMATS, chosen)
    links = [*own, collection_link(request, collection.id, collection.title), *more]
    return render_feature(feature, links), links


def unknown_feature(text: str, collection: Collection) -> UnknownFeature:
    """The error for an id that no feature has."""
    hint = f"/collections/{collection.id}/items lists the features"
    return UnknownFeature(f"'{collection.id}' has no feature '{text}'", hint=hint, parameter="featureId")
