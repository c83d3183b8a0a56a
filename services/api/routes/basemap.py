"""Tiles of the basemap."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.http.request import reject_unknown
from api.routes.responses import flask_response
from api.tiles.basemap import basemap_tile
from api.tms.tile import parse_tile

bp = Blueprint("basemap", __name__)


@bp.get("/basemap/<z>/<row>/<column>")
def tile(z: str, row: str, column: str) -> Response:
    """A tile of WebMercatorQuad. Raises: UnknownParameter, BadParameter, TileOutside"""
    reject_unknown(request.args, ())
    return flask_response(basemap_tile(parse_tile(z, row, column), request.headers.get("Accept-Encoding", "")))
