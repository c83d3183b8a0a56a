"""A tile out of a file, for the route and for the layer before Flask."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from werkzeug.http import parse_accept_header, parse_etags, quote_etag

from api.context import Api
from api.http.compression import DECODERS, UNDECODABLE
from api.http.negotiation import format_for
from api.http.request import ApiResponse
from api.tms.matrix_set import WEB_MERCATOR_QUAD
from api.tms.tile import Tile, check_limits, extent_in, parse_tile
from core.archives import MVT, TileArchive
from core.errors import CollectionBroken, TileOutside

ROUTE = "/collections/<id>/tiles/<tms>/<z>/<row>/<column>"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a tile is wanted: the parameter `f`, and headers as they came, empty where there is none."""

    f: str | None
    accept: str
    accept_encoding: str
    if_none_match: str


def archive_answer(api: Api, archive: TileArchive, place: tuple[str, str, str], wanted: Wanted) -> ApiResponse:
    """A tile: 200 with the bytes of the file, 204 where it has none, 304 when the client has it.

    place: zoom, row and column as the address has them
    Raises: TileOutside, BadParameter, SourceChanged, CollectionBroken; NotAcceptable
    """
    tile = parse_tile(*place)
    format_for(wanted.f, wanted.accept, formats_of(archive.facts.media_type))
    check_zoom(archive, tile)
    found = api.archives.tile(archive, tile.z, tile.row, tile.column)
    if found is None:
        check_limits(tile, extent_in(WEB_MERCATOR_QUAD, archive.facts.bbox_crs84))
    cache_control, etag = archive.cache_control or api.settings.cache_control, etag_of(archive, tile)
    tag = quote_etag(etag, weak=True)
    headers = [("Vary", "Accept, Accept-Encoding"), ("Cache-Control", cache_control), ("ETag", tag)]
    if wanted.if_none_match and parse_etags(wanted.if_none_match).contains_weak(etag):
        return ApiResponse("304 NOT MODIFIED", headers)
    if found is None:
        return ApiResponse("204 NO CONTENT", headers)
    data, encoding = unpacked(*found, wanted.accept_encoding)
    headers += [("Content-Type", archive.facts.media_type), ("Content-Length", str(len(data)))]
    return ApiResponse("200 OK", headers + ([("Content-Encoding", encoding)] if encoding else []), data)


@lru_cache
def formats_of(media_type: str) -> tuple[tuple[str, str], ...]:
    """The one format of an archive's tiles, as `format_for` takes it."""
    return (("mvt" if media_type == MVT else media_type.removeprefix("image/"), media_type),)


def check_zoom(archive: TileArchive, place: Tile) -> None:
    """Raises: TileOutside for a zoom that the file has no tiles of"""
    first, last = archive.facts.zooms
    if not first <= place.z <= last:
        hint = f"it has zooms {first} to {last}"
        raise TileOutside(f"zoom {place.z} is outside the tileset", hint=hint, parameter="tileMatrix")


def unpacked(data: bytes, encoding: str | None, accept_encoding: str) -> tuple[bytes, str | None]:
    """A tile in the encoding of the file where the client takes that, else in none. Raises: CollectionBroken"""
    if encoding is None or takes(accept_encoding, encoding):
        return data, encoding
    try:
        return DECODERS[encoding](data), None
    except UNDECODABLE as error:
        hint = "a client that takes its compression gets it as it is; make the file again"
        raise CollectionBroken("the tile is damaged in its file", hint=hint) from error


@lru_cache(maxsize=1000)
def takes(accept_encoding: str, encoding: str) -> bool:
    """Whether a client takes an encoding, by its header."""
    return parse_accept_header(accept_encoding)[encoding] > 0


def etag_of(archive: TileArchive, place: Tile) -> str:
    """The ETag of a tile of the file as it is now."""
    text = f"{archive.id}/{archive.size_bytes}/{archive.mtime_ns}/{place.z}/{place.row}/{place.column}"
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()
