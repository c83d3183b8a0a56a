"""Found features as GeoJSON and JSON-FG: what stands around the text of the features, their links among it.

The features are as PostgreSQL wrote them; none is parsed here.
Source of JSON-FG: OGC 21-045r1 (version 1.0), requirements classes Core, and Feature Types and Schemas
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from time import time
from typing import Any

from api.formats.registry import PAGES
from api.http.links import GEOJSON, JSON, Link, Links, query_text, self_and_alternate
from api.http.request import Args, Request
from api.http.response import Headers
from api.params.values import PROFILE_REGISTER
from api.planner.counts import Count
from api.query.crs import CRS84, Crs
from api.query.items import JSON_FG, RFC_7946, ItemsQuery, Presentation
from api.query.page import Page, render_cursor
from core.catalog.collections import Collection

PAGE_HEAD = b'{"type":"FeatureCollection","features":['
"""What stands ahead of the features of a FeatureCollection."""

USUAL_MEMBERS = {"href", "rel", "type", "title"}
"""Of a link."""

PAGE_PLACE = ("offset", "cursor")
"""The parameters that say where in its order a page is."""

JSON_FG_CLASSES = "http://www.opengis.net/spec/json-fg-1/1.0/conf"
DIMENSIONS = {"Point": 0, "LineString": 1, "Polygon": 2, "MultiPoint": 0, "MultiLineString": 1, "MultiPolygon": 2}
"""Of a page of JSON-FG whose geometries are of one kind."""

json_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""A value as JSON without white space."""


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A page that was found. `chosen`: the format that it is wanted in, of PAGES"""

    collection: Collection
    chosen: str
    query: ItemsQuery
    page: Page
    count: Count

    @property
    def lasts(self) -> bool:
        """Whether another look would find the same, and the page is held: not, where there was no time to count."""
        return not self.page.is_heavy and (self.count.exact is not None or not self.query.filter.is_heavy)


@dataclass(frozen=True, slots=True)
class PageText:
    """A FeatureCollection. `head`: what stands ahead of its features; `links`: as JSON"""

    found: FoundPage
    head: bytes
    links: str

    def tail(self) -> bytes:
        """What stands behind the features. That of a source has no time stamp: its bytes validate it."""
        found = self.found
        numbers = {
            "numberReturned": found.page.number,
            "numberMatched": found.count.exact,
            "numberMatchedEstimate": found.count.estimate,
        }
        members = [f'"{name}":{number}' for name, number in numbers.items() if number is not None]
        if found.collection.source is None:
            members.append(f'"timeStamp":"{stamp_of(int(time()))}"')
        return f'],{",".join(members)},"links":{self.links}}}'.encode()

    def whole(self) -> bytes:
        """The document as it is now."""
        return b"".join((self.head, self.found.page.text, self.tail()))


@lru_cache(maxsize=1)
def stamp_of(second: int) -> str:
    """A second since 1970 as RFC 3339 has it."""
    return datetime.fromtimestamp(second, UTC).isoformat().replace("+00:00", "Z")


def presented(query: ItemsQuery, chosen: str) -> ItemsQuery:
    """The query with its presentation as it will be in a format."""
    shown = presentation_in(query.presentation, chosen)
    return query if shown is query.presentation else replace(query, presentation=shown)


def presentation_in(shown: Presentation, chosen: str) -> Presentation:
    """The presentation in a format: the first of the wanted profiles that can be followed, or none; HTML is in CRS84.

    GeoJSON of RFC 7946 knows no other CRS, and JSON-FG is of one of its own profiles in any case.
    """
    if chosen == "html":
        return replace(shown, crs=CRS84, profiles=())
    if chosen == "json" and not shown.profiles:
        return shown
    can_be_plain = chosen != "jsonfg" and shown.crs is CRS84
    followed = [name for name in shown.profiles if name != RFC_7946 or can_be_plain]
    profile = followed[0] if followed else JSON_FG if chosen == "jsonfg" else ""
    return replace(shown, profiles=(profile,) if profile else (), fg="" if profile == RFC_7946 else profile)


def page_text(request: Request, found: FoundPage, links: list[Link]) -> PageText:
    """The document of a page."""
    shown, head = found.query.presentation, PAGE_HEAD
    if shown.fg:
        members = root_members(found.collection, shown.crs, request.links)
        dimension = DIMENSIONS.get(found.collection.geometry_type or "")
        head = with_root_members(head, members if dimension is None else {**members, "geometryDimension": dimension})
    return PageText(found, head, links_text([*links, *profile_links(shown.profiles)]))


def feature_text(
    request: Request, collection: Collection, shown: Presentation, feature: bytes, links: list[Link]
) -> bytes:
    """The document of a feature."""
    text = links_text([*links, *profile_links(shown.profiles)])
    body = b'%b,"links":%b}' % (feature[:-1], text.encode())
    return with_root_members(body, root_members(collection, shown.crs, request.links)) if shown.fg else body


def profile_links(profiles: Sequence[str]) -> list[Link]:
    """Links to the profiles of a response (/req/profile-parameter/profile-param-response, B)."""
    return [{"href": f"{PROFILE_REGISTER}{name}", "rel": "profile", "title": f"profile {name}"} for name in profiles]


def root_members(collection: Collection, crs: Crs, links: Links) -> dict[str, Any]:
    """The members of the root of JSON-FG. The CRS is that of every place; in CRS84 there are none."""
    members: dict[str, Any] = {
        "conformsTo": [f"{JSON_FG_CLASSES}/core", f"{JSON_FG_CLASSES}/types-schemas"],
        "featureType": collection.id,
        "featureSchema": links.collection(collection, "schema"),
    }
    return members if crs is CRS84 else {**members, "coordRefSys": crs.uri}


def with_root_members(document: bytes, members: Mapping[str, Any]) -> bytes:
    """A GeoJSON document with more members, ahead of its own: readers look for `conformsTo` at the beginning."""
    return b"{" + json_text(members)[1:-1].encode() + b"," + document[1:]


def feature_headers(chosen: str, shown: Presentation) -> Headers:
    """Headers that say how to read features: the format, the CRS (Part 2, /req/crs/ogc-crs-header), the profiles."""
    profiles = [("Link", f'<{PROFILE_REGISTER}{name}>; rel="profile"') for name in shown.profiles]
    return [("Content-Type", PAGES[chosen]), ("Vary", "Accept"), ("Content-Crs", f"<{shown.crs.uri}>"), *profiles]


def page_links(request: Request, collection: Collection, query: ItemsQuery, found: Page, chosen: str) -> list[Link]:
    """The links of a page, in one of PAGES."""
    here = request.links.collection(collection, "items")
    given = {name: value for name, value in request.args.items() if name not in PAGE_PLACE}
    walk = [
        walk_link(rel, f"{here}?{query_text({**given, 'cursor': cursor})}", PAGES[chosen])
        for rel, cursor in cursors(collection, query, found).items()
    ]
    own = self_and_alternate(request.here, request.args, PAGES, chosen)
    return [*own, *walk, collection_link(request, collection)]


def search_links(request: Request, args: Args, collection: Collection, query: ItemsQuery, found: Page) -> list[Link]:
    """The links of a page of a search: `next` and `prev` have a body with the same parameters and a cursor."""
    here = request.links.collection(collection, "search")
    given = {name: value for name, value in args.items() if name != "offset"}
    walk = [
        {**walk_link(rel, here, GEOJSON), "method": "POST", "body": {**given, "cursor": cursor}}
        for rel, cursor in cursors(collection, query, found).items()
    ]
    return [collection_link(request, collection), *walk]


def walk_link(rel: str, href: str, type: str) -> Link:
    """The link to the next or the previous page."""
    return {"href": href, "rel": rel, "type": type, "title": f"{rel} page"}


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


def links_text(links: Sequence[Link]) -> str:
    """Links as JSON. Cost: 1 µs a link, a fifth of what the encoder takes (December 2026)"""
    return f"[{','.join([link_text(link) for link in links])}]"


def link_text(link: Link) -> str:
    """A link as JSON: what the links of many responses have in common is encoded once."""
    if link.keys() != USUAL_MEMBERS:
        return json_text(link)
    return f'{{"href":{json_text(link["href"])},{usual_text(link["rel"], link["type"], link["title"])}}}'


@lru_cache(maxsize=1000)
def usual_text(rel: str, type: str, title: str) -> str:
    """The members of a link that say where it leads."""
    return json_text({"rel": rel, "type": type, "title": title})[1:-1]
