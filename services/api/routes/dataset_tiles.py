"""Tiles of all collections at once, or of some (`?collections=a,b`): a layer each."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, request

from api.cache.keys import etag_of
from api.context import api
from api.documents.tilesets import tilejson_document, tileset_document, tilesets_document
from api.formats.registry import TILE_FORMATS
from api.http.negotiation import format_for
from api.params.tiles import dataset_queries, given_parameters
from api.routes.explain import EXPLAIN, explanation_of_several, is_explained
from api.routes.responses import answer
from api.routes.tiles import (
    metered_tile,
    packed_tile,
    style_answer,
    tile_response,
    tileset_answer,
    validated_tile,
    with_columns,
)
from api.tiles.joined import join_layers, kept_layers
from api.tiles.layers import chosen_tileset, layered, tiled
from api.tiles.service import making
from api.tms.tile import parse_tile
from api.tms.tileset import Tileset
from core.errors import BadParameter, NoTiles

bp = Blueprint("dataset_tiles", __name__)

PARAMETERS = ("f", "collections")


@bp.get("/tiles")
def tilesets() -> Response:
    """The tilesets of the dataset, one in each set."""
    found = [tileset for tms in api().grids.sets if (tileset := dataset_tileset_in(tms)) is not None]
    return answer(tilesets_document(found, api().links), parameters=PARAMETERS, title="Tilesets of all collections")


@bp.get("/tiles/<tms>")
def tileset(tms: str) -> Response:
    """One tileset."""
    found = asked_tileset(tms)
    return tileset_answer(found, tileset_document(found, api().links))


@bp.get("/tiles/<tms>/tilejson.json")
def tilejson(tms: str) -> Response:
    """TileJSON."""
    found = asked_tileset(tms)
    document = tilejson_document(found, api().links)
    return answer(document, parameters=("f", *found.given), title=f"TileJSON of {found.title}")


@bp.get("/tiles/<tms>/style.json")
def style(tms: str) -> Response:
    """A MapLibre style."""
    found = asked_tileset(tms)
    return style_answer(found, ("f", *found.given))


@bp.get("/tiles/<tms>/<z>/<row>/<column>")
def tile(tms: str, z: str, row: str, column: str) -> Response:
    """A tile with a layer for each collection that has something in it; statuses as those of one collection's."""
    place = parse_tile(z, row, column, api().grids.find(tms))
    found = dataset_tileset(tms)
    wanted = layered(api(), found, place, dataset_queries(request.args, found.collections, (EXPLAIN,)))
    if is_explained(*found.collections):
        return explanation_of_several(wanted, found.title)
    format_for(request.args.get("f"), request.headers.get("Accept", ""), TILE_FORMATS)
    if wanted.key is None:
        skip_broken = not found.given
        mvt = metered_tile(place, lambda: making(lambda: join_layers(api(), wanted, skip_broken=skip_broken)))
        return validated_tile(mvt, wanted.cache_control)
    key, etag = wanted.key, etag_of(wanted.key)
    if request.if_none_match.contains_weak(etag):
        return tile_response(Response(status=304), wanted.cache_control, etag)
    mvt = metered_tile(place, lambda: kept_layers(api(), wanted, key))
    return tile_response(packed_tile(mvt), wanted.cache_control, etag)


def asked_tileset(tms: str) -> Tileset:
    """The tileset of what a request asks for, with the parameters that its tiles are asked for with then.

    Raises: UnknownTileMatrixSet, NoTiles, UnknownParameter, BadParameter
    """
    found = dataset_tileset(tms)
    queries = dataset_queries(request.args, found.collections)
    shown = tuple(with_columns(collection, queries[collection.id].columns) for collection in found.collections)
    return replace(found, collections=shown, given={**given_parameters(request.args), **found.given})


def dataset_tileset_in(tms: str) -> Tileset | None:
    """The tileset of the chosen collections; None where none of the collections lies in the set."""
    try:
        return dataset_tileset(tms)
    except NoTiles:
        return None


def dataset_tileset(tms: str) -> Tileset:
    """The tileset of the chosen collections. Raises: UnknownTileMatrixSet, BadParameter"""
    matrix_set, names = api().grids.find(tms), request.args.get("collections")
    try:
        return chosen_tileset(api(), tiled(api().catalog), matrix_set, names)
    except BadParameter:  # one may have been loaded just now
        return chosen_tileset(api(), tiled(api().fresh_catalog), matrix_set, names)
