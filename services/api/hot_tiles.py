"""Tiles that the worker keeps, answered before Flask."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_accept_header

from api.asked import Answer
from api.context import Api
from api.formats.gzip import decompress
from api.formats.negotiation import format_for
from api.formats.offered import TILE_FORMATS
from api.links import MVT
from api.tile_keys import etag_of
from core.errors import IsthmusError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

PATH = re.compile(r"/collections/([^/]+)/tiles/(WebMercatorQuad|WorldCRS84Quad)/([0-9]{1,2})/([0-9]{1,8})/([0-9]{1,8})")


def kept_tile(api: Api, environ: WSGIEnvironment) -> Answer | None:
    """The answer with a tile that was made before, as the route gives it; None for whatever the route has to look at.

    A tile that is kept is one of the collection's, so its place needs no look.
    """
    found = PATH.fullmatch(environ["PATH_INFO"])
    if found is None or environ["QUERY_STRING"]:
        return None
    try:
        collection = api.catalog.collections.get(found[1])
    except IsthmusError:
        return None
    if collection is None or collection.source is not None or not takes_tiles(environ.get("HTTP_ACCEPT", "")):
        return None
    key = api.tiles.key(collection, (found[2], int(found[3]), int(found[4]), int(found[5])))
    tile = api.tiles.get(key)
    if tile is None:
        return None
    etag = f'"{etag_of(key)}"'
    headers = [("Vary", "Accept, Accept-Encoding"), ("Cache-Control", api.cache_control(collection)), ("ETag", etag)]
    return tile_answer(tile, headers, environ)


def tile_answer(tile: bytes, headers: list[tuple[str, str]], environ: WSGIEnvironment) -> Answer | None:
    """The answer of a tile, in the encoding that the client takes; 304 when it has it, 204 when it is empty."""
    known = environ.get("HTTP_IF_NONE_MATCH")
    if known is not None:
        return Answer("304 NOT MODIFIED", headers) if known == headers[-1][1] else None
    if not tile:
        return Answer("204 NO CONTENT", headers)
    if takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")):
        headers.append(("Content-Encoding", "gzip"))
    else:
        tile = decompress(tile)
    return Answer("200 OK", [("Content-Type", MVT), *headers, ("Content-Length", str(len(tile)))], tile)


@lru_cache(maxsize=1000)
def takes_gzip(accept_encoding: str) -> bool:
    """Whether a client takes gzip, by its header."""
    return parse_accept_header(accept_encoding)["gzip"] > 0


def takes_tiles(accept: str) -> bool:
    """Whether a client takes vector tiles, by its header."""
    try:
        return bool(format_for(None, accept, TILE_FORMATS))
    except HTTPException:
        return False
