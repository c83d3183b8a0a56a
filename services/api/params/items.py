"""The parameters of a page of features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from api.cql2.check.check import parse_filter
from api.cql2.check.queryables import Queryables
from api.cql2.text_encoding.tokens import as_cql2
from api.cql2.tree.ast import Node
from api.http.request import Args, Limits, parse_choice, parse_names, parse_whole, reject_unknown
from api.params.conditions import condition_of, parse_box, parse_ids, parse_interval, parse_search
from api.params.near import NEAR_PARAMETERS, parse_near
from api.params.values import VALUE_PARSERS, equals, parse_arguments, parse_profiles
from api.query.crs import CRS84, parse_crs
from api.query.items import AS_STORED, NO_FILTER, CountMode, Cursor, Filter, ItemsQuery, Presentation, SortKey
from api.query.near import distance_column
from api.query.page import order_of, parse_cursor
from api.query.page_order import order_key
from core.bbox import parse_heights
from core.cache import CollectionCache
from core.catalog.collections import Collection, Column, Key
from core.errors import BadParameter, suggestion

FILTER_PARAMETERS = ("bbox", "bbox-crs", "datetime", "ids", "q", "filter", "filter-lang", "filter-crs")
PRESENTATION_PARAMETERS = (
    "crs",
    "properties",
    "exclude-properties",
    "skipGeometry",
    "precision",
    "zoom-level",
    "profile",
    "csv-geometry",
)
PAGE_PARAMETERS = ("f", "limit", "offset", "cursor", "sortby", "resultType", "count")
ITEMS_PARAMETERS = (*PAGE_PARAMETERS, *NEAR_PARAMETERS, *FILTER_PARAMETERS, *PRESENTATION_PARAMETERS)
"""Parameters of a page of features beside the queryables; a property of one of these names is no parameter."""

MOST_SORT_KEYS = 8
LARGEST_OFFSET = 10_000_000
MOST_DIGITS = 15
LARGEST_ZOOM = 24
SIGNS = ("-", "+", " ")
"""Before a name in `sortby`; a plus in an address may stand for a space."""

FILTER_LANGS = ("cql2-text", "cql2-json", "cql-text")
"""`cql-text` is what GDAL looks for before it sends a filter; what it sends is nearly CQL2."""

parameter_names: CollectionCache[None, tuple[str, ...]] = CollectionCache()
queryables_of: CollectionCache[None, dict[str, Column]] = CollectionCache()
"""The parameters of a collection's pages, and its queryables by name."""

CSV_GEOMETRIES = ("wkt", "xy")
RESULT_TYPES = ("results", "hits")
COUNT_MODES = ("auto", "exact", "estimated", "none")


def items_query(args: Args, collection: Collection, limits: Limits) -> ItemsQuery:
    """The page that a request asks for.

    Raises: UnknownParameter, BadParameter, BadBBox, BadCursor
    """
    reject_unknown(args, parameter_names.get(collection, None, lambda: parameters_of(collection)))
    if "cursor" in args and "offset" in args:
        raise BadParameter("cursor and offset exclude each other", hint="leave one out", parameter="offset")
    filter = parse_conditions(args, collection)
    sort = parse_sort(args["sortby"], collection) if "sortby" in args else ()
    if "cursor" in args and not sort:
        sort = order_of(args["cursor"], filter, collection)
    if "near" in args and collection.has_geometry and not is_function(collection):
        around, number = parse_near(args, collection)
        filter, sort = replace(filter, around=around), (SortKey(distance_column(collection)),)
        limits = Limits(number, number)
    query = ItemsQuery(
        limit=parse_limit(args["limit"], limits) if "limit" in args else limits.default,
        filter=filter,
        sort=sort,
        offset=parse_whole("offset", args["offset"], least=0, most=LARGEST_OFFSET) if "offset" in args else 0,
        presentation=parse_presentation(args, collection),
        count=cast(CountMode, parse_choice("count", args["count"], COUNT_MODES)) if "count" in args else "auto",
        hits_only="resultType" in args and parse_choice("resultType", args["resultType"], RESULT_TYPES) == "hits",
    )
    if "cursor" not in args:
        return query
    cursor = parse_cursor(args["cursor"], filter, sort, collection)
    return at_place(query, cursor, order_key(collection, filter, sort, cursor))


def at_place(query: ItemsQuery, cursor: Cursor, key: Key) -> ItemsQuery:
    """The page at a cursor's place. One that is a number of rows is an offset, and before it there may be few."""
    if cursor.key or key.unique:
        return replace(query, cursor=cursor, offset=cursor.skip)
    if cursor.direction == "next":
        return replace(query, offset=cursor.skip)
    return replace(query, offset=max(0, cursor.skip - query.limit), limit=max(1, min(query.limit, cursor.skip)))


def parameters_of(collection: Collection) -> tuple[str, ...]:
    """The names of all parameters that a page of a collection's features takes."""
    own = [*collection.arguments, *queryable_columns(collection)]
    ours = (
        [name for name in ITEMS_PARAMETERS if name not in NEAR_PARAMETERS]
        if is_function(collection)
        else ITEMS_PARAMETERS
    )
    return (*ours, *(parameter.name for parameter in own))


def is_function(collection: Collection) -> bool:
    """Whether features are the rows of a function, whose arguments may be called as parameters that came later."""
    return collection.source is not None and collection.source.after is not None


def queryable_columns(collection: Collection) -> list[Column]:
    """The columns that are query parameters: id and simple values whose names no other parameter has."""
    taken = {*ITEMS_PARAMETERS, *(argument.name for argument in collection.arguments)}
    return [column for column in sortable_columns(collection) if column.name not in taken]


def sortable_columns(collection: Collection) -> list[Column]:
    """The columns that features can be sorted by: id and simple values."""
    return [column for column in collection.columns_and_id if column.type in VALUE_PARSERS]


def parse_conditions(args: Args, collection: Collection) -> Filter:
    """The conditions of a request, NO_FILTER itself where there are none. A CRS or a language of what is not given, and
    a time where features have none, are read and have no effect.

    Raises: BadParameter, BadBBox
    """
    queryables = queryables_of.get(collection, None, lambda: {one.name: one for one in queryable_columns(collection)})
    crs = parse_crs("bbox-crs", args["bbox-crs"], collection) if "bbox-crs" in args else CRS84
    filter_crs = parse_crs("filter-crs", args["filter-crs"], collection) if "filter-crs" in args else CRS84
    interval = parse_interval(args["datetime"]) if "datetime" in args else None
    found = Filter(
        cql2=parse_cql2(args, collection),
        cql2_crs=filter_crs if "filter" in args else CRS84,
        box=condition_of(parse_box(args["bbox"], crs, collection), collection) if "bbox" in args else None,
        heights=parse_heights(args["bbox"]) if "bbox" in args and collection.has_geometry else None,
        arguments=parse_arguments(args, collection) if collection.arguments else (),
        interval=interval if collection.times else None,
        equals=tuple(equals(queryables[name], args[name]) for name in args if name in queryables),
        ids=parse_ids(args["ids"], collection) if "ids" in args else None,
        text=parse_search(args["q"]) if "q" in args else None,
    )
    return NO_FILTER if found.is_everything else found


def parse_cql2(args: Args, collection: Collection) -> Node | None:
    """The filter, checked against the collection. Raises: BadFilter, BadParameter"""
    lang = parse_choice("filter-lang", args["filter-lang"], FILTER_LANGS) if "filter-lang" in args else "cql2-text"
    if "filter" not in args:
        return None
    text = args["filter"]
    if lang == "cql-text":
        text = as_cql2(text, Queryables.of(collection).columns)
    return parse_filter(text, "cql2-json" if lang == "cql2-json" else "cql2-text", collection)


def parse_limit(text: str, limits: Limits) -> int:
    """A number of features from 1. More than the largest page is answered with the largest page (Part 1, 7.15.2)."""
    if text.isascii() and text.isdecimal() and int(text[:19]) > limits.largest:
        return limits.largest
    return parse_whole("limit", text, least=1, most=limits.largest)


def parse_sort(text: str, collection: Collection) -> tuple[SortKey, ...]:
    """`name,-population`: ascending, or descending with a minus. Raises: BadParameter"""
    if not text:
        return ()
    known = {column.name: column for column in sortable_columns(collection)}
    signed = {sign + name for name in known for sign in ("", *SIGNS)}
    keys = [parse_sort_key(part, known) for part in parse_names("sortby", text, signed)]
    if len(keys) > MOST_SORT_KEYS or len({key.column for key in keys}) < len(keys):
        hint = f"name each property once, {MOST_SORT_KEYS} at most"
        raise BadParameter(f"sortby is '{text}'", hint=hint, parameter="sortby")
    return tuple(keys)


def parse_sort_key(text: str, known: Mapping[str, Column]) -> SortKey:
    """A name, with a sign before it or as part of it. Raises: BadParameter"""
    name = text[1:] if text[0] in SIGNS else text
    if name in known:
        return SortKey(known[name], descending=text[0] == "-")
    if text in known:
        return SortKey(known[text])
    hint = suggestion(name, known) or f"sortable: {', '.join(known)}"
    raise BadParameter(f"sortby names '{name}'", hint=hint, parameter="sortby")


def parse_presentation(args: Args, collection: Collection) -> Presentation:
    """How the features are to be written. Raises: BadParameter"""
    if not any(name in args for name in PRESENTATION_PARAMETERS):
        return AS_STORED
    precision, zoom = args.get("precision"), args.get("zoom-level")
    return Presentation(
        crs=parse_crs("crs", args["crs"], collection) if "crs" in args else CRS84,
        columns=parse_columns(args, collection),
        geometry=parse_choice("skipGeometry", args.get("skipGeometry", "false"), ("true", "false")) == "false",
        precision=None if precision is None else parse_whole("precision", precision, least=0, most=MOST_DIGITS),
        zoom=None if zoom is None else parse_whole("zoom-level", zoom, least=0, most=LARGEST_ZOOM),
        profiles=parse_profiles(args["profile"]) if "profile" in args else (),
        xy="csv-geometry" in args and parse_csv_geometry(args, collection),
    )


def parse_csv_geometry(args: Args, collection: Collection) -> bool:
    """Whether points are two columns of a CSV. Raises: BadParameter for another format, or other geometries"""
    name = "csv-geometry"
    if parse_choice(name, args[name], CSV_GEOMETRIES) == "wkt":
        return False
    if args.get("f") != "csv":
        raise BadParameter(f"{name} is given without f=csv", hint="add f=csv, or leave it out", parameter=name)
    if collection.geometry_type != "Point":
        hint = f"leave {name} out to have them as WKT"
        raise BadParameter(f"the geometries of '{collection.id}' are not points", hint=hint, parameter=name)
    return True


def parse_columns(args: Args, collection: Collection) -> tuple[Column, ...] | None:
    """The properties to write; None for all. Raises: BadParameter for unknown ones, or both parameters at once"""
    given = [name for name in ("properties", "exclude-properties") if name in args]
    if len(given) == 2:
        hint = "say what to include or what to leave out"
        raise BadParameter("properties and exclude-properties exclude each other", hint=hint, parameter=given[1])
    if not given:
        return None
    parameter, known = given[0], {column.name: column for column in collection.columns}
    names = parse_names(parameter, args[parameter], known) if args[parameter] else []
    for name in names:
        if name not in known:
            hint = suggestion(name, known) or f"published: {', '.join(known)}"
            raise BadParameter(f"{parameter} names '{name}'", hint=hint, parameter=parameter)
    wanted = (parameter == "properties", set(names))
    return tuple(column for column in collection.columns if (column.name in wanted[1]) is wanted[0])
