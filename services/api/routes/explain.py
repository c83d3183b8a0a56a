"""`?explain=true` on a tile: its statement, its plan, its weight, and advice. The one answer that shows SQL."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from api.context import api
from api.documents.explain import explain_document, explain_several_document
from api.params.items import queryable_columns
from api.params.tiles import tile_query
from api.params.values import parse_boolean
from api.query.items import TileQuery
from api.query.source_errors import reading
from api.routes.responses import answer
from api.tiles.explain import explain_tile
from api.tiles.layers import Layered
from api.tiles.service import key_of, store_of
from api.tms.tile import Tile, check_limits
from core.catalog import Collection
from core.errors import BadParameter, ExplainOff

EXPLAIN = "explain"
FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")
"""Headers that proxies add."""


def is_explained(*collections: Collection) -> bool:
    """Whether the request wants to know about its tile. A property of that name is asked for itself.

    Raises: BadParameter, ExplainOff
    """
    text = request.args.get(EXPLAIN)
    if text is None or any(map(has_own, collections)):
        return False
    try:
        wanted = parse_boolean(text)
    except ValueError as error:
        raise BadParameter(f"{EXPLAIN} is '{text}'", hint="it takes true or false", parameter=EXPLAIN) from error
    if wanted and not may_explain():
        hint = "it shows SQL and costs as much as several tiles; the operator may set ISTHMUS_EXPLAIN=on"
        raise ExplainOff("this server does not explain its tiles", hint=hint, parameter=EXPLAIN)
    return wanted


def may_explain() -> bool:
    """Whether the client may see how tiles are made. One behind a proxy that nobody told of is none of this machine."""
    settings = api().settings
    if settings.explain == "local":
        return settings.is_local and not any(name in request.headers for name in FORWARDED)
    return settings.explain == "on"


def has_own(collection: Collection) -> bool:
    """Whether a property or an argument has the name of the parameter."""
    return any(found.name == EXPLAIN for found in (*collection.arguments, *queryable_columns(collection)))


def explanation(collection: Collection, place: Tile) -> Response:
    """The document, as JSON or a page. Raises: as for the tile, but for a tile that takes too long"""
    query = tile_query(request.args, collection, (EXPLAIN,))
    check_limits(place, api().grids.extent(collection, place.matrix_set))
    return explained(story_of(collection, place, query), f"A tile of {collection.title}")


def explanation_of_several(tile: Layered, title: str) -> Response:
    """The document of a tile of several collections: the story of each. Raises: as for the tile"""
    stories = [story_of(collection, tile.place, query) for collection, query in tile.layers]
    return explained(explain_several_document(tile.place, stories), f"A tile of {title}")


def story_of(collection: Collection, place: Tile, query: TileQuery) -> dict[str, Any]:
    """What became of one collection in a tile. Raises: as for the tile"""
    kept = collection.source is None and store_of(api(), query).get(key_of(api(), collection, place, query)) is not None
    with reading(collection, has_values=not query.filter.is_everything, filter=query.filter):
        story = explain_tile(api().database, api().settings, collection, api().grids.placed(place), query)
    return explain_document(story, kept=kept)


def explained(document: dict[str, Any], title: str) -> Response:
    """The answer, which nobody is to keep."""
    response = answer(document, "explain.html", parameters=tuple(request.args), title=title)
    response.headers["Cache-Control"] = "no-store"
    return response
