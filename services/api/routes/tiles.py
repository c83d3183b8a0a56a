"""Vector tiles and what describes them."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.answers import answer
from api.context import api
from api.documents.tilesets import (
    tile_matrix_set_document,
    tile_matrix_sets_document,
    tiled_box,
    tilejson_document,
    tileset_document,
    tilesets_document,
)
from api.formats.gzip import compress, decompress
from api.links import MVT
from api.params.common import reject_unknown
from api.sql.tiles import select_tile
from api.tiles import Tile, check_limits, check_tile_matrix_set, parse_tile
from core.catalog import Collection
from core.errors import NoGeometry

bp = Blueprint("tiles", __name__)


@bp.get("/tileMatrixSets")
def tile_matrix_sets() -> Response:
    """The tile matrix sets."""
    return answer(tile_matrix_sets_document(api().links), title="Tile matrix sets")


@bp.get("/tileMatrixSets/<tms>")
def tile_matrix_set(tms: str) -> Response:
    """The definition of one."""
    check_tile_matrix_set(tms)
    return answer(tile_matrix_set_document(), title=tms)


@bp.get("/collections/<id>/tiles")
def tilesets(id: str) -> Response:
    """The tilesets of a collection."""
    collection = with_geometry(id)
    return answer(tilesets_document(collection, api().links), title=f"Tilesets of {collection.title}")


@bp.get("/collections/<id>/tiles/<tms>")
def tileset(id: str, tms: str) -> Response:
    """One tileset."""
    check_tile_matrix_set(tms)
    collection = with_geometry(id)
    return answer(tileset_document(collection, api().links), title=f"Tiles of {collection.title}")


@bp.get("/collections/<id>/tiles/<tms>/tilejson.json")
def tilejson(id: str, tms: str) -> Response:
    """TileJSON."""
    check_tile_matrix_set(tms)
    collection = with_geometry(id)
    return answer(tilejson_document(collection, api().links), title=f"TileJSON of {collection.title}")


@bp.get("/collections/<id>/tiles/<tms>/<z>/<row>/<column>")
def tile(id: str, tms: str, z: str, row: str, column: str) -> Response:
    """A tile: 200 with bytes, 204 when it is empty, 304 when the client has it, 404 outside the tileset's limits."""
    reject_unknown(request.args, ())
    check_tile_matrix_set(tms)
    collection, place = with_geometry(id), parse_tile(z, row, column)
    check_limits(place, tiled_box(collection))
    etag = f"{collection.version}-{place.z}-{place.row}-{place.column}"
    if etag in request.if_none_match:
        return tile_response(Response(status=304), collection, etag)
    compressed = api().tiles.get((collection.version, place.z, place.row, place.column))
    if compressed is None:
        compressed = make_tile(collection, place)
    if not compressed:
        return tile_response(Response(status=204), collection, etag)
    if request.accept_encodings["gzip"] > 0:
        response = Response(compressed, content_type=MVT, headers={"Content-Encoding": "gzip"})
    else:
        response = Response(decompress(compressed), content_type=MVT)
    return tile_response(response, collection, etag)


def make_tile(collection: Collection, place: Tile) -> bytes:
    """The tile from the database, compressed and kept; empty bytes for an empty tile."""
    [(mvt,)] = api().database.run(select_tile(collection, place), binary=True)
    compressed = compress(mvt) if mvt else b""
    api().tiles.put((collection.version, place.z, place.row, place.column), compressed)
    return compressed


def tile_response(response: Response, collection: Collection, etag: str) -> Response:
    """The headers that every answer about a tile has."""
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = api().cache_control(collection)
    response.set_etag(etag)
    return response


def with_geometry(id: str) -> Collection:
    """The collection. Raises: UnknownCollection; NoGeometry for a plain table."""
    collection = api().collection(id)
    if not collection.has_geometry:
        raise NoGeometry(f"'{id}' has no geometry", hint=f"its rows are at /collections/{id}/items")
    return collection
