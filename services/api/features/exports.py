"""Exports: everything that matches as an attachment, streamed as PostgreSQL writes it, or as a file from the spool."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

from werkzeug.datastructures import MultiDict, Range
from werkzeug.exceptions import PreconditionFailed, RequestedRangeNotSatisfiable
from werkzeug.http import (
    dump_options_header,
    parse_date,
    parse_etags,
    parse_if_range_header,
    parse_range_header,
    quote_etag,
)

from api.exports.files import FileExports, FilePlan, plan_file
from api.exports.job import FILE_FORMATS, FileFormat
from api.exports.spool import SpooledFile
from api.features.find import Streams, enclosed, find_page
from api.features.geojson import PAGE_HEAD
from api.formats.registry import EXPORTS, offered_exports
from api.http.request import Limits, Request
from api.http.response import OK, ApiResponse, Headers, Validator, not_modified, status_line, streamed, validator_of
from api.params.items import items_query
from api.params.near import NEAR_PARAMETERS
from api.planner.choose_plan import Reader, choose_order
from api.query.crs import CRS84
from api.query.items import AS_STORED, ItemsQuery, Presentation
from api.query.source_errors import reading
from api.sql.features.exports import (
    AHEAD,
    WITHOUT_END,
    copy_csv,
    copy_features,
    copy_groups,
    is_everything,
    is_whole,
    select_has_small_rows,
)
from core.cache import CollectionCache
from core.catalog.collections import Collection
from core.database.statement import Statement
from core.errors import BadParameter, FormatUnsuitable

WITHOUT_LIMIT = Limits(WITHOUT_END, WITHOUT_END)
"""Exports send every match when the request does not say how many."""

BLOCK_BYTES = 262_144
BINDING = ("HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE")
"""Headers of a request that wants one file and no other, such as that of a download that goes on."""

small_rows: CollectionCache[None, bool] = CollectionCache()


@dataclass(frozen=True, slots=True)
class ExportService:
    """Responds to requests for everything that matches. Safe for threads.

    cache_control: of collections that do not say it themselves
    """

    reader: Reader
    streams: Streams
    files: FileExports
    cache_control: str

    def respond(self, request: Request, collection: Collection, chosen: str) -> ApiResponse:
        """Every match in a format of EXPORTS.

        Raises: BadParameter for what only pages have; as `items_query` and `reject_crs`
        """
        for name in ("cursor", "resultType", "count", *NEAR_PARAMETERS):
            if name in request.args:
                hint = "leave it out, or ask for f=json"
                raise BadParameter(f"f={chosen} has no {name}", hint=hint, parameter=name)
        query = items_query(request.args, collection, WITHOUT_LIMIT)
        reject_crs(collection, query.presentation, chosen)
        validator = validator_of(collection, EXPORTS[chosen].media_type, request, self.cache_control)
        if chosen in FILE_FORMATS:
            return self._file(request, collection, query, chosen, validator)
        if validator.unchanged(request.environ):
            return not_modified(validator)
        headers = [*attachment(collection, query, chosen), *validator.headers]
        return streamed(self._blocks(request, collection, query, chosen), headers, request)

    def made_sizes(self, collection: Collection) -> dict[str, int]:
        """Format -> bytes of the file of all features, where it is made."""
        query = items_query(MultiDict(), collection, WITHOUT_LIMIT)
        found: dict[str, int] = {}
        for chosen in set(FILE_FORMATS) & set(offered_exports(collection)):
            made = self.files.find(plan_file(chosen, collection, self._as_on_a_page(collection, query)))
            if made is not None:
                found[chosen] = made.size_bytes
                made.close()
        return found

    def _blocks(self, request: Request, collection: Collection, query: ItemsQuery, chosen: str) -> Generator[bytes]:
        """The bytes of a stream, none for HEAD. Raises: FilterTooSlow; as `Streams.start`"""
        if request.method == "HEAD":
            return nothing()
        self._begin_in_time(collection, query)
        query = self._as_on_a_page(collection, query)
        with reading(collection, has_values=query.has_values):
            blocks = self.streams.start(self._statement(collection, query, chosen))
        return enclosed(PAGE_HEAD + b"\n", blocks, b"]}\n") if chosen == "geojson" else blocks

    def _begin_in_time(self, collection: Collection, query: ItemsQuery) -> None:
        """Look for one match where a filter may take long: an export may for an hour, and is silent until it has one.

        Raises: FilterTooSlow
        """
        if query.filter.is_heavy:
            find_page(self.reader, collection, replace(query, limit=1, offset=0, sort=(), presentation=AS_STORED))

    def _as_on_a_page(self, collection: Collection, query: ItemsQuery) -> ItemsQuery:
        """The query of some features in the order of a page, so that they are those of the page."""
        return query if is_whole(query) else choose_order(self.reader, collection, query)

    def _statement(self, collection: Collection, query: ItemsQuery, chosen: str) -> Statement:
        """The COPY of a stream. Features of a whole table come in groups, where rows are small."""
        if chosen == "csv":
            return copy_csv(collection, query)
        if is_everything(collection, query) and self._has_small_rows(collection):
            return copy_groups(collection, query.presentation, AHEAD[chosen])
        return copy_features(collection, query, AHEAD[chosen])

    def _has_small_rows(self, collection: Collection) -> bool:
        """Whether no row of a table has values outside its page; asked once for each version, of a source each time."""

        def now() -> bool:
            rows = self.reader.database.run(select_has_small_rows(collection))
            return bool(rows) and rows[0][0]

        return now() if collection.source else small_rows.get(collection, None, now)

    def _file(
        self, request: Request, collection: Collection, query: ItemsQuery, chosen: FileFormat, validator: Validator
    ) -> ApiResponse:
        """Every match as a file, made when nobody requested it before; for HEAD it is not made.

        Its tag begins with what the request comes to and ends with the file's own mark, so that ranges of two files
        that were made for one request are never put together.
        """
        plan = plan_file(chosen, collection, self._as_on_a_page(collection, query))
        tag = known_tag(request, plan, validator) if collection.source is None else None
        known = None if tag is None else not_modified(validator).replacing(("ETag", quote_etag(tag)))
        if known is not None and not any(name in request.environ for name in BINDING):
            return known
        if request.method != "HEAD":
            self._begin_in_time(collection, query)
        with reading(collection, has_values=query.has_values):
            made = self.files.find(plan) if request.method == "HEAD" else self.files.open(plan)
        headers = [*attachment(collection, query, chosen), ("Vary", "Accept"), *validator.headers]
        etag = None if made is None else f"{plan.key}-{made.mark}"
        refuse_other(request, etag, validator)
        if known is not None:
            return known
        if made is None or etag is None:
            return ApiResponse(OK, headers, nothing())
        return send(request, made, ApiResponse(OK, headers).replacing(("ETag", quote_etag(etag))))


def reject_crs(collection: Collection, shown: Presentation, chosen: str) -> None:
    """Raise FormatUnsuitable for a system that the file could not tell: saved, it has lost the header that does."""
    if EXPORTS[chosen].crs84_only and shown.crs is not CRS84 and collection.has_geometry and shown.geometry:
        detail = (
            f"a file of f={chosen} is read as longitudes and latitudes in CRS84, and cannot say that it is in another"
        )
        hint = (
            "leave crs out, or ask for f=gpkg, f=fgb, f=parquet or, a page at a time, f=jsonfg, which say their system"
        )
        raise FormatUnsuitable(detail, hint=hint, parameter="crs")


def nothing() -> Generator[bytes]:
    """The body of a response to HEAD whose length nobody knows."""
    yield from ()


def known_tag(request: Request, plan: FilePlan, validator: Validator) -> str | None:
    """The tag of the file that the client has, if it would be the same; None when it is to be sent."""
    tags = parse_etags(request.environ.get("HTTP_IF_NONE_MATCH"))
    known = next((tag for tag in tags.as_set(include_weak=True) if tag.startswith(plan.key)), None)
    if known is None and (tags.star_tag or (not tags and validator.unchanged(request.environ))):
        return plan.key
    return known


def refuse_other(request: Request, etag: str | None, validator: Validator) -> None:
    """Raise PreconditionFailed for a request that wants another file than this one (RFC 9110, 13.1.1 and 13.1.4).

    etag: None for a file that nobody has made, which has no tag yet
    """
    wanted = parse_etags(request.environ.get("HTTP_IF_MATCH"))
    before = parse_date(request.environ.get("HTTP_IF_UNMODIFIED_SINCE"))
    if wanted:
        is_other = not wanted.star_tag and (etag is None or not wanted.is_strong(etag))
    else:
        is_other = before is not None and validator.modified is not None and whole_second(validator.modified) > before
    if is_other:
        raise PreconditionFailed("the file is not the one that If-Match or If-Unmodified-Since wants")


def whole_second(moment: datetime) -> datetime:
    """A moment as precise as headers have it."""
    return moment.replace(microsecond=0)


def attachment(collection: Collection, query: ItemsQuery, chosen: str) -> Headers:
    """Headers that say how an export is to be read and saved."""
    format = EXPORTS[chosen]
    charset = f"; charset={format.charset}" if format.charset else ""
    name = {"filename": f"{collection.id}.{format.extension or chosen}"}
    return [
        ("Content-Type", f"{format.media_type}{charset}"),
        ("Content-Disposition", dump_options_header("attachment", name)),
        ("Content-Crs", f"<{query.presentation.crs.uri}>"),
    ]


def send(request: Request, made: SpooledFile, response: ApiResponse) -> ApiResponse:
    """The file, or the range of it that is wanted. Raises: RequestedRangeNotSatisfiable"""
    first, end, status, headers = 0, made.size_bytes, OK, [("Accept-Ranges", "bytes")]
    wanted = wanted_range(request, response.header("ETag"))
    if wanted is not None:
        part = wanted.range_for_length(made.size_bytes)
        if part is None:
            raise RequestedRangeNotSatisfiable(made.size_bytes)
        first, end = part
        status = status_line(206)
        headers.append(("Content-Range", f"bytes {first}-{end - 1}/{made.size_bytes}"))
    headers.append(("Content-Length", str(end - first)))
    body = nothing() if request.method == "HEAD" else part_of(made, first, end)
    return ApiResponse(status, [*response.headers, *headers], body)


def part_of(made: SpooledFile, first: int, end: int) -> Generator[bytes]:
    """A part of the file, which is closed after it."""
    with closing(made):
        for place in range(first, end, BLOCK_BYTES):
            yield made.read(place, min(BLOCK_BYTES, end - place))


def wanted_range(request: Request, etag: str | None) -> Range | None:
    """The range that the request wants, when it is one, and of the file of this tag.

    For several, or a part of another file (If-Range), the whole is sent (RFC 9110, 14.2 and 13.1.5).
    """
    wanted = parse_range_header(request.environ.get("HTTP_RANGE"))
    other = parse_if_range_header(request.environ.get("HTTP_IF_RANGE"))
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1 or request.method == "HEAD":
        return None
    if (other.etag or other.date) and (other.etag is None or quote_etag(other.etag) != etag):
        return None
    return wanted
