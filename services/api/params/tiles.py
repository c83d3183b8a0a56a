"""The parameters of a collection's tiles: conditions and properties, as on items."""

from __future__ import annotations

from dataclasses import replace

from api.params.common import Args, reject_unknown
from api.params.items import FILTER_PARAMETERS, parse_columns, parse_conditions, queryable_columns
from api.query import TileQuery
from core.catalog import Collection

TILE_PARAMETERS = ("f", *FILTER_PARAMETERS, "properties", "exclude-properties")
"""Parameters of a tile beside the arguments and the queryables."""


def tile_query(args: Args, collection: Collection) -> TileQuery:
    """What a request asks of a collection's tiles.

    Raises: UnknownParameter, BadParameter, BadBBox, BadFilter
    """
    own = [*collection.arguments, *queryable_columns(collection)]
    reject_unknown(args, [*TILE_PARAMETERS, *(parameter.name for parameter in own)])
    return TileQuery(parse_conditions(args, collection), parse_columns(args, collection))


def tileset_query(args: Args, collection: Collection) -> TileQuery:
    """The same for what describes tiles, which the arguments of a function may be added to later. Raises: as above"""
    if not collection.needs_arguments or collection.source is None:
        return tile_query(args, collection)
    optional = tuple(replace(argument, required=False) for argument in collection.arguments)
    return tile_query(args, replace(collection, source=replace(collection.source, arguments=optional)))


def given_parameters(args: Args) -> dict[str, str]:
    """The parameters that a tileset's tiles are asked for with, as they came."""
    return {name: value for name, value in args.items() if name != "f"}
