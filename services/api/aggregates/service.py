"""The handler of aggregates and facets. Its adapters are Flask's views."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from api.aggregates.facets import facet
from api.aggregates.find import Budget, Groups, find_groups
from api.aggregates.write import groups_csv, groups_document, groups_geojson
from api.catalog.live import LiveCatalog
from api.http.links import CSV, GEOJSON, JSON, Link, query_text, self_and_alternate
from api.http.request import Args, Request, choose_format
from api.http.response import OK, ApiResponse, Headers, not_modified, validator_of
from api.http.slots import Slots
from api.params.aggregates import FACET_PARAMETERS, aggregate_query, facet_names, parse_filter_args
from api.planner.choose_plan import Reader
from core.catalog.collections import Collection
from core.errors import TooManyAggregates
from core.settings import Settings

FORMATS: Mapping[str, str] = {"json": JSON, "csv": CSV, "geojson": GEOJSON}
FACET_FORMATS: Mapping[str, str] = {"json": JSON}
WAIT_S = 2.0
"""How long an aggregate waits for others."""


@dataclass(frozen=True, slots=True)
class AggregateService:
    """Responds to requests for groups of features. Safe for threads. Every method raises IsthmusError, HTTPException.

    Each aggregate may keep a connection busy for seconds: so many at once as leave half of the connections free.
    """

    reader: Reader
    catalog: LiveCatalog
    budget: Budget
    slots: Slots
    cache_control: str

    def groups(self, request: Request, id: str, args: Args) -> ApiResponse:
        """Groups of a collection's features."""
        collection = self.catalog.collection(id)
        chosen = choose_format(args.get("f"), request.accept, tuple(FORMATS.items()))
        query = aggregate_query(args, collection)
        validator = validator_of(collection, FORMATS[chosen], request, self.cache_control)
        if request.method != "POST" and validator.unchanged(request.environ):
            return not_modified(validator)
        with self.slots.one():
            found = find_groups(self.reader, collection, query, self.budget)
        headers = [] if request.method == "POST" else validator.headers
        if chosen == "csv":
            return response(groups_csv(found), f"{CSV}; charset=utf-8", headers)
        links = groups_links(request, args, collection, found, chosen)
        document = groups_document(collection, found, links) if chosen == "json" else groups_geojson(found, links)
        return response(as_json(document), FORMATS[chosen], headers)

    def facets(self, request: Request, id: str) -> ApiResponse:
        """How many features have each value of some properties."""
        collection = self.catalog.collection(id)
        choose_format(request.args.get("f"), request.accept, tuple(FACET_FORMATS.items()))
        filter = parse_filter_args(request.args, collection, FACET_PARAMETERS)
        columns, size = facet_names(request.args, collection)
        validator = validator_of(collection, JSON, request, self.cache_control)
        if validator.unchanged(request.environ):
            return not_modified(validator)
        with self.slots.one():
            count = self.reader.counts.of_filter(collection, filter)
            budget = Budget(self.budget.timeout_s)  # they keep to a smaller one by themselves
            found = [facet(self.reader, collection, filter, column, size, budget) for column in columns]
        numbers = {"numberMatched": count.exact, "numberMatchedEstimate": count.estimate}
        document = {
            "collection": collection.id,
            **{name: number for name, number in numbers.items() if number is not None},
            "facets": found,
            "links": [
                *self_and_alternate(request.here, request.args, FACET_FORMATS, "json"),
                to_collection(request, collection),
            ],
        }
        return response(as_json(document), JSON, validator.headers)


def aggregate_service(settings: Settings, reader: Reader, catalog: LiveCatalog) -> AggregateService:
    """The handler, with the limits of the settings."""
    refusal = partial(
        TooManyAggregates, "other aggregates are worked out at the moment", hint="try again in a few seconds"
    )
    most = max(1, min(settings.pool_size, settings.threads) // 2)
    slots = Slots(most, max(1, most - 1), WAIT_S, refusal)
    budget = Budget(settings.aggregate_timeout_s, settings.aggregate_cost)
    return AggregateService(reader, catalog, budget, slots, settings.cache_control)


def response(body: bytes, type: str, headers: Headers) -> ApiResponse:
    """A response whose choice depends on the Accept header."""
    return ApiResponse(OK, [("Content-Type", type), ("Vary", "Accept"), *headers], body)


def as_json(document: dict[str, Any]) -> bytes:
    """The document."""
    return json.dumps(document, ensure_ascii=False).encode()


def to_collection(request: Request, collection: Collection) -> Link:
    """The link to the collection."""
    return request.links.link("collection", JSON, collection.title, "collections", collection.id)


def groups_links(request: Request, args: Args, collection: Collection, found: Groups, chosen: str) -> list[Link]:
    """The links of a page of groups: itself, its other formats, the next page, and the collection. Of a POST the last
    one alone: what it asked is in its body.
    """
    if request.method == "POST":
        return [to_collection(request, collection)]
    links = self_and_alternate(request.here, request.args, FORMATS, chosen)
    end = found.query.offset + len(found.rows)
    if end < found.number:
        rest = {name: args[name] for name in args if name != "offset"} | {"offset": str(end)}
        href = f"{request.here}?{query_text(rest)}"
        links.append({"href": href, "rel": "next", "type": FORMATS[chosen], "title": "next page"})
    return [*links, to_collection(request, collection)]
