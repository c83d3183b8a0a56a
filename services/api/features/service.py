"""The handler of features: a page, a single feature, a search, each as a response. Its adapters are Flask's views and
the fast path before Flask.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from api.catalog.live import LiveCatalog
from api.exports.stream import Exports
from api.features.exports import ExportService
from api.features.find import MOST_HELD, enclosed, find_feature, find_page, stream_page
from api.features.geojson import (
    FoundPage,
    PageText,
    feature_headers,
    feature_links,
    feature_text,
    page_links,
    page_text,
    presentation_in,
    presented,
    search_links,
)
from api.features.html import page_for_people, render_feature_page, render_table
from api.features.response_cache import Repeatable, ResponseCache, key_of
from api.formats.html import HTML_UTF8, HtmlPages
from api.formats.registry import EXPORTS, MEDIA_TYPES, PAGES
from api.http.links import Link, queryables_header
from api.http.request import Args, Limits, Request, choose_format, reject_unknown
from api.http.response import OK, ApiResponse, Headers, not_modified, streamed, validator_of
from api.params.items import items_query
from api.planner.choose_plan import Reader, choose_order
from api.query.crs import CRS84, parse_crs
from api.query.items import ItemsQuery, Presentation
from api.query.profiles import parse_profiles
from core.catalog.collections import Collection

PAGE_FORMATS, FEATURE_FORMATS = tuple(MEDIA_TYPES.items()), tuple(PAGES.items())
SEARCH_FORMATS = (("json", PAGES["json"]),)

FEATURE_PARAMETERS = ("f", "crs", "profile")
"""The parameters of a single feature."""

Render = Callable[[], ApiResponse]
Handler = Callable[[Collection], Repeatable | ApiResponse]


@dataclass(frozen=True, slots=True)
class FeatureService:
    """Responds to requests for features. Safe for threads. Every method raises IsthmusError and HTTPException.

    cache_control: of collections that do not say it themselves
    """

    reader: Reader
    catalog: LiveCatalog
    streams: Exports
    exports: ExportService
    html: HtmlPages
    limits: Limits
    cache_control: str
    cache: ResponseCache

    def page(self, request: Request, id: str) -> ApiResponse:
        """A page of features, or all of them as a file."""
        return self._cached(request, id, lambda collection: self._page(request, collection))

    def feature(self, request: Request, id: str, feature_id: str) -> ApiResponse:
        """One feature."""
        return self._cached(request, id, lambda collection: self._feature(request, collection, feature_id))

    def search(self, request: Request, id: str, args: Args) -> ApiResponse:
        """A page of features by parameters that are not all in the address. It is not cached."""
        collection = self.catalog.collection(id)
        query = presented(items_query(args, collection, self.limits), "json")
        choose_format(args.get("f"), request.accept, SEARCH_FORMATS)
        found = self._find(collection, query, "json")
        links = search_links(request, args, collection, found.query, found.page)
        return self._geojson_page(request, found, links, [queryables_header(request.links, collection)])()

    def _cached(self, request: Request, id: str, handle: Handler) -> ApiResponse:
        """The response from the cache, or as it is made now."""
        key = key_of(request)
        cached = self.cache.find(key, id, self.catalog.current_or_last())
        if cached is not None:
            return cached.respond(request)
        made = handle(self.catalog.collection(id))
        if isinstance(made, ApiResponse):
            return made
        response = made.render()
        self.cache.offer(key, made, response)
        return response

    def _page(self, request: Request, collection: Collection) -> Repeatable | ApiResponse:
        chosen = choose_format(request.args.get("f"), request.accept, PAGE_FORMATS)
        queryables = queryables_header(request.links, collection)
        if chosen in EXPORTS:
            response = self.exports.respond(request, collection, chosen)
            return response if response.is_unchanged else response.with_headers([queryables])
        query = presented(items_query(request.args, collection, self.limits), chosen)
        validator = validator_of(collection, PAGES[chosen], request, self.cache_control)
        if validator.unchanged(request.environ):
            return not_modified(validator)
        found = self._find(collection, query, chosen)
        links = page_links(request, collection, found.query, found.page, chosen)
        page = self._html_page if chosen == "html" else self._geojson_page
        return Repeatable(
            collection, validator, page(request, found, links, [*validator.headers, queryables]), found.lasts
        )

    def _find(self, collection: Collection, query: ItemsQuery, chosen: str) -> FoundPage:
        """The page of a query, in one of PAGES."""
        query = choose_order(self.reader, collection, query)
        if chosen == "html":
            query, page = page_for_people(self.reader, collection, query)
        else:
            page = find_page(self.reader, collection, query, most_bytes=MOST_HELD)
        count = self.reader.counts.of_page(collection, query, page)
        return FoundPage(collection, chosen, query, page, count)

    def _geojson_page(self, request: Request, found: FoundPage, links: list[Link], headers: Headers) -> Render:
        """What renders the page as GeoJSON or JSON-FG, streamed where it is large."""
        text = page_text(request, found, links)
        headers = [*feature_headers(found.chosen, found.query.presentation), *headers]
        if found.page.is_heavy:
            return lambda: streamed(self._blocks(request, text), headers, request)
        return lambda: ApiResponse(OK, headers, text.whole())

    def _blocks(self, request: Request, text: PageText) -> Generator[bytes]:
        """The document of a large page as it comes; for HEAD without asking the database."""
        if request.method == "HEAD":
            return enclosed(text.head, (b"" for _ in ()), text.tail())
        return stream_page(self.streams, text.found.collection, text.found.query, text.head, text.tail())

    def _html_page(self, request: Request, found: FoundPage, links: list[Link], headers: Headers) -> Render:
        """What gives the page as a table with a map, which is rendered now."""
        body = render_table(self.html, request, found.collection, found.page, found.count, links)
        response = html_response(body, headers)
        return lambda: response

    def _feature(self, request: Request, collection: Collection, id: str) -> Repeatable | ApiResponse:
        reject_unknown(request.args, FEATURE_PARAMETERS)
        chosen = choose_format(request.args.get("f"), request.accept, FEATURE_FORMATS)
        shown = presentation_in(parse_presentation(request.args, collection), chosen)
        validator = validator_of(collection, PAGES[chosen], request, self.cache_control)
        if validator.unchanged(request.environ):
            return not_modified(validator)
        links = feature_links(request, collection, chosen)
        if chosen == "html":
            body = render_feature_page(self.html, self.reader.database, request, collection, id, links)
            response = html_response(body, validator.headers)
        else:
            feature = find_feature(self.reader.database, collection, id, shown)
            body = feature_text(request, collection, shown, feature, links)
            response = ApiResponse(OK, [*feature_headers(chosen, shown), *validator.headers], body)
        return Repeatable(collection, validator, lambda: response)


def parse_presentation(args: Args, collection: Collection) -> Presentation:
    """How a feature is to be shown. Raises: BadParameter"""
    crs = parse_crs("crs", args["crs"], collection) if "crs" in args else CRS84
    return Presentation(crs=crs, profiles=parse_profiles(args["profile"]) if "profile" in args else ())


def html_response(body: bytes, headers: Headers) -> ApiResponse:
    """A page that holds coordinates, which says in which CRS they are."""
    own = [("Content-Type", HTML_UTF8), ("Vary", "Accept"), ("Content-Crs", f"<{CRS84.uri}>")]
    return ApiResponse(OK, [*own, *headers], body)
