"""Features: pages of them, and single ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, request

from api.answers import page, respond
from api.context import api, asked
from api.counts import Count
from api.crs import CRS84, Crs, parse_crs
from api.delivery import validator_of
from api.features import (
    FEATURE_PARAMETERS,
    FORMATS,
    feature_geojson,
    find_feature,
    find_page,
    page_geojson,
    page_links,
)
from api.formats.negotiation import choose_format
from api.formats.offered import EXPORTS, MEDIA_TYPES
from api.links import GEOJSON, Link
from api.pages import Page
from api.params.common import reject_unknown
from api.params.items import items_query
from api.profiles import geojson_profiles, parse_profiles, profile_header, profile_links
from api.query import AS_STORED, ItemsQuery, Presentation
from api.routes.exports import export
from core.catalog import Collection

bp = Blueprint("items", __name__, url_prefix="/collections/<id>")


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
    found = find_page(api(), collection, query)
    count = api().counts.of_page(collection, query, found)
    links = page_links(asked(), collection, query, found, chosen)
    if chosen == "html":
        return validator.mark(items_page(collection, found, links, count))
    return validator.mark(items_geojson(collection, query, found, links, count))


@bp.get("/items/<path:feature_id>")
def feature(id: str, feature_id: str) -> Response:
    """One feature."""
    reject_unknown(request.args, FEATURE_PARAMETERS)
    collection = api().collection(id)
    chosen = choose_format(request.args.get("f"), request.accept_mimetypes, FORMATS)
    crs = parse_crs("crs", request.args["crs"], collection) if "crs" in request.args else CRS84
    wanted = parse_profiles(request.args["profile"]) if "profile" in request.args else ()
    profiles = geojson_profiles(wanted, crs) if chosen == "json" else []
    shown = Presentation(crs=crs) if chosen == "json" else AS_STORED
    validator = validator_of(collection, FORMATS[chosen])
    if validator.unchanged():
        return validator.mark(Response(status=304))
    found = find_feature(api(), collection, feature_id, shown)
    body, links = feature_geojson(asked(), collection, found, chosen, profile_links(profiles))
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


def items_geojson(collection: Collection, query: ItemsQuery, found: Page, links: list[Link], count: Count) -> Response:
    """The page as GeoJSON."""
    crs = query.presentation.crs
    profiles = geojson_profiles(query.presentation.profiles, crs)
    return geojson(page_geojson(collection, found, [*links, *profile_links(profiles)], count), crs, profiles)


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
