"""The parameters of a collection's tiles: conditions and properties, as on items."""

from __future__ import annotations

from dataclasses import replace

from api.params.common import Args, reject_unknown
from api.params.items import FILTER_PARAMETERS, parse_columns, parse_conditions, queryable_columns
from api.params.values import parse_boolean
from api.query import TileQuery
from core.catalog import Collection
from core.errors import BadParameter

EVERYTHING = "all"
"""The parameter that asks for all features at low zooms too; a property of that name goes before it."""

TILE_PARAMETERS = ("f", EVERYTHING, *FILTER_PARAMETERS, "properties", "exclude-properties")
"""Parameters of a tile beside the arguments and the queryables."""


def tile_query(args: Args, collection: Collection) -> TileQuery:
    """What a request asks of a collection's tiles.

    Raises: UnknownParameter, BadParameter, BadBBox, BadFilter
    """
    own = {parameter.name for parameter in (*collection.arguments, *queryable_columns(collection))}
    reject_unknown(args, [*TILE_PARAMETERS, *own])
    everything = EVERYTHING not in own and parse_everything(args)
    return TileQuery(parse_conditions(args, collection), parse_columns(args, collection), everything)


def parse_everything(args: Args) -> bool:
    """Whether low zooms are to leave out nothing. Raises: BadParameter"""
    text = args.get(EVERYTHING, "false")
    try:
        return parse_boolean(text)
    except ValueError as error:
        raise BadParameter(f"{EVERYTHING} is '{text}'", hint="it takes true or false", parameter=EVERYTHING) from error


def tileset_query(args: Args, collection: Collection) -> TileQuery:
    """The same for what describes tiles, which the arguments of a function may be added to later. Raises: as above"""
    if not collection.needs_arguments or collection.source is None:
        return tile_query(args, collection)
    optional = tuple(replace(argument, required=False) for argument in collection.arguments)
    return tile_query(args, replace(collection, source=replace(collection.source, arguments=optional)))


def given_parameters(args: Args) -> dict[str, str]:
    """The parameters that a tileset's tiles are asked for with, as they came."""
    return {name: value for name, value in args.items() if name != "f"}
