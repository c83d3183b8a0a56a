"""Features asked for in a body, for filters that are too long for an address."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from api.context import api, current_request
from api.features.service import collection_link, find_page, walk_places
from api.features.streamed_pages import MOST_HELD
from api.http.links import GEOJSON, Link
from api.http.negotiation import choose_format
from api.http.request import Args
from api.params.body import merged, parse_body
from api.params.items import items_query
from api.planner.choose_plan import Reader, choose_order
from api.query.items import ItemsQuery
from api.query.page import Page, render_cursor
from api.routes.items import filterable, items_geojson, presented
from core.catalog import Collection

bp = Blueprint("search", __name__, url_prefix="/collections/<id>")

MOST_BODY_BYTES = 1_000_000


@bp.post("/search")
@bp.post("/items")
def search(id: str) -> Response:
    """A page of features. What is asked for is in the body, or partly in the address.

    A body of another media type may become a way to add features (Part 4): it is a 415 now.
    """
    collection = api().collection(id)
    refuse_encoded()
    args = merged(request.args, parse_body(whole_body(), request.mimetype, request.form))
    query = items_query(args, collection, api().limits)
    query = choose_order(
        Reader(api().database, api().counts),
        collection,
        replace(query, presentation=presented(query.presentation, "json")),
    )
    choose_format(args.get("f"), request.accept_mimetypes, {"json": GEOJSON})
    found = find_page(api(), collection, query, most_bytes=MOST_HELD)
    count = api().counts.of_page(collection, query, found)
    links = [collection_link(current_request(), id, collection.title), *walk_links(args, collection, query, found)]
    return filterable(items_geojson(collection, query, found, links, count, "json"), collection)


def refuse_encoded() -> None:
    """Raises: UnsupportedMediaType for a body that is compressed, as RFC 9110 (15.5.16) has it"""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(f"the body's Content-Encoding is '{encoding}'; send it as it is")


def whole_body() -> bytes:
    """The body, which `request.form` is then read from.

    Of a body in chunks, whose length nobody tells, Werkzeug would give the first part.
    Raises: TooManyBodies, RequestEntityTooLarge
    """
    request.max_content_length = MOST_BODY_BYTES + 1
    with api().bodies.one():
        body = request.get_data()
    if len(body) > MOST_BODY_BYTES:
        raise RequestEntityTooLarge
    return body


def walk_links(args: Args, collection: Collection, query: ItemsQuery, found: Page) -> list[Link]:
    """The links `next` and `prev`: a body with every parameter of this request and another cursor."""
    here = api().links.collection(collection, "search")
    kept = {name: value for name, value in args.items() if name != "offset"}
    links: list[Link] = []
    for rel, cursor in walk_places(found).items():
        body = {**kept, "cursor": render_cursor(cursor, query.filter, query.sort, collection)}
        goal = {"href": here, "rel": rel, "type": GEOJSON, "title": f"{rel} page", "method": "POST", "body": body}
        links.append(goal)
    return links
