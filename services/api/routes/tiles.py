"""Vector tiles and what describes them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, request

from api.cache.keys import etag_of
from api.context import api
from api.documents.styles import style_document
from api.documents.tilesets import (
    tile_matrix_set_document,
    tile_matrix_sets_document,
    tile_template,
    tilejson_document,
    tileset_document,
    tilesets_document,
)
from api.formats.registry import TILE_FORMATS
from api.http.gzip import decompress
from api.http.links import MAPLIBRE_STYLE, MVT
from api.http.negotiation import format_for
from api.params.tiles import given_parameters, tile_query, tileset_query
from api.routes.explain import EXPLAIN, explanation, is_explained
from api.routes.responses import answer
from api.tiles.budget import HEADER, SAMPLED, lack_headers
from api.tiles.service import kept_tile, key_of, make_packed_tile, making, metered
from api.tms.matrix_set import WEB_MERCATOR_QUAD
from api.tms.tile import Tile, check_limits, parse_tile
from api.tms.tileset import Tileset
from core.catalog import Collection, Column
from core.errors import NoGeometry, UnknownTileMatrixSet

bp = Blueprint("tiles", __name__)


@bp.get("/tileMatrixSets")
def tile_matrix_sets() -> Response:
    """The tile matrix sets."""
    return answer(tile_matrix_sets_document(api().grids.sets.values(), api().links), title="Tile matrix sets")


@bp.get("/tileMatrixSets/<tms>")
def tile_matrix_set(tms: str) -> Response:
    """The definition of one."""
    return answer(tile_matrix_set_document(api().grids.find(tms)), title=tms)


@bp.get("/collections/<id>/tiles")
def tilesets(id: str) -> Response:
    """The tilesets of a collection."""
    collection = with_geometry(id)
    document = tilesets_document(api().grids.tilesets(collection), api().links)
    return answer(document, title=f"Tilesets of {collection.title}")


@bp.get("/collections/<id>/tiles/<tms>")
def tileset(id: str, tms: str) -> Response:
    """One tileset."""
    found = asked_tileset(id, tms)
    return tileset_answer(found, tileset_document(found, api().links))


def tileset_answer(tileset: Tileset, document: dict[str, Any], media_type: str = MVT) -> Response:
    """The metadata of a tileset, as a page with a map of it."""
    parameters, title = ("f", *tileset.given), f"Tiles of {tileset.title}"
    return linked(answer(document, "tileset.html", parameters=parameters, title=title), tileset, media_type)


def linked(response: Response, tileset: Tileset, media_type: str = MVT) -> Response:
    """The metadata of a tileset with the header that leads to its tiles (/rec/tileset/header-linktemplates)."""
    href = tile_template(tileset, api().links, "{tileMatrix}", "{tileRow}", "{tileCol}")
    response.headers["Link-Template"] = f'<{href}>; rel="item"; type="{media_type}"'
    return response


@bp.get("/collections/<id>/tiles/<tms>/tilejson.json")
def tilejson(id: str, tms: str) -> Response:
    """TileJSON."""
    found = asked_tileset(id, tms)
    document = tilejson_document(found, api().links)
    return answer(document, parameters=("f", *found.given), title=f"TileJSON of {found.title}")


@bp.get("/collections/<id>/tiles/<tms>/style.json")
def style(id: str, tms: str) -> Response:
    """A MapLibre style."""
    found = asked_tileset(id, tms)
    return style_answer(found, ("f", *found.given))


def asked_tileset(id: str, tms: str) -> Tileset:
    """The tileset of what a request asks for, which its tiles are asked for with then. Needed arguments may be missing.

    Raises: UnknownTileMatrixSet, UnknownCollection, NoGeometry, UnknownParameter, BadParameter
    """
    matrix_set = api().grids.find(tms)
    collection = with_geometry(id)
    query, given = tileset_query(request.args, collection), given_parameters(request.args)
    return replace(api().grids.tileset(with_columns(collection, query.columns), matrix_set), given=given)


def with_columns(collection: Collection, columns: tuple[Column, ...] | None) -> Collection:
    """A collection as its tiles show it, with some of its columns. None: all."""
    return collection if columns is None else replace(collection, columns=columns)


def style_answer(tileset: Tileset, parameters: Sequence[str]) -> Response:
    """The style of a tileset. Raises: UnknownTileMatrixSet for a set that MapLibre cannot draw"""
    if tileset.matrix_set is not WEB_MERCATOR_QUAD:
        hint = f"there is one for {WEB_MERCATOR_QUAD.id}"
        raise UnknownTileMatrixSet(f"there is no style for {tileset.matrix_set.id}", hint=hint)
    document = style_document(tileset, api().links)
    return answer(document, type=MAPLIBRE_STYLE, parameters=parameters, title=f"Style of {tileset.title}")


@bp.get("/collections/<id>/tiles/<tms>/<z>/<row>/<column>")
def tile(id: str, tms: str, z: str, row: str, column: str) -> Response:
    """A tile: 200 with bytes, 204 when it is empty, 304 when the client has it, 404 outside the tileset's limits."""
    matrix_set = api().grids.find(tms)
    collection, place = with_geometry(id), parse_tile(z, row, column, matrix_set)
    if is_explained(collection):
        return explanation(collection, place)
    query = tile_query(request.args, collection, (EXPLAIN,))
    format_for(request.args.get("f"), request.headers.get("Accept", ""), TILE_FORMATS)
    check_limits(place, api().grids.extent(collection, matrix_set))
    if collection.source is not None:
        found = metered_tile(place, lambda: making(lambda: make_packed_tile(api(), collection, place, query)))
        return validated_tile(found, api().cache_control(collection))
    etag = etag_of(key_of(api(), collection, place, query))
    if request.if_none_match.contains_weak(etag):
        return tile_response(Response(status=304), api().cache_control(collection), etag)
    found = metered_tile(place, lambda: kept_tile(api(), collection, place, query))
    return tile_response(packed_tile(found), api().cache_control(collection), etag)


def metered_tile(place: Tile, find: Callable[[], bytes]) -> bytes:
    """The tile that `find` gives, counted among the metrics."""
    return metered(api().metrics, place.z, find)


def validated_tile(packed: bytes, cache_control: str) -> Response:
    """A tile of data that nobody announces: never kept, and its bytes are its validator."""
    etag = hashlib.sha256(packed).hexdigest()[:20]
    if request.if_none_match.contains_weak(etag):
        return tile_response(Response(status=304), cache_control, etag)
    return tile_response(packed_tile(packed), cache_control, etag)


def packed_tile(compressed: bytes) -> Response:
    """A tile in the encoding that the client takes; 204 for an empty one. A header says what it lacks."""
    if not compressed:
        empty = Response(status=204)
        del empty.headers["Content-Type"]
        return empty
    headers = dict(lack_headers(compressed))
    if request.accept_encodings["gzip"] > 0:
        return Response(compressed, content_type=MVT, headers={"Content-Encoding": "gzip", **headers})
    return Response(decompress(compressed), content_type=MVT, headers=headers)


def tile_response(response: Response, cache_control: str, etag: str) -> Response:
    """The headers that every answer about a tile has. One made in a hurry is a better one the next time."""
    response.headers["Vary"] = "Accept, Accept-Encoding"
    if SAMPLED in response.headers.get(HEADER, ""):
        response.headers["Cache-Control"] = "no-store"
        return response
    response.headers["Cache-Control"] = cache_control
    response.set_etag(etag, weak=True)
    return response


def with_geometry(id: str) -> Collection:
    """The collection. Raises: UnknownCollection; NoGeometry for a plain table, or coordinates of an unknown system."""
    collection = api().collection(id)
    if not collection.has_geometry:
        raise NoGeometry(f"'{id}' has no geometry", hint=f"its rows are at /collections/{id}/items")
    if not collection.has_tiles:
        hint = "its geometry column has SRID 0: give it the SRID of its coordinates"
        raise NoGeometry(f"nobody knows where on Earth '{id}' lies", hint=hint)
    return collection
