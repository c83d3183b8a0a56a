"""Features: pages of them, and single ones."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, request

from api.context import api, current_request
from api.features.service import (
    FEATURE_PARAMETERS,
    FORMATS,
    feature_geojson,
    find_feature,
    find_page,
    page_geojson,
    page_links,
    page_tail,
)
from api.features.streamed_pages import MOST_HELD, MOST_SHOWN, OF_A_FEATURE, as_a_map_shows, enclosed, stream_page
from api.formats.geojson import PAGE_HEAD, json_text
from api.formats.jsonfg import dimension_member, root_members, with_root_members
from api.formats.registry import EXPORTS, MEDIA_TYPES
from api.http.links import Link, queryables_header
from api.http.negotiation import choose_format
from api.params.common import reject_unknown
from api.params.items import items_query
from api.planner.choose_plan import Reader, choose_order
from api.planner.counts import Count
from api.query.crs import CRS84, parse_crs
from api.query.items import AS_STORED, ItemsQuery, Presentation
from api.query.page import Page
from api.query.profiles import RFC_7946, geojson_profile, json_fg_profile, parse_profiles, profile_header, profile_links
from api.routes.after_request import validator_of
from api.routes.exports import export
from api.routes.responses import page, respond, streamed
from core.catalog import Collection

MOST_CELLS = 100_000
"""Of a table for people: a worker renders them in 1.5 s and holds 40 MB."""

bp = Blueprint("items", __name__, url_prefix="/collections/<id>")


@bp.get("/items")
def items(id: str) -> Response:
    """A page of features, or all of them as a file."""
    collection = api().collection(id)
    return filterable(features_of(collection), collection)


def filterable(response: Response, collection: Collection) -> Response:
    """The response with a link to what filters may name; without for a client that has it."""
    if response.status_code != 304:
        response.headers.add(*queryables_header(api().links, collection))
    return response


def features_of(collection: Collection) -> Response:
    """The features that the request asks for."""
    chosen = choose_format(request.args.get("f"), request.accept_mimetypes, MEDIA_TYPES)
    if chosen in EXPORTS:
        return export(collection, chosen)
    query = items_query(request.args, collection, api().limits)
    validator = validator_of(collection, FORMATS[chosen])
    if validator.unchanged():
        return validator.mark(Response(status=304))
    query = choose_order(
        Reader(api().database, api().counts),
        collection,
        replace(query, presentation=presented(query.presentation, chosen)),
    )
    if chosen == "html":
        query = replace(query, limit=min(query.limit, most_rows(collection)))
    found = page_for(collection, query, chosen)
    count = api().counts.of_page(collection, query, found)
    links = page_links(current_request(), collection, query, found, chosen)
    if chosen == "html":
        return validator.mark(items_page(collection, found, links, count))
    return validator.mark(items_geojson(collection, query, found, links, count, chosen))


@bp.get("/items/<path:feature_id>")
def feature(id: str, feature_id: str) -> Response:
    """One feature."""
    reject_unknown(request.args, FEATURE_PARAMETERS)
    collection = api().collection(id)
    chosen = choose_format(request.args.get("f"), request.accept_mimetypes, FORMATS)
    crs = parse_crs("crs", request.args["crs"], collection) if "crs" in request.args else CRS84
    wanted = parse_profiles(request.args["profile"]) if "profile" in request.args else ()
    shown = presented(Presentation(crs=crs, profiles=wanted), chosen)
    validator = validator_of(collection, FORMATS[chosen])
    if validator.unchanged():
        return validator.mark(Response(status=304))
    found = find_feature(api(), collection, feature_id, shown)
    body, links = feature_geojson(current_request(), collection, found, chosen, profile_links(shown.profiles))
    if chosen != "html":
        return validator.mark(geojson(body, collection, shown, chosen))
    return validator.mark(feature_page(collection, feature_id, body, links))


def feature_page(collection: Collection, id: str, body: bytes, links: list[Link]) -> Response:
    """A feature for people, with a large geometry as its map shows it, long texts cut, or no geometry, as need be."""
    on_map = as_a_map_shows(collection, AS_STORED, OF_A_FEATURE)
    brief = replace(on_map, brief=True)
    shown = AS_STORED
    for lighter in (on_map, brief, replace(brief, geometry=False)):
        if len(body) > MOST_SHOWN:
            shown = lighter
            body = find_feature(api(), collection, id, shown)
    return page_of_features(
        "feature.html",
        title=f"{collection.title} {id}",
        collection=collection,
        feature=json.loads(body),
        shown=shown,
        document={"links": links},
    )


def presented(shown: Presentation, chosen: str) -> Presentation:
    """The presentation as it will be in a format: a profile that can be followed, or none; HTML is in CRS84."""
    if chosen == "html":
        return replace(shown, crs=CRS84, profiles=())
    profile = json_fg_profile(shown.profiles) if chosen == "jsonfg" else geojson_profile(shown.profiles, shown.crs)
    return replace(shown, profiles=(profile,) if profile else (), fg=profile if profile and profile != RFC_7946 else "")


def geojson(body: bytes, collection: Collection, shown: Presentation, chosen: str) -> Response:
    """An answer in GeoJSON, or in JSON-FG."""
    if shown.fg:
        body = with_root_members(body, root_members(collection, shown.crs, api().links))
    return marked(respond(body, FORMATS[chosen]), shown)


def marked(response: Response, shown: Presentation) -> Response:
    """The response with its CRS (Part 2, /req/crs/ogc-crs-header), and its profiles."""
    response.headers["Content-Crs"] = f"<{shown.crs.uri}>"
    if shown.profiles:
        response.headers["Link"] = profile_header(shown.profiles)
    return response


def most_rows(collection: Collection) -> int:
    """How many rows a table for people has at most, which takes 15 µs of Python a cell."""
    return max(1, MOST_CELLS // max(1, len(collection.columns)))


def page_for(collection: Collection, query: ItemsQuery, chosen: str) -> Page:
    """The features of a page; in HTML large ones as its map and its table show them."""
    if chosen != "html":
        return find_page(api(), collection, query, most_bytes=MOST_HELD)
    found = find_page(api(), collection, query, most_bytes=MOST_SHOWN)
    if not found.is_heavy:
        return found
    lighter = replace(as_a_map_shows(collection, query.presentation), brief=True)
    return replace(find_page(api(), collection, replace(query, presentation=lighter)), is_heavy=True)


def items_geojson(
    collection: Collection, query: ItemsQuery, found: Page, links: list[Link], count: Count, chosen: str
) -> Response:
    """The page as GeoJSON or JSON-FG, streamed where it is large."""
    shown, head = query.presentation, PAGE_HEAD
    if shown.fg:
        members = {**root_members(collection, shown.crs, api().links), **dimension_member(collection)}
        head = with_root_members(head, members)
    tail = page_tail(collection, found, json_text([*links, *profile_links(shown.profiles)]), count)
    if not found.is_heavy:
        return marked(respond(page_geojson(found, tail, head), FORMATS[chosen]), shown)
    if request.method == "HEAD":
        return marked(streamed(enclosed(head, (b"" for _ in ()), tail), FORMATS[chosen]), shown)
    return marked(streamed(stream_page(api(), collection, query, head, tail), FORMATS[chosen]), shown)


def items_page(collection: Collection, found: Page, links: list[Link], count: Count) -> Response:
    """The page as a table with a map."""
    features: list[dict[str, Any]] = [json.loads(text) for text in found.features]
    return page_of_features(
        "items.html",
        title=collection.title,
        collection=collection,
        features=features,
        count=count,
        simplified=found.is_heavy,
        document={"links": links},
    )


def page_of_features(template: str, **values: Any) -> Response:
    """A page that holds coordinates, which says in which CRS they are."""
    response = page(template, **values)
    response.headers["Content-Crs"] = f"<{CRS84.uri}>"
    return response
