"""The adapter between Flask and responses as values: what happens before and after each view, and documents in the
format that a request wants.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import Response, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import BadRequest

from api.context import api, current_request
from api.http.links import HTML, JSON, self_and_alternate
from api.http.request import choose_format, names_host, reject_unknown
from api.http.response import ApiResponse, common_headers, complete
from api.monitoring.metrics import ROUTE
from core.errors import CatalogueMissing, DatabaseUnavailable

REQUEST_HEADERS = (
    *("Accept", "Content-Type", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since"),
    "Range",
)
"""What scripts of other pages may send. Of ranges, browsers let only those with a first byte pass unasked (Fetch)."""

NO_OTHERS: Mapping[str, tuple[str, dict[str, Any]]] = {}

QGIS = "QGIS/"
"""What is in the name that QGIS gives itself, with its version behind it."""

GDAL = "GDAL/"
"""What the name that GDAL gives itself begins with."""


def flask_response(response: ApiResponse) -> Response:
    """The response as Flask has it."""
    made = Response(response.body, response.status)
    made.headers = Headers(response.headers)
    return made


def begin() -> None:
    """Raises: BadRequest where a request does not say the host, or several (RFC 9112, 3.2)"""
    if not names_host(request.environ) and request.environ.get("SERVER_PROTOCOL") == "HTTP/1.1":
        raise BadRequest("a request of HTTP/1.1 has one header Host")


def answer_error(error: Exception) -> Response:
    """The response to a request that meets an error."""
    return flask_response(api().html.problem(error, current_request()))


def finish(response: Response) -> Response:
    """The response of a view as it is sent."""
    if request.url_rule is not None:
        request.environ[ROUTE] = request.url_rule.rule
    if "Allow" in response.headers:
        response.headers["Allow"] = ", ".join(sorted(response.headers["Allow"].split(", ")))
    if request.method == "OPTIONS":
        tell_methods(response)
    if response.is_streamed:
        response.headers.extend(common_headers(current_request()))
        return response
    found = ApiResponse(response.status, list(response.headers), response.get_data())
    done = complete(found, current_request(), response.last_modified or changed_at((request.view_args or {}).get("id")))
    return flask_response(done)


def tell_methods(response: Response) -> None:
    """What browsers want to know. QGIS is not told of POST: it takes that in `Allow` of items for leave to add features
    (Part 4), and would let people draw what cannot be saved; it posts no searches.
    """
    allowed = response.headers.get("Allow", "GET, HEAD, OPTIONS")
    response.headers["Access-Control-Allow-Methods"] = allowed
    response.headers["Access-Control-Allow-Headers"] = ", ".join(REQUEST_HEADERS)
    response.vary.add("User-Agent")
    if QGIS in request.user_agent.string and "Allow" in response.headers:
        response.headers["Allow"] = allowed.replace(", POST", "")


def changed_at(id: str | None) -> datetime | None:
    """Since when documents about a loaded collection are what they are."""
    try:
        found = api().catalog.current().collections.get(id) if id is not None else None
    except (DatabaseUnavailable, CatalogueMissing):
        return None
    return found.changed_at if found is not None and found.source is None else None


def answer(
    document: dict[str, Any],
    template: str = "document.html",
    *,
    type: str = JSON,
    title: str = "",
    parameters: Sequence[str] = ("f",),
    others: Mapping[str, tuple[str, dict[str, Any]]] = NO_OTHERS,
    **context: Any,
) -> Response:
    """A document in the format that the request wants. `type` is the media type of its JSON; `others`: media types and
    documents that say the same in other words, by the value of `f`.

    A document with `links` is given `self` and `alternate`. `context` is for the template alone.
    Raises: UnknownParameter for any parameter but `parameters`
    """
    reject_unknown(request.args, parameters)
    formats = {"json": type, "html": HTML, **{f: kind for f, (kind, _) in others.items()}}
    chosen = choose_format(request.args.get("f"), current_request().accept, tuple(formats.items()))
    if "links" in document:
        own = self_and_alternate(current_request().here, request.args, formats, chosen)
        document = {**document, "links": [*own, *(link for link in document["links"] if link["rel"] != "self")]}
    if chosen == "html":
        return page(template, title=title, document=document, **context)
    if chosen in others:
        type, document = others[chosen]
    return respond(json.dumps(document, ensure_ascii=False).encode(), type)


def page(template: str, *, title: str, **values: Any) -> Response:
    """An HTML page."""
    response = Response(api().html.render(template, api().links, title=title, **values))
    response.headers.update(api().html.headers(api().links))
    response.headers["Vary"] = "Accept"
    return response


def respond(body: bytes, type: str) -> Response:
    """A response whose choice depends on the Accept header."""
    response = Response(body, content_type=type)
    response.headers["Vary"] = "Accept"
    return response
