"""Features: pages of them, and single ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from api.answers import own_links, page, respond
from api.context import api
from api.counts import Count, count_matches
from api.crs import CRS84, Crs, parse_crs
from api.cursor import render_cursor
from api.delivery import validator_of
from api.formats.geojson import render_feature, render_page
from api.formats.negotiation import choose_format
from api.formats.offered import EXPORTS, MEDIA_TYPES
from api.formats.profiles import geojson_profiles, parse_profiles, profile_header, profile_links
from api.ids import parse_id
from api.links import GEOJSON, HTML, JSON, Link
from api.pages import Page, cut_page
from api.params.body import parse_body
from api.params.common import reject_unknown
from api.params.items import items_query
from api.query import AS_STORED, Cursor, Direction, FeatureKey, ItemsQuery, Presentation
from api.routes.exports import export
from api.sql.items import select_feature, select_page
from core.catalog import Collection
from core.errors import UnknownFeature

bp = Blueprint("items", __name__, url_prefix="/collections/<id>")

FORMATS = {"json": GEOJSON, "html": HTML}

MOST_BODY_BYTES = 1_000_000


@bp.get("/items")
def items(id: str) -> Response:
    """A page of features."""
    collection = api().collection(id)
    chosen = choose_format(request.args.get("f"), request.accept_mimetypes, MEDIA_TYPES)
    if chosen in EXPORTS:
        return export(collection, chosen)
    query = items_query(request.args, collection, api().limits)
    validator = validator_of(collection, FORMATS[chosen])
    if validator.unchanged():
        return validator.mark(Response(status=304))
    if chosen == "html":
        query = replace(query, presentation=replace(query.presentation, crs=CRS84))
    found = fetch_page(collection, query)
    count = count_page(collection, query)
    links = [
        *own_links(FORMATS, chosen),
        *walk_links(collection, query, found, chosen),
        collection_link(collection),
    ]
    if chosen == "html":
        return validator.mark(items_page(collection, found, links, count))
    return validator.mark(items_geojson(query, found, links, count))


@bp.post("/search")
def search(id: str) -> Response:
    """A page of features, asked for in a body: for filters that are too long for an address."""
    collection = api().collection(id)
    reject_unknown(request.args, ())
    request.max_content_length = MOST_BODY_BYTES
    args = parse_body(request.get_data(parse_form_data=True), request.mimetype, request.form)
    query = items_query(args, collection, api().limits)
    choose_format(args.get("f"), request.accept_mimetypes, {"json": GEOJSON})
    found = fetch_page(collection, query)
    here = api().links.collection(collection, "search")
    kept = {name: value for name, value in args.items() if name != "offset"}
    links = [collection_link(collection)]
    for rel, cursor in walk_places(found).items():
        body = {**kept, "cursor": render_cursor(cursor, query.filter, query.sort, collection)}
        goal = {"href": here, "rel": rel, "type": GEOJSON, "title": f"{rel} page", "method": "POST", "body": body}
        links.append(goal)
    return items_geojson(query, found, links, count_page(collection, query))


@bp.get("/items/<feature_id>")
def feature(id: str, feature_id: str) -> Response:
    """One feature."""
    reject_unknown(request.args, ("f", "crs", "profile"))
    collection = api().collection(id)
    chosen = choose_format(request.args.get("f"), request.accept_mimetypes, FORMATS)
    crs = parse_crs("crs", request.args["crs"], collection) if "crs" in request.args else CRS84
    wanted = parse_profiles(request.args["profile"]) if "profile" in request.args else ()
    profiles = geojson_profiles(wanted, crs) if chosen == "json" else []
    shown = Presentation(crs=crs) if chosen == "json" else AS_STORED
    key, validator = parse_feature_id(feature_id, collection), validator_of(collection, FORMATS[chosen])
    if validator.unchanged():
        return validator.mark(Response(status=304))
    rows = api().database.run(select_feature(collection, key, shown))
    if not rows:
        raise unknown_feature(feature_id, collection)
    links = [*own_links(FORMATS, chosen), collection_link(collection), *profile_links(profiles)]
    body = render_feature(rows[0][0], links)
    if chosen == "json":
        return validator.mark(geojson(body, crs, profiles))
    shown_page = page(
        "feature.html",
        title=f"{collection.title} {feature_id}",
        collection=collection,
        feature=json.loads(body),
        document={"links": links},
    )
    return validator.mark(shown_page)


def geojson(body: bytes, crs: Crs, profiles: Sequence[str] = ()) -> Response:
    """A GeoJSON answer that says its CRS (Part 2, /req/crs/ogc-crs-header), and the profiles that it follows."""
    response = respond(body, GEOJSON)
    response.headers["Content-Crs"] = f"<{crs.uri}>"
    if profiles:
        response.headers["Link"] = profile_header(profiles)
    return response


def items_geojson(query: ItemsQuery, found: Page, links: list[Link], count: Count) -> Response:
    """The page as GeoJSON."""
    members = {"numberMatched": count.exact, "numberMatchedEstimate": count.estimate}
    counts = {name: number for name, number in members.items() if number is not None}
    profiles = geojson_profiles(query.presentation.profiles, query.presentation.crs)
    body = render_page(found.features, [*links, *profile_links(profiles)], counts)
    return geojson(body, query.presentation.crs, profiles)


def fetch_page(collection: Collection, query: ItemsQuery) -> Page:
    """The features of a page; none when only their number is asked for."""
    if query.hits_only:
        return Page((), None, None)
    return cut_page(query, api().database.run(select_page(collection, query)))


def count_page(collection: Collection, query: ItemsQuery) -> Count:
    """The number of matches, exact when it is all that is asked for."""
    mode = "exact" if query.hits_only and query.count == "auto" else query.count
    return count_matches(api().database, collection, query.filter, mode, api().settings.exact_count_rows)


def parse_feature_id(text: str, collection: Collection) -> FeatureKey:
    """The values of the key. Raises: UnknownFeature for an id that no feature can have"""
    key = parse_id(text, collection.key)
    if key is None:
        raise unknown_feature(text, collection)
    return key


def unknown_feature(text: str, collection: Collection) -> UnknownFeature:
    """The error for an id that no feature has."""
    hint = f"/collections/{collection.id}/items lists the features"
    return UnknownFeature(f"'{collection.id}' has no feature '{text}'", hint=hint, parameter="featureId")


def walk_places(found: Page) -> dict[Direction, Cursor]:
    """The places where the walk goes on, forwards and back."""
    places: dict[Direction, Cursor | None] = {"next": found.next, "prev": found.prev}
    return {rel: cursor for rel, cursor in places.items() if cursor is not None}


def walk_links(collection: Collection, query: ItemsQuery, found: Page, chosen: str) -> list[Link]:
    """The links `next` and `prev`, with every parameter of this request and another cursor."""
    here = api().links.collection(collection, "items")
    kept = {name: value for name, value in request.args.items() if name != "offset"}
    links: list[Link] = []
    for rel, cursor in walk_places(found).items():
        given = urlencode({**kept, "cursor": render_cursor(cursor, query.filter, query.sort, collection)})
        links.append({"href": f"{here}?{given}", "rel": rel, "type": FORMATS[chosen], "title": f"{rel} page"})
    return links


def collection_link(collection: Collection) -> Link:
    """The link back to the collection."""
    return api().links.link("collection", JSON, collection.title, "collections", collection.id)


def items_page(collection: Collection, found: Page, links: list[Link], count: Count) -> Response:
    """The page as a table with a map."""
    features: list[dict[str, Any]] = [json.loads(text) for text in found.features]
    return page(
        "items.html",
        title=collection.title,
        collection=collection,
        features=features,
        count=count,
        document={"links": links},
    )
