"""Tiles of all collections at once, or of some (`?collections=a,b`): a layer each."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.answers import answer
from api.context import api
from api.documents.tilesets import tilejson_document, tileset_document, tilesets_document
from api.formats.negotiation import format_for
from api.formats.offered import TILE_FORMATS
from api.params.common import reject_unknown
from api.params.tiles import EVERYTHING, parse_everything
from api.query import TileQuery
from api.routes.tiles import linked, packed_tile, style_answer, tile_response, validated_tile
from api.tile_keys import etag_of
from api.tile_layers import chosen_tileset, join_layers, kept_layers, layered, tiled
from api.tiles import parse_tile
from api.tilesets import Tileset
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
    found = dataset_tileset(tms)
    document = tileset_document(found, api().links)
    return linked(answer(document, parameters=PARAMETERS, title=f"Tiles of {found.title}"), found)


@bp.get("/tiles/<tms>/tilejson.json")
def tilejson(tms: str) -> Response:
    """TileJSON."""
    found = dataset_tileset(tms)
    document = tilejson_document(found, api().links)
    return answer(document, parameters=PARAMETERS, title=f"TileJSON of {found.title}")


@bp.get("/tiles/<tms>/style.json")
def style(tms: str) -> Response:
    """A MapLibre style."""
    return style_answer(dataset_tileset(tms), PARAMETERS)


@bp.get("/tiles/<tms>/<z>/<row>/<column>")
def tile(tms: str, z: str, row: str, column: str) -> Response:
    """A tile with a layer for each collection that has something in it; statuses as those of one collection's."""
    place = parse_tile(z, row, column, api().grids.find(tms))
    reject_unknown(request.args, (*PARAMETERS, EVERYTHING))
    query = TileQuery(everything=parse_everything(request.args))
    found = dataset_tileset(tms)
    format_for(request.args.get("f"), request.headers.get("Accept", ""), TILE_FORMATS)
    wanted = layered(api(), found, place, query)
    if wanted.key is None:
        return validated_tile(join_layers(api(), wanted, skip_broken=not found.given), wanted.cache_control)
    etag = etag_of(wanted.key)
    if etag in request.if_none_match:
        return tile_response(Response(status=304), wanted.cache_control, etag)
    return tile_response(packed_tile(kept_layers(api(), wanted, wanted.key)), wanted.cache_control, etag)


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
