"""The parameters of groups of features, and of facets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import cast

from werkzeug.datastructures import MultiDict

from api.cql2.check.check import parse_filter
from api.cql2.tree.ast import Node
from api.http.request import Args, joined, parse_names, parse_whole, reject_unknown
from api.params.items import (
    FILTER_PARAMETERS,
    LARGEST_OFFSET,
    SIGNS,
    parse_conditions,
    queryable_columns,
    sortable_columns,
)
from api.query.aggregates import (
    COUNT,
    NUMBERS,
    TIMES,
    UNITS,
    AggregateQuery,
    ByCell,
    ByClass,
    ByUnit,
    ByValue,
    Classes,
    Grid,
    GroupColumn,
    Grouping,
    GroupOrder,
    Measure,
    Unit,
    as_collection,
    columns_of,
)
from api.query.items import Filter
from core.catalog.collections import Collection, Column
from core.errors import BadFilter, BadParameter, suggestion

AGGREGATE_PARAMETERS = ("f", "group-by", "cell", "agg", "having", "sortby", "limit", "offset")
FACET_PARAMETERS = ("f", "properties", "size")
"""Parameters beside those of a filter. A property of such a name is no parameter there, but `filter` may name it."""

MOST_GROUPINGS, MOST_MEASURES, MOST_CLASSES = 4, 20, 100
DEFAULT_GROUPS, MOST_GROUPS = 1000, 10_000
DEFAULT_VALUES, MOST_VALUES, MOST_FACETS = 10, 100, 12

CLASSES: tuple[Classes, ...] = ("hist", "quantile", "jenks")
MOST_JENKS = 12
GRIDS: dict[Grid, tuple[int, int]] = {"square": (0, 24), "geohash": (1, 12)}
"""The grids of cells, with their lowest and highest level."""

CALL = re.compile(r"(\w+)\(([^)]*)\)")
CLASSED = re.compile(r"(.*):(\w+)\((\d{1,4})\)")
PERCENTILE = re.compile(r"p([1-9]\d?)")
OUTSIDE = re.compile(r",(?![^(]*\))")
"""A comma that is not in parentheses."""

OF_NUMBERS = ("sum", "avg", "stddev")
OF_ANY = ("count", "distinct", "min", "max")
OF_GEOMETRY = ("extent", "centroid")
FUNCTIONS = "count(), count(P), distinct(P), sum(P), avg(P), stddev(P), min(P), max(P), median(P), p1(P) to p99(P)"


def aggregate_query(args: Args, collection: Collection) -> AggregateQuery:
    """The groups that a request asks for. Raises: UnknownParameter, BadParameter, BadBBox, BadFilter"""
    filter = parse_filter_args(args, collection, AGGREGATE_PARAMETERS)
    groupings = tuple(parse_groupings(args, collection))
    measures = parse_measures(args["agg"], collection) if "agg" in args else (COUNT,)
    columns = columns_of(groupings, measures)
    return AggregateQuery(
        filter,
        groupings,
        measures,
        having=parse_having(args["having"], collection, columns) if "having" in args else None,
        order=parse_order(args["sortby"], columns) if args.get("sortby") else (),
        limit=parse_whole("limit", args["limit"], least=1, most=MOST_GROUPS) if "limit" in args else DEFAULT_GROUPS,
        offset=parse_whole("offset", args["offset"], least=0, most=LARGEST_OFFSET) if "offset" in args else 0,
    )


def parse_filter_args(args: Args, collection: Collection, own: tuple[str, ...]) -> Filter:
    """The filter of a request that has parameters of its own. Raises: as `aggregate_query`"""
    queryables = [column.name for column in queryable_columns(collection)]
    arguments = [argument.name for argument in collection.arguments]
    reject_unknown(args, tuple(dict.fromkeys((*own, *FILTER_PARAMETERS, *arguments, *queryables))))
    return parse_conditions(MultiDict((name, args[name]) for name in args if name not in own), collection)


def parse_groupings(args: Args, collection: Collection) -> Iterable[Grouping]:
    """`country,built:year,height:hist(10)`, and `cell=square:12`. Raises: BadParameter"""
    known = {column.name: column for column in sortable_columns(collection)}
    names = {*known, *(f"{name}:{unit}" for name in known for unit in UNITS)}
    parts = joined(OUTSIDE.split(args["group-by"]), names) if args.get("group-by") else []
    if len(parts) > MOST_GROUPINGS or len(set(parts)) < len(parts):
        hint = f"name each property once, {MOST_GROUPINGS} at most"
        raise BadParameter(f"group-by is '{args['group-by']}'", hint=hint, parameter="group-by")
    for part in parts:
        yield parse_grouping(part, known)
    if "cell" in args:
        yield parse_cell(args["cell"], collection)


def parse_grouping(text: str, known: dict[str, Column]) -> Grouping:
    """A property, with a unit of time or with classes. Raises: BadParameter"""
    if text in known:
        return ByValue(known[text])
    if classed := CLASSED.fullmatch(text):
        return parse_classes(find(classed[1], known, "group-by"), classed[2], int(classed[3]))
    name, colon, unit = text.rpartition(":")
    column = find(name if colon else text, known, "group-by")
    units = [known for known in UNITS if column.type == "datetime" or UNITS[known] == "date"]
    if column.type not in TIMES or unit not in units:
        hint = suggestion(unit, units) if column.type in TIMES else f"'{column.name}' is no time"
        hint = hint or f"behind '{column.name}' may stand: {', '.join(units)}, hist(10), quantile(5), jenks(5)"
        raise BadParameter(f"group-by has '{text}'", hint=hint, parameter="group-by")
    return ByUnit(column, cast(Unit, unit))


def parse_classes(column: Column, name: str, number: int) -> ByClass:
    """Classes of numbers or times. Raises: BadParameter"""
    most = MOST_JENKS if name == "jenks" else MOST_CLASSES
    if name not in CLASSES or column.type not in (*NUMBERS, *TIMES) or not 1 <= number <= most:
        hint = (
            f"classes are of numbers and times: hist(n), quantile(n) (n to {MOST_CLASSES}), jenks(n) (to {MOST_JENKS})"
        )
        raise BadParameter(f"group-by has '{column.name}:{name}({number})'", hint=hint, parameter="group-by")
    return ByClass(column, name, number)


def parse_cell(text: str, collection: Collection) -> ByCell:
    """`square:12` or `geohash:5`. Raises: BadParameter"""
    name, _, level = text.partition(":")
    if name not in GRIDS:
        hint = suggestion(name, GRIDS) or "write square:z (z from 0 to 24) or geohash:n (n from 1 to 12)"
        raise BadParameter(f"cell is '{text}'", hint=hint, parameter="cell")
    if not collection.has_tiles:
        hint = "leave cell out"
        raise BadParameter(f"the features of '{collection.id}' are at no known place", hint=hint, parameter="cell")
    least, most = GRIDS[name]
    if not (level.isascii() and level.isdecimal()) or len(level) > 2 or not least <= int(level) <= most:
        hint = f"behind '{name}:' stands a whole number from {least} to {most}"
        raise BadParameter(f"cell is '{text}'", hint=hint, parameter="cell")
    return ByCell(name, int(level))


def parse_measures(text: str, collection: Collection) -> tuple[Measure, ...]:
    """`count(),sum(population),p90(height)`. Raises: BadParameter"""
    calls = OUTSIDE.split(text)
    matches = [CALL.fullmatch(call.strip()) for call in calls]
    if len(calls) > MOST_MEASURES or None in matches:
        hint = f"write up to {MOST_MEASURES} of these with commas between them: {FUNCTIONS}, extent(), centroid()"
        raise BadParameter(f"agg is '{text}'", hint=hint, parameter="agg")
    return tuple(dict.fromkeys(parse_measure(match[1], match[2], collection) for match in matches if match))


def parse_measure(function: str, name: str, collection: Collection) -> Measure:
    """One aggregate. Raises: BadParameter"""
    if function in OF_GEOMETRY and not name:
        if not collection.has_geometry:
            hint = "leave it out"
            raise BadParameter(f"'{collection.id}' has no geometries for {function}()", hint=hint, parameter="agg")
        return Measure(function)
    if function == "count" and not name:
        return COUNT
    share = 0.5 if function == "median" else percentile(function)
    if share is None and function not in (*OF_NUMBERS, *OF_ANY):
        hint = suggestion(function, (*OF_NUMBERS, *OF_ANY, *OF_GEOMETRY, "median")) or f"known: {FUNCTIONS}"
        raise BadParameter(f"agg has '{function}({name})'", hint=hint, parameter="agg")
    column = find(name, {column.name: column for column in sortable_columns(collection)}, "agg")
    if column.type not in types_of(function, share):
        detail = f"there is no {function} of '{name}', which is a {column.type}"
        raise BadParameter(detail, hint=f"known: {FUNCTIONS}", parameter="agg")
    return Measure(function if share is None else "percentile", column, share)


def percentile(function: str) -> float | None:
    """The share of `p90`; None for another name."""
    found = PERCENTILE.fullmatch(function)
    return int(found[1]) / 100 if found else None


def types_of(function: str, share: float | None) -> tuple[str, ...]:
    """The types of properties that an aggregate can be of."""
    if function in OF_NUMBERS:
        return NUMBERS
    if share is not None:
        return (*NUMBERS, *TIMES)
    return (*NUMBERS, *TIMES, "string", "time") + (("boolean",) if function in ("count", "distinct") else ())


def find(name: str, known: dict[str, Column], parameter: str) -> Column:
    """A property by its name. Raises: BadParameter"""
    if name in known:
        return known[name]
    hint = suggestion(name, known) or f"it may name: {', '.join(known)}"
    raise BadParameter(f"{parameter} names '{name}'", hint=hint, parameter=parameter)


def parse_having(text: str, collection: Collection, columns: tuple[GroupColumn, ...]) -> Node:
    """CQL2 over the columns of the answer. Raises: BadFilter"""
    try:
        return parse_filter(
            text, "cql2-json" if text.lstrip().startswith("{") else "cql2-text", as_collection(collection, columns)
        )
    except BadFilter as error:
        names = ", ".join(column.name for column in columns)
        raise BadFilter(error.detail, hint=f"having is CQL2 over: {names}", parameter="having") from error


def parse_order(text: str, columns: tuple[GroupColumn, ...]) -> tuple[GroupOrder, ...]:
    """`-count,kind`. Raises: BadParameter"""
    known = {column.name: column.alias for column in columns if column.type != "json"}
    found: list[GroupOrder] = []
    for part in parse_names("sortby", text, {sign + name for name in known for sign in ("", *SIGNS)}):
        name = part[1:] if part[0] in SIGNS and part not in known else part
        if name not in known:
            hint = suggestion(name, known) or f"groups can be sorted by: {', '.join(known)}"
            raise BadParameter(f"sortby names '{name}'", hint=hint, parameter="sortby")
        found.append(GroupOrder(known[name], descending=part[0] == "-" and part not in known))
    return tuple(found)


def facet_names(args: Args, collection: Collection) -> tuple[tuple[Column, ...], int]:
    """The properties of facets, and how many values each has at most. Raises: BadParameter"""
    known = {column.name: column for column in sortable_columns(collection) if column.type != "time"}
    size = parse_whole("size", args["size"], least=1, most=MOST_VALUES) if "size" in args else DEFAULT_VALUES
    if "properties" not in args:
        own = collection.id_column
        return tuple(column for column in known.values() if column != own)[:MOST_FACETS], size
    names = list(dict.fromkeys(parse_names("properties", args["properties"], known)))
    if len(names) > MOST_FACETS:
        hint = f"name {MOST_FACETS} at most"
        raise BadParameter(f"properties has {len(names)} names", hint=hint, parameter="properties")
    return tuple(find(name, known, "properties") for name in names), size
