"""Tiles of all collections at once, or of some (`?collections=a,b`): a layer each."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence

import psycopg
from flask import Blueprint, Response, request

from api.answers import answer
from api.context import api
from api.documents.tilesets import tilejson_document, tileset_document, tilesets_document
from api.formats.gzip import decompress
from api.formats.negotiation import format_for
from api.formats.offered import TILE_FORMATS
from api.params.collections import parse_collections
from api.params.common import reject_unknown
from api.routes.tiles import linked, style_answer, tile_response, validated_tile
from api.tile_making import kept_tile, key_of, make_tile
from api.tiles import Tile, check_limits, is_within, parse_tile
from api.tilesets import Tileset
from api.validators import REVALIDATE
from core.catalog import Collection
from core.errors import BadParameter, CollectionBroken, IsthmusError, QueryTooSlow

log = logging.getLogger("isthmus.api")
bp = Blueprint("dataset_tiles", __name__)

PARAMETERS = ("f", "collections")
NO_FOREIGN_SERVER = "08001"
"""The state by which a database that answers says so."""


@bp.get("/tiles")
def tilesets() -> Response:
    """The tilesets of the dataset, one in each set."""
    found = [dataset_tileset(tms) for tms in api().grids.sets]
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
    reject_unknown(request.args, PARAMETERS)
    found = dataset_tileset(tms)
    format_for(request.args.get("f"), request.headers.get("Accept", ""), TILE_FORMATS)
    check_limits(place, found.extent)
    extents = ((collection, api().grids.extent(collection, place.matrix_set)) for collection in found.collections)
    here = [collection for collection, extent in extents if is_within(place, extent)]
    cache_control = strictest([api().cache_control(collection) for collection in found.collections])
    if any(collection.source is not None for collection in here):
        return validated_tile(layers(here, place, skip_broken=not found.given), cache_control)
    etag = etag_of_several(here, place)
    if etag in request.if_none_match:
        return tile_response(Response(status=304), cache_control, etag)
    return validated_tile(layers(here, place), cache_control, etag)


def dataset_tileset(tms: str) -> Tileset:
    """The tileset of the chosen collections. Raises: UnknownTileMatrixSet, BadParameter"""
    matrix_set, known = api().grids.find(tms), tiled(api().catalog)
    if "collections" not in request.args:
        return api().grids.dataset(tuple(known.values()), matrix_set, {})
    text = request.args["collections"]
    try:
        chosen = parse_collections(text, known)
    except BadParameter:  # one may have been loaded just now
        chosen = parse_collections(text, tiled(api().fresh_catalog))
    return api().grids.dataset(chosen, matrix_set, {"collections": ",".join(collection.id for collection in chosen)})


def tiled(collections: Mapping[str, Collection]) -> dict[str, Collection]:
    """Those that have tiles whatever is asked: functions that need an argument have none here."""
    return {id: found for id, found in collections.items() if found.has_tiles and not found.needs_arguments}


def layers(collections: Sequence[Collection], place: Tile, *, skip_broken: bool = False) -> bytes:
    """The layers of some collections one after the other, which is a tile again: a message of Protocol Buffers with a
    repeated field. `skip_broken`: a source that cannot be read, or not in time, is left out, since nobody named it.
    """
    found: list[bytes] = []
    for collection in collections:
        try:
            found.append(layer(collection, place))
        except IsthmusError as error:
            if not skip_broken or not is_of_source(error, collection):
                raise
            log.warning("the tile of all collections goes without %s: %s", collection.id, error)
    return b"".join(found)


def is_of_source(error: IsthmusError, collection: Collection) -> bool:
    """Whether a source is at fault, and not the database: of a foreign table, its server may not answer."""
    if isinstance(error.__cause__, psycopg.Error) and error.__cause__.sqlstate == NO_FOREIGN_SERVER:
        return True
    return collection.source is not None and isinstance(error, CollectionBroken | QueryTooSlow)


def layer(collection: Collection, place: Tile) -> bytes:
    """The tile of one collection, as it is kept where it is."""
    if collection.source is not None:
        return make_tile(api(), collection, place)
    compressed = kept_tile(api(), collection, place)
    return decompress(compressed) if compressed else b""


def etag_of_several(collections: Sequence[Collection], place: Tile) -> str:
    """The ETag of some collections' layers, in their order, from the keys of their tiles."""
    texts = (key_of(api(), collection, place) for collection in collections)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:20]


def strictest(cache_controls: Sequence[str]) -> str:
    """How long an answer of several collections may be kept: where they differ, it is asked for each time."""
    different = dict.fromkeys(cache_controls)
    if len(different) == 1:
        return next(iter(different))
    return next((found for found in different if "no-store" in found or "private" in found), REVALIDATE)
