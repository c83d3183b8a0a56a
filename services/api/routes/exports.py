"""Exports: everything that matches, as an attachment."""

from __future__ import annotations

from flask import Response, request
from werkzeug.http import dump_options_header

from api.context import api
from api.delivery import validator_of
from api.formats.offered import EXPORTS
from api.params.common import Limits
from api.params.items import items_query
from api.query import ItemsQuery
from api.sql.exports import copy_csv, copy_geojson_seq
from core.catalog import Collection
from core.errors import BadParameter

WITHOUT_END = Limits(2**53, 2**53)
"""Exports send every match when the request does not say how many."""

STREAMS = {"csv": copy_csv, "geojsonl": copy_geojson_seq}
"""Formats that PostgreSQL writes: the statement whose COPY is passed on."""


def export(collection: Collection, chosen: str) -> Response:
    """Every match in a format of EXPORTS. Raises: BadParameter for what only pages have; as `items_query`"""
    for name in ("cursor", "resultType", "count"):
        if name in request.args:
            hint = "leave it out, or ask for f=json"
            raise BadParameter(f"f={chosen} has no {name}", hint=hint, parameter=name)
    query = items_query(request.args, collection, WITHOUT_END)
    validator = validator_of(collection, EXPORTS[chosen].media_type)
    if validator.unchanged():
        return validator.mark(Response(status=304))
    return validator.mark(stream(collection, query, chosen))


def stream(collection: Collection, query: ItemsQuery, chosen: str) -> Response:
    """The answer as PostgreSQL writes it."""
    format = EXPORTS[chosen]
    blocks = api().exports.start(STREAMS[chosen](collection, query))
    charset = f"; charset={format.charset}" if format.charset else ""
    response = Response(blocks, content_type=f"{format.media_type}{charset}")
    response.headers["Content-Disposition"] = dump_options_header(
        "attachment", {"filename": f"{collection.id}.{chosen}"}
    )
    response.headers["Content-Crs"] = f"<{query.presentation.crs.uri}>"
    response.headers["Vary"] = "Accept"
    return response
