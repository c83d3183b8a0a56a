"""Documents to responses: one document, as JSON for programs and as HTML for people."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from flask import Response, render_template, request

from api.context import api
from api.http.compression import choose_encoding
from api.http.links import HTML, JSON, Link, quoted_path, self_and_alternate
from api.http.negotiation import choose_format
from api.http.streaming import packed
from api.params.common import reject_unknown

FORMATS = {"json": JSON, "html": HTML}


def answer(
    document: dict[str, Any],
    template: str = "document.html",
    *,
    type: str = JSON,
    title: str = "",
    parameters: Sequence[str] = ("f",),
    **context: Any,
) -> Response:
    """A document in the format that the request wants. `type` is the media type of its JSON.

    A document with `links` is given `self` and `alternate`. `context` is for the template alone.
    Raises: UnknownParameter for any parameter but `parameters`
    """
    reject_unknown(request.args, parameters)
    formats = {"json": type, "html": HTML}
    chosen = choose_format(request.args.get("f"), request.accept_mimetypes, formats)
    if "links" in document:
        own = own_links(formats, chosen)
        document = {**document, "links": [*own, *(link for link in document["links"] if link["rel"] != "self")]}
    if chosen == "html":
        return page(template, title=title, document=document, **context)
    return respond(json.dumps(document, ensure_ascii=False).encode(), type)


def own_links(formats: Mapping[str, str], chosen: str) -> list[Link]:
    """Links `self` and `alternate` of the resource that is asked for."""
    here = api().links.base + quoted_path(request.path)
    return self_and_alternate(here, request.args, formats, chosen)


def page(template: str, *, title: str, **context: Any) -> Response:
    """An HTML page."""
    text = render_template(template, title=title, links=api().links, settings=api().settings, **context)
    return respond(text.encode(), f"{HTML}; charset=utf-8")


def respond(body: bytes, type: str, status: int = 200) -> Response:
    """A response whose choice depends on the Accept header."""
    response = Response(body, status=status, content_type=type)
    response.headers["Vary"] = "Accept"
    return response


def streamed(blocks: Generator[bytes], type: str) -> Response:
    """A response that is sent while it is made, compressed as it comes."""
    encoding = choose_encoding(request.accept_encodings)
    response = Response(packed(blocks, encoding) if encoding else blocks, content_type=type)
    response.headers["Vary"] = "Accept, Accept-Encoding"
    if encoding is not None:
        response.headers["Content-Encoding"] = encoding
    return response
