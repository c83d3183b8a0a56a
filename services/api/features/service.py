"""The handler of features: a page, a single feature, a search, each as a response. Its adapters are Flask's views and
the fast path before Flask.

Responses that are requested again and again are cached, such as the first page of a collection: only of loaded ones,
whose versions never change, so that what is cached of one is not used once there is another. And only what was
requested before: boxes of somebody who moves a map hardly ever come again, and would fill the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import NamedTuple

from api.catalog.live import LiveCatalog
from api.features.exports import ExportService
from api.features.find import MOST_HELD, Streams, enclosed, find_feature, find_page, stream_page
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
from api.features.html import MOST_SHOWN, page_for_people, render_feature_page, render_table, without_blanks
from api.features.nearest import count_nearest, find_nearest
from api.formats.html import HtmlPages
from api.formats.registry import EXPORTS, MEDIA_TYPES, PAGES
from api.http.links import Link, queryables_header
from api.http.request import Args, Limits, Request, choose_format, reject_unknown
from api.http.response import OK, ApiResponse, Headers, Validator, not_modified, status_line, streamed, validator_of
from api.params.items import items_query
from api.params.values import parse_profiles
from api.planner.choose_plan import Reader, choose_order
from api.query.crs import CRS84, parse_crs
from api.query.items import ItemsQuery, Presentation
from api.query.near import Around
from core.cache import Cache
from core.catalog.collections import Catalog, Collection

PAGE_FORMATS, FEATURE_FORMATS = tuple(MEDIA_TYPES.items()), tuple(PAGES.items())
SEARCH_FORMATS = (("json", PAGES["json"]),)

FEATURE_PARAMETERS = ("f", "crs", "profile")
"""The parameters of a single feature."""

CacheKey = tuple[str, str, str, str]
"""What a response depends on but for the data: the base of its addresses, the path, its query, and what is accepted."""

MOST_SEEN = 5000
"""Requests that are known to have been made once."""

ENTRY_BYTES = 4400
"""What is cached beside the body."""

LARGEST_SHARE = 16
"""A response takes at most one in so many parts of the cache."""

LONGEST = 2000
"""Characters of a request that is cached."""

Render = Callable[[], ApiResponse]


class Repeatable(NamedTuple):
    """A response that can be rendered again without the database.

    validator: right as long as the collection is the same; lasts: another look would find the same
    """

    collection: Collection
    validator: Validator
    render: Render
    lasts: bool = True

    def respond(self, request: Request) -> ApiResponse:
        """The response to a request, a 304 where the client has it."""
        return not_modified(self.validator) if self.validator.unchanged(request.environ) else self.render()


class ResponseCache:
    """Responses by their requests, within a bound of bytes."""

    def __init__(self, capacity_bytes: int) -> None:
        """Nothing is cached yet. `capacity_bytes` 0: nothing ever is."""
        self._seen = Cache[CacheKey, bool](MOST_SEEN)
        self._entries = Cache[CacheKey, tuple[Repeatable, int]](capacity_bytes, lambda entry: entry[1])

    def find(self, key: CacheKey, id: str, catalog: Catalog) -> Repeatable | None:
        """What is cached, if it is of the collection as it is now."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        return entry[0] if catalog.collections.get(id) is entry[0].collection else None

    def offer(self, key: CacheKey, found: Repeatable, response: ApiResponse) -> None:
        """Cache what lasts and was requested before."""
        if found.validator.etag is None or not found.lasts or not self._entries.capacity:
            return
        if self._seen.get(key) and isinstance(response.body, bytes):
            size_bytes = ENTRY_BYTES + len(response.body)
            if size_bytes * LARGEST_SHARE <= self._entries.capacity:
                self._entries.put(key, (found, size_bytes))
        elif sum(map(len, key)) <= LONGEST:
            self._seen.put(key, value=True)


def key_of(request: Request) -> CacheKey:
    """What the response to a request is cached by."""
    return request.base, request.path, request.query, request.accept


Handler = Callable[[Collection], Repeatable | ApiResponse]


@dataclass(frozen=True, slots=True)
class FeatureService:
    """Responds to requests for features. Safe for threads. Every method raises IsthmusError and HTTPException.

    cache_control: of collections that do not say it themselves
    """

    reader: Reader
    catalog: LiveCatalog
    streams: Streams
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
        if chosen == "html" and (filled := without_blanks(request)) is not None:
            return ApiResponse(status_line(303), [("Location", filled)])
        if chosen in EXPORTS:
            response = self.exports.respond(request, collection, chosen)
            return response if response.code == 304 else response.with_headers([queryables])
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
        if query.filter.around is not None:
            return self._find_nearest(collection, query, query.filter.around, chosen)
        query = choose_order(self.reader, collection, query)
        if chosen == "html":
            query, page = page_for_people(self.reader, collection, query)
        else:
            page = find_page(self.reader, collection, query, most_bytes=MOST_HELD)
        count = self.reader.counts.of_page(collection, query, page)
        return FoundPage(collection, chosen, query, page, count)

    def _find_nearest(self, collection: Collection, query: ItemsQuery, around: Around, chosen: str) -> FoundPage:
        """The page of the features nearest to a place. A table for people has a column of their distance."""
        most_bytes = MOST_SHOWN if chosen == "html" else MOST_HELD
        page = find_nearest(self.reader, collection, query, around, most_bytes=most_bytes)
        count = count_nearest(self.reader, collection, query, page)
        if chosen == "html":
            collection = replace(collection, columns=(*collection.columns, query.sort[0].column))
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
        body = render_table(self.html, request, found, links)
        response = html_response(body, [*self.html.headers(request.links), *headers])
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
            response = html_response(body, [*self.html.headers(request.links), *validator.headers])
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
    own = [("Vary", "Accept"), ("Content-Crs", f"<{CRS84.uri}>")]
    return ApiResponse(OK, [*own, *headers], body)
