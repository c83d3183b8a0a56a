"""Features: pages of them, and single ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from api.answers import own_links, page, respond
from api.context import api
from api.counts import number_matched
from api.cursor import render_cursor
from api.formats.geojson import FeatureRow, render_feature, render_page
from api.formats.negotiation import choose_format
from api.links import GEOJSON, HTML, JSON, Link
from api.params import items_query, reject_unknown
from api.query import Cursor, Direction, ItemsQuery
from api.sql.items import select_feature, select_page
from core.catalog import Collection
from core.errors import UnknownFeature

bp = Blueprint("items", __name__, url_prefix="/collections/<id>/items")

FORMATS = {"json": GEOJSON, "html": HTML}


@dataclass(frozen=True, slots=True)
class Page:
    """A page of features in ascending order, and the places where the walk goes on."""

    features: list[FeatureRow]
    next: Cursor | None
    prev: Cursor | None


@bp.get("")
def items(id: str) -> Response:
    """A page of features."""
    collection = api().catalog[id]
    query = items_query(request.args, collection, api().limits)
    chosen = choose_format(request.args.get("f"), request.accept_mimetypes, FORMATS)
    found = cut_page(query, cast("list[FeatureRow]", api().database.run(select_page(collection, query))))
    matched = number_matched(api().database, collection, query.filter, api().settings.exact_count_rows)
    links = [*own_links(FORMATS, chosen), *walk_links(collection, query, found, chosen), collection_link(collection)]
    if chosen == "json":
        return respond(render_page(found.features, links, matched), GEOJSON)
    return items_page(collection, query, found, links, matched)


@bp.get("/<feature_id>")
def feature(id: str, feature_id: str) -> Response:
    """One feature."""
    reject_unknown(request.args, ("f",))
    collection = api().catalog[id]
    chosen = choose_format(request.args.get("f"), request.accept_mimetypes, FORMATS)
    rows = api().database.run(select_feature(collection, parse_feature_id(feature_id, collection)))
    if not rows:
        raise unknown_feature(feature_id, collection)
    links = [*own_links(FORMATS, chosen), collection_link(collection)]
    body = render_feature(cast(FeatureRow, rows[0]), links)
    if chosen == "json":
        return respond(body, GEOJSON)
    return page(
        "feature.html",
        title=f"{collection.title} {feature_id}",
        collection=collection,
        feature=json.loads(body),
        document={"links": links},
    )


def parse_feature_id(text: str, collection: Collection) -> int:
    """Ids are whole numbers. Raises: UnknownFeature for what is none, since no feature can have it."""
    try:
        fid = int(text)
    except ValueError:
        raise unknown_feature(text, collection) from None
    if abs(fid) >= 2**63 or str(fid) != text:
        raise unknown_feature(text, collection)
    return fid


def unknown_feature(text: str, collection: Collection) -> UnknownFeature:
    """The error for an id that no feature has."""
    hint = f"/collections/{collection.id}/items lists the features"
    return UnknownFeature(f"'{collection.id}' has no feature '{text}'", hint=hint, parameter="featureId")


def cut_page(query: ItemsQuery, rows: list[FeatureRow]) -> Page:
    """The page in ascending order, from rows in the order of the walk with one too many when there is more."""
    more = len(rows) > query.limit
    backwards = query.cursor is not None and query.cursor.direction == "prev"
    features = rows[: query.limit]
    if backwards:
        features.reverse()
    if not features:
        return Page([], None, None)
    has_next = more or backwards
    has_prev = more if backwards else query.cursor is not None
    return Page(
        features,
        Cursor("next", features[-1][0]) if has_next else None,
        Cursor("prev", features[0][0]) if has_prev else None,
    )


def walk_links(collection: Collection, query: ItemsQuery, found: Page, chosen: str) -> list[Link]:
    """The links `next` and `prev`, with every parameter of this request and another cursor."""
    here = api().links.collection(collection, "items")
    places: dict[Direction, Cursor | None] = {"next": found.next, "prev": found.prev}
    links: list[Link] = []
    for rel, cursor in places.items():
        if cursor is not None:
            text = render_cursor(cursor, query.filter, collection)
            given = urlencode({**request.args, "cursor": text})
            links.append({"href": f"{here}?{given}", "rel": rel, "type": FORMATS[chosen], "title": f"{rel} page"})
    return links


def collection_link(collection: Collection) -> Link:
    """The link back to the collection."""
    return api().links.link("collection", JSON, collection.title, "collections", collection.id)


def items_page(
    collection: Collection, query: ItemsQuery, found: Page, links: list[Link], matched: int | None
) -> Response:
    """The page as a table with a map."""
    features: list[dict[str, Any]] = [json.loads(text) for _, text in found.features]
    return page(
        "items.html",
        title=collection.title,
        collection=collection,
        query=query,
        features=features,
        matched=matched,
        document={"links": links},
    )
