"""Found features as GeoJSON and JSON-FG: what stands around the text of the features."""

from __future__ import annotations

from dataclasses import dataclass, replace

from api.formats.geojson import PAGE_HEAD, links_text, render_feature, render_tail
from api.formats.jsonfg import dimension_member, root_members, with_root_members
from api.formats.registry import PAGES
from api.http.links import Link
from api.http.request import Request
from api.http.response import Headers
from api.planner.counts import Count
from api.query.crs import CRS84
from api.query.items import ItemsQuery, Presentation
from api.query.page import Page
from api.query.profiles import RFC_7946, geojson_profile, json_fg_profile, profile_header, profile_links
from core.catalog import Collection


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
        known = {name: number for name, number in numbers.items() if number is not None}
        return render_tail(self.links, known, stamped=found.collection.source is None)

    def whole(self) -> bytes:
        """The document as it is now."""
        return b"".join((self.head, self.found.page.text, self.tail()))


def presented(query: ItemsQuery, chosen: str) -> ItemsQuery:
    """The query with its presentation as it will be in a format."""
    shown = presentation_in(query.presentation, chosen)
    return query if shown is query.presentation else replace(query, presentation=shown)


def presentation_in(shown: Presentation, chosen: str) -> Presentation:
    """The presentation in a format: a profile that can be followed, or none; HTML is in CRS84."""
    if chosen == "html":
        return replace(shown, crs=CRS84, profiles=())
    if chosen == "json" and not shown.profiles:
        return shown
    profile = json_fg_profile(shown.profiles) if chosen == "jsonfg" else geojson_profile(shown.profiles, shown.crs)
    return replace(shown, profiles=(profile,) if profile else (), fg=profile if profile and profile != RFC_7946 else "")


def page_text(request: Request, found: FoundPage, links: list[Link]) -> PageText:
    """The document of a page."""
    shown, head = found.query.presentation, PAGE_HEAD
    if shown.fg:
        members = root_members(found.collection, shown.crs, request.links)
        head = with_root_members(head, {**members, **dimension_member(found.collection)})
    return PageText(found, head, links_text([*links, *profile_links(shown.profiles)]))


def feature_text(
    request: Request, collection: Collection, shown: Presentation, feature: bytes, links: list[Link]
) -> bytes:
    """The document of a feature."""
    body = render_feature(feature, [*links, *profile_links(shown.profiles)])
    return with_root_members(body, root_members(collection, shown.crs, request.links)) if shown.fg else body


def feature_headers(chosen: str, shown: Presentation) -> Headers:
    """Headers that say how to read features: the format, the CRS (Part 2, /req/crs/ogc-crs-header), the profiles."""
    profiles = [("Link", profile_header(shown.profiles))] if shown.profiles else []
    return [("Content-Type", PAGES[chosen]), ("Vary", "Accept"), ("Content-Crs", f"<{shown.crs.uri}>"), *profiles]
