"""Vector tiles and what describes them: of one collection, and of several at once (`?collections=a,b`, or all)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, request

from api.context import api
from api.documents.explain import explain_document, explain_several_document, explain_tile
from api.documents.styles import style_document
from api.documents.tilesets import (
    tile_matrix_set_document,
    tile_matrix_sets_document,
    tile_template,
    tilejson_document,
    tileset_document,
    tilesets_document,
)
from api.http.links import MAPLIBRE_STYLE, MVT
from api.params.tiles import EXPLAIN, dataset_queries, given_parameters, tileset_query
from api.routes.responses import answer
from api.tiles.layers import Layer, chosen_tileset, reading_layer, with_tiles
from api.tiles.resources import TileRequest, TileResource
from api.tms.tile import WEB_MERCATOR_QUAD, Tile
from api.tms.tileset import Tileset
from core.catalog.collections import Collection, Column
from core.errors import ExplainOff, NoTiles, UnknownTileMatrixSet

bp = Blueprint("tiles", __name__)

FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")
"""Headers that proxies add."""


@bp.get("/tileMatrixSets")
def tile_matrix_sets() -> Response:
    """The tile matrix sets."""
    return answer(tile_matrix_sets_document(api().tiles.grids.sets.values(), api().links), title="Tile matrix sets")


@bp.get("/tileMatrixSets/<tms>")
def tile_matrix_set(tms: str) -> Response:
    """The definition of one."""
    return answer(tile_matrix_set_document(api().tiles.grids.find(tms)), title=tms)


@bp.get("/collections/<id>/tiles")
def tilesets(id: str) -> Response:
    """The tilesets of a collection, one in each set."""
    collection = with_tiles(api().catalog.collection(id))
    document = tilesets_document(api().tiles.grids.tilesets(collection), api().links)
    return answer(document, title=f"Tilesets of {collection.title}")


@bp.get("/tiles")
def dataset_tilesets() -> Response:
    """The tilesets of all collections, or of those that are chosen."""
    found: list[Tileset] = []
    for tms in api().tiles.grids.sets:
        with suppress(NoTiles):
            found.append(dataset_tileset(tms))
    document, parameters = tilesets_document(found, api().links), ("f", "collections")
    return answer(document, parameters=parameters, title="Tilesets of all collections")


@bp.get("/tiles/<tms>")
@bp.get("/collections/<id>/tiles/<tms>")
def tileset(tms: str, id: str | None = None) -> Response:
    """One tileset."""
    found = shown_tileset(tms, id)
    return tileset_answer(found, tileset_document(found, api().links))


@bp.get("/tiles/<tms>/tilejson.json")
@bp.get("/collections/<id>/tiles/<tms>/tilejson.json")
def tilejson(tms: str, id: str | None = None) -> Response:
    """TileJSON."""
    found = shown_tileset(tms, id)
    document = tilejson_document(found, api().links)
    return answer(document, parameters=("f", *found.given), title=f"TileJSON of {found.title}")


@bp.get("/tiles/<tms>/style.json")
@bp.get("/collections/<id>/tiles/<tms>/style.json")
def style(tms: str, id: str | None = None) -> Response:
    """A MapLibre style. Raises: UnknownTileMatrixSet for a set that MapLibre cannot draw"""
    found = shown_tileset(tms, id)
    if found.matrix_set is not WEB_MERCATOR_QUAD:
        hint = f"there is one for {WEB_MERCATOR_QUAD.id}"
        raise UnknownTileMatrixSet(f"there is no style for {found.matrix_set.id}", hint=hint)
    document, parameters = style_document(found, api().links), ("f", *found.given)
    return answer(document, type=MAPLIBRE_STYLE, parameters=parameters, title=f"Style of {found.title}")


@bp.get("/tiles/<tms>/<z>/<row>/<column>")
@bp.get("/collections/<id>/tiles/<tms>/<z>/<row>/<column>")
def tile(tms: str, z: str, row: str, column: str, id: str | None = None) -> Response:
    """A tile, also of a file or of a function; or how it is made."""
    accept = (request.headers.get(name, "") for name in ("Accept", "Accept-Encoding"))
    tile_request = TileRequest(id, tms, z, row, column, request.query_string.decode(), *accept)
    found = api().tiles.respond(tile_request, request.headers.get("If-None-Match", ""))
    if isinstance(found, TileResource):
        return explanation(found, is_of_several=id is None)
    response = Response(found.body, found.status, found.headers)
    if not found.body:
        del response.headers["Content-Type"]
    return response


def tileset_answer(tileset: Tileset, document: dict[str, Any], media_type: str = MVT) -> Response:
    """The metadata of a tileset, as a page with a map of it, and with the header that leads to its tiles
    (/rec/tileset/header-linktemplates).
    """
    parameters, title = ("f", *tileset.given), f"Tiles of {tileset.title}"
    response = answer(document, "tileset.html", parameters=parameters, title=title)
    href = tile_template(tileset, api().links, "{tileMatrix}", "{tileRow}", "{tileCol}")
    response.headers["Link-Template"] = f'<{href}>; rel="item"; type="{media_type}"'
    return response


def shown_tileset(tms: str, id: str | None) -> Tileset:
    """The tileset of a collection, or of several, as the request's parameters show it, which its tiles are asked for
    with then. Needed arguments may be missing.

    Raises: UnknownTileMatrixSet, UnknownCollection, NoGeometry, NoTiles, UnknownParameter, BadParameter
    """
    given = given_parameters(request.args)
    if id is None:
        found = dataset_tileset(tms)
        queries = dataset_queries(request.args, found.collections)
        shown = tuple(with_columns(collection, queries[collection.id].columns) for collection in found.collections)
        return replace(found, collections=shown, given={**given, **found.given})
    matrix_set = api().tiles.grids.find(tms)
    collection = with_tiles(api().catalog.collection(id))
    shown = with_columns(collection, tileset_query(request.args, collection).columns)
    return replace(api().tiles.grids.tileset(shown, matrix_set), given=given)


def with_columns(collection: Collection, columns: tuple[Column, ...] | None) -> Collection:
    """A collection as its tiles show it, with some of its columns. None: all."""
    return collection if columns is None else replace(collection, columns=columns)


def dataset_tileset(tms: str) -> Tileset:
    """The tileset of the chosen collections. Raises: UnknownTileMatrixSet, BadParameter, NoTiles"""
    grids = api().tiles.grids
    return chosen_tileset(grids, api().catalog, grids.find(tms), request.args.get("collections"))


def explanation(found: TileResource, *, is_of_several: bool) -> Response:
    """How a tile is made: its statement, its plan, its weight, and advice. The one response that shows SQL.

    As JSON or a page, which nobody is to cache. Raises: as for the tile, but for a tile that takes too long; ExplainOff
    """
    if not may_explain():
        hint = "it shows SQL and costs as much as several tiles; the operator may set ISTHMUS_EXPLAIN=on"
        raise ExplainOff("this server does not explain its tiles", hint=hint, parameter=EXPLAIN)
    layers = [explained_layer(layer, found.tile) for layer in found.layers]
    document = explain_several_document(found.tile, layers) if is_of_several else layers[0]
    response = answer(document, "explain.html", parameters=tuple(request.args), title=f"A tile of {found.title}")
    response.headers["Cache-Control"] = "no-store"
    return response


def may_explain() -> bool:
    """Whether the client may see how tiles are made. One behind a proxy that nobody told of is none of this machine."""
    settings = api().settings
    if settings.explain == "local":
        return settings.is_local and not any(name in request.headers for name in FORWARDED)
    return settings.explain == "on"


def explained_layer(layer: Layer, tile: Tile) -> dict[str, Any]:
    """How a layer of a tile is made. Raises: as for the tile"""
    is_cached = layer.entry is not None and layer.entry.store.get(layer.entry.key) is not None
    with reading_layer(layer):
        return explain_document(explain_tile(api().tiles.layers.maker(layer, tile)), is_cached=is_cached)
