"""Functions that make tiles: the views of such a collection, which takes parameters as a file of tiles does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Response, request

from api.catalog.sources.model import TileFunction
from api.context import api
from api.documents.archives import (
    archive_document,
    archive_style_document,
    archive_tilejson_document,
    archive_tileset_document,
    archive_tilesets_document,
    tileset_of,
)
from api.formats.registry import TILE_FORMATS
from api.http.links import MAPLIBRE_STYLE
from api.http.negotiation import format_for
from api.params.arguments import parse_arguments
from api.params.common import reject_unknown
from api.params.tiles import given_parameters
from api.routes.responses import answer
from api.routes.tiles import tileset_answer, validated_tile
from api.tms.tile import check_limits, check_zoom, parse_tile

View = Callable[..., Response]


def collection(function: TileFunction) -> Response:
    """The collection."""
    known = api().functions.with_layers(function)
    return answer(archive_document(known, api().links), "archive.html", title=function.title, archive=known)


def tilesets(function: TileFunction) -> Response:
    """The list of its tileset."""
    return answer(archive_tilesets_document(function, api().links), title=f"Tilesets of {function.title}")


def tileset(function: TileFunction) -> Response:
    """Its tileset."""
    known, given = asked(function)
    return tileset_answer(tileset_of(known, given), archive_tileset_document(known, api().links, given))


def tilejson(function: TileFunction) -> Response:
    """TileJSON."""
    known, given = asked(function)
    document = archive_tilejson_document(known, api().links, given)
    return answer(document, parameters=("f", *given), title=f"TileJSON of {function.title}")


def style(function: TileFunction) -> Response:
    """A MapLibre style."""
    known, given = asked(function)
    document = archive_style_document(known, api().links, given)
    return answer(document, type=MAPLIBRE_STYLE, parameters=("f", *given), title=f"Style of {function.title}")


def asked(function: TileFunction) -> tuple[TileFunction, Mapping[str, str]]:
    """The function with its layers, and the parameters that its tiles are asked for with. Raises: UnknownParameter"""
    check_known(function)
    return api().functions.with_layers(function), given_parameters(request.args)


def check_known(function: TileFunction) -> None:
    """Raise UnknownParameter for a parameter that it does not take, BadParameter for one that is given twice."""
    own = ["f", *(argument.name for argument in function.arguments)]
    reject_unknown(request.args, [*own, *request.args] if function.takes_rest else own)


def tile(function: TileFunction, z: str, row: str, column: str) -> Response:
    """A tile: 200 with the bytes of the function, 204 when they are none, 404 outside its zooms and bounds, 304."""
    place = parse_tile(z, row, column)
    check_known(function)
    given = parse_arguments(request.args, function)
    format_for(request.args.get("f"), request.headers.get("Accept", ""), TILE_FORMATS)
    check_zoom(place, function.facts.zooms)
    check_limits(place, tileset_of(function).extent)
    own = {argument.name for argument in function.arguments}
    rest = {name: value for name, value in given_parameters(request.args).items() if name not in own}
    packed = api().functions.tile(function, place, given, rest)
    return validated_tile(packed, api().settings.cache_control)


VIEWS: Mapping[str, View] = {
    "collections.collection": collection,
    "tiles.tilesets": tilesets,
    "tiles.tileset": tileset,
    "tiles.tilejson": tilejson,
    "tiles.style": style,
    "tiles.tile": tile,
}
"""By the endpoint of the view for features."""
