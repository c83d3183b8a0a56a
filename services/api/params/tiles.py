"""The parameters of tiles, of one collection and of several: which ones, and conditions and properties, as on items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from api.http.request import Args, parse_names, reject_unknown
from api.params.items import FILTER_PARAMETERS, parse_columns, parse_conditions, queryable_columns
from api.params.values import parse_boolean
from api.query.items import WHOLE_TILE, TileQuery
from core.catalog.collections import Collection
from core.errors import BadParameter, suggestion

EVERYTHING = "all"
"""The parameter that asks for all features at low zooms too; a property of that name goes before it."""

TILE_PARAMETERS = ("f", EVERYTHING, *FILTER_PARAMETERS, "properties", "exclude-properties")
"""Parameters of a tile beside the arguments and the queryables."""

EXPLAIN = "explain"
"""The parameter that asks for how a tile is made, in its place; a property or argument of that name goes before it."""

DATASET_PARAMETERS = ("f", "collections", *(name for name in TILE_PARAMETERS if name not in ("f", "ids")))
"""Those of a tile of several collections beside the queryables that all of them have. Ids are of one collection."""


def tile_query(args: Args, collection: Collection, others: Sequence[str] = ()) -> TileQuery:
    """What a request asks of a collection's tiles. `others`: parameters that it may have beside these.

    Raises: UnknownParameter, BadParameter, BadBBox, BadFilter
    """
    if not args and not collection.arguments:
        return WHOLE_TILE
    own = [parameter.name for parameter in (*collection.arguments, *queryable_columns(collection))]
    reject_unknown(args, [*TILE_PARAMETERS, *others, *own])
    everything = EVERYTHING not in own and parse_flag(args, EVERYTHING)
    return TileQuery(parse_conditions(args, collection), parse_columns(args, collection), everything)


def parse_flag(args: Args, name: str) -> bool:
    """A parameter that is true or false, which it is when nobody says it. Raises: BadParameter"""
    text = args.get(name, "false")
    try:
        return parse_boolean(text)
    except ValueError as error:
        raise BadParameter(f"{name} is '{text}'", hint="it takes true or false", parameter=name) from error


def is_explained(args: Args, collections: Sequence[Collection]) -> bool:
    """Whether a request is for how the tile of some collections is made. Raises: BadParameter"""
    own = (named for found in collections for named in (*found.arguments, *queryable_columns(found)))
    return EXPLAIN in args and all(named.name != EXPLAIN for named in own) and parse_flag(args, EXPLAIN)


def tileset_query(args: Args, collection: Collection) -> TileQuery:
    """The same for what describes tiles, which the arguments of a function may be added to later. Raises: as above"""
    if not collection.needs_arguments or collection.source is None:
        return tile_query(args, collection)
    optional = tuple(replace(argument, required=False) for argument in collection.arguments)
    return tile_query(args, replace(collection, source=replace(collection.source, arguments=optional)))


MOST_COLLECTIONS = 200


def parse_collections(text: str, known: Mapping[str, Collection], what: str = "tiles") -> tuple[Collection, ...]:
    """Some of the dataset's collections, by id or address, in the order of the request (OGC 20-057, 11.1), each once.

    what: that those which are `known` have
    Raises: BadParameter for one that is not
    """
    names = parse_names("collections", text, known)
    if len(names) > MOST_COLLECTIONS:
        hint = f"name {MOST_COLLECTIONS} at most"
        raise BadParameter(f"collections has {len(names)} names", hint=hint, parameter="collections")
    ids = dict.fromkeys(map(collection_id, names))
    for id in ids:
        if id not in known:
            hint = suggestion(id, known) or f"those with {what} are: {', '.join(known)}"
            raise BadParameter(f"there are no {what} of '{id}' here", hint=hint, parameter="collections")
    return tuple(known[id] for id in ids)


def collection_id(name: str) -> str:
    """The id in the address of a collection; whatever is no address is an id."""
    if "://" not in name:
        return name
    try:
        _, found, id = urlsplit(name).path.rpartition("/collections/")
    except ValueError:  # brackets that hold no address of IPv6
        return name
    return unquote(id) if found else name


def dataset_queries(args: Args, collections: Sequence[Collection], others: Sequence[str] = ()) -> dict[str, TileQuery]:
    """What a request asks of several collections' tiles, by the id of each. `others`: as in `tile_query`.

    Raises: UnknownParameter; BadParameter, BadBBox, BadFilter that name the collection which does not understand it
    """
    own = {found.id: [column.name for column in queryable_columns(found)] for found in collections}
    common = (*DATASET_PARAMETERS, *others)
    reject_unknown(args, [*common, *dict.fromkeys(name for names in own.values() for name in names)])
    for name in args:
        without = [id for id, names in own.items() if name not in names]
        if name not in common and without:
            hint = f"choose others: collections={','.join(id for id in own if id not in without)}"
            raise BadParameter(f"'{without[0]}' has no property '{name}'", hint=hint, parameter=name)
    return {found.id: layer_query(args, found) for found in collections}


def layer_query(args: Args, collection: Collection) -> TileQuery:
    """The query of one of them. Raises: BadParameter and its kinds"""
    try:
        conditions, columns = parse_conditions(args, collection), parse_columns(args, collection)
    except BadParameter as error:
        detail = f"in '{collection.id}': {error.detail}"
        raise type(error)(detail, hint=error.hint, parameter=error.parameter) from error
    return TileQuery(conditions, columns, parse_flag(args, EVERYTHING))


def given_parameters(args: Args) -> dict[str, str]:
    """The parameters of requests for a tileset's tiles, as they came."""
    return {name: value for name, value in args.items() if name != "f"}
