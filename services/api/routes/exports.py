"""Exports: everything that matches, as an attachment; streamed, or as a file from the spool."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace

from flask import Response, request
from werkzeug.datastructures import Range
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import dump_options_header

from api.context import api
from api.exports.files import plan_file
from api.exports.job import FILE_FORMATS, FileFormat
from api.exports.spool import SpooledFile
from api.features.service import find_page
from api.formats.geojson import framed
from api.formats.registry import EXPORTS
from api.http.compression import choose_encoding
from api.http.streaming import packed
from api.params.common import Limits
from api.params.items import items_query
from api.planner.choose_plan import Reader, choose_order
from api.query.items import AS_STORED, ItemsQuery
from api.query.source_errors import reading
from api.routes.after_request import Marker, validator_of
from api.sql.features.exports import (
    AHEAD,
    WITHOUT_END,
    copy_csv,
    copy_features,
    copy_groups,
    is_everything,
    select_has_small_rows,
)
from core.catalog import Collection, remembered
from core.errors import BadParameter
from core.statement import Statement

WITHOUT_LIMIT = Limits(WITHOUT_END, WITHOUT_END)
"""Exports send every match when the request does not say how many."""

BLOCK_BYTES = 262_144


def export(collection: Collection, chosen: str) -> Response:
    """Every match in a format of EXPORTS. Raises: BadParameter for what only pages have; as `items_query`"""
    for name in ("cursor", "resultType", "count"):
        if name in request.args:
            hint = "leave it out, or ask for f=json"
            raise BadParameter(f"f={chosen} has no {name}", hint=hint, parameter=name)
    query = items_query(request.args, collection, WITHOUT_LIMIT)
    validator = validator_of(collection, EXPORTS[chosen].media_type)
    if chosen in FILE_FORMATS:
        return file(collection, query, chosen, validator)
    if validator.unchanged():
        return validator.mark(Response(status=304))
    return validator.mark(stream(collection, query, chosen))


def begin_in_time(collection: Collection, query: ItemsQuery) -> None:
    """Look for one match where a filter may take long: an export may for an hour, and is silent until it has one.

    Raises: FilterTooSlow
    """
    if query.filter.is_heavy:
        find_page(api(), collection, replace(query, limit=1, offset=0, sort=(), presentation=AS_STORED))


def as_on_a_page(collection: Collection, query: ItemsQuery) -> ItemsQuery:
    """The query of some features in the order of a page, so that they are those of the page."""
    return (
        query if query.limit >= WITHOUT_END else choose_order(Reader(api().database, api().counts), collection, query)
    )


def stream(collection: Collection, query: ItemsQuery, chosen: str) -> Response:
    """The answer as PostgreSQL writes it, compressed as it comes; for HEAD without asking it."""
    encoding = choose_encoding(request.accept_encodings)
    blocks = iter(()) if request.method == "HEAD" else blocks_of(collection, query, chosen, encoding)
    response = attachment(Response(blocks), collection, query, chosen)
    response.vary.add("Accept-Encoding")
    if encoding is not None:
        response.headers["Content-Encoding"] = encoding
    return response


def blocks_of(collection: Collection, query: ItemsQuery, chosen: str, encoding: str | None) -> Generator[bytes]:
    """The bytes of a stream. Raises: FilterTooSlow; as `Exports.start`"""
    begin_in_time(collection, query)
    query = as_on_a_page(collection, query)
    with reading(collection, has_values=query.has_values):
        blocks = api().exports.start(statement(collection, query, chosen))
    if chosen == "geojson":
        blocks = framed(blocks)
    return blocks if encoding is None else packed(blocks, encoding)


def statement(collection: Collection, query: ItemsQuery, chosen: str) -> Statement:
    """The COPY of a stream. Features of a whole table come in groups, where rows are small."""
    if chosen == "csv":
        return copy_csv(collection, query)
    if is_everything(collection, query) and has_small_rows(collection):
        return copy_groups(collection, query.presentation, AHEAD[chosen])
    return copy_features(collection, query, AHEAD[chosen])


def has_small_rows(collection: Collection) -> bool:
    """Whether no row of a table has values outside its page; asked once for each version, of a source each time."""

    def now() -> bool:
        rows = api().database.run(select_has_small_rows(collection))
        return bool(rows) and rows[0][0]

    return now() if collection.source else remembered(collection, "has small rows", now)


def attachment(response: Response, collection: Collection, query: ItemsQuery, chosen: str) -> Response:
    """The response with what says how it is to be read and saved."""
    format = EXPORTS[chosen]
    name = {"filename": f"{collection.id}.{format.extension or chosen}"}
    charset = f"; charset={format.charset}" if format.charset else ""
    response.content_type = f"{format.media_type}{charset}"
    response.headers["Content-Disposition"] = dump_options_header("attachment", name)
    response.headers["Content-Crs"] = f"<{query.presentation.crs.uri}>"
    response.headers["Vary"] = "Accept"
    return response


def file(collection: Collection, query: ItemsQuery, chosen: FileFormat, validator: Marker) -> Response:
    """The answer as a file, made when nobody asked for it before; for HEAD it is not made.

    Its tag begins with what the request comes to and ends with the file's own mark, so that ranges of two files that
    were made for one request are never put together.
    """
    plan = plan_file(chosen, collection, as_on_a_page(collection, query))
    tags = request.if_none_match
    known = next((tag for tag in tags.as_set(include_weak=True) if tag.startswith(plan.key)), None)
    if collection.source is None and (known or tags.star_tag or (not tags and validator.unchanged())):
        response = validator.mark(Response(status=304))
        response.set_etag(known or plan.key)
        return response
    if request.method != "HEAD":
        begin_in_time(collection, query)
    with reading(collection, has_values=query.has_values):
        made = api().files.find(plan) if request.method == "HEAD" else api().files.open(plan)
    response = validator.mark(attachment(Response(iter(())), collection, query, chosen))
    return response if made is None else send(response, made, f"{plan.key}-{made.mark}")


def send(response: Response, made: SpooledFile, tag: str) -> Response:
    """The file, or the range of it that is asked for. Raises: RequestedRangeNotSatisfiable"""
    first, end = 0, made.size_bytes
    response.set_etag(tag)
    response.headers["Accept-Ranges"] = "bytes"
    wanted = asked_range(response)
    if wanted is not None:
        part = wanted.range_for_length(made.size_bytes)
        if part is None:
            raise RequestedRangeNotSatisfiable(made.size_bytes)
        first, end = part
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {first}-{end - 1}/{made.size_bytes}"
    response.content_length = end - first
    response.response = part_of(made, first, end)
    return response


def part_of(made: SpooledFile, first: int, end: int) -> Iterator[bytes]:
    """A part of the file, which is closed after it."""
    with closing(made):
        for place in range(first, end, BLOCK_BYTES):
            yield made.read(place, min(BLOCK_BYTES, end - place))


def asked_range(response: Response) -> Range | None:
    """The range that the request asks for, when it is one, and of this very file.

    For several, or a part of another file (If-Range), the whole is sent (RFC 9110, 14.2 and 13.1.5).
    """
    wanted, other = request.range, request.if_range
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1 or request.method == "HEAD":
        return None
    if (other.etag or other.date) and other.etag != response.get_etag()[0]:
        return None
    return wanted
