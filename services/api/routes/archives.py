"""Collections that have tiles only, files of tiles and functions that make them: these views answer in place of those
for features.

The application asks it before every view, since the addresses are those of all collections.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

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
from api.http.links import MAPLIBRE_STYLE
from api.params.tiles import given_parameters
from api.routes.responses import answer
from api.routes.tiles import tileset_answer
from api.tiles.archives import check_parameters
from api.tiles.resources import check_matrix_set
from core.catalog.archives import TileArchive
from core.errors import OnlyTiles

View = Callable[[TileArchive], Response]

TILE = "tiles.tile"
"""The view of tiles is the same for all collections."""


def instead() -> Response | None:
    """The answer for a collection of tiles; None for everything else. Raises: OnlyTiles, and what its views raise"""
    values: Mapping[str, Any] = request.view_args or {}
    has_collection = values.get("id") is not None and request.method != "OPTIONS" and request.endpoint != TILE
    archive = find(values["id"]) if has_collection else None
    if archive is None:
        return None
    view = VIEWS.get(request.endpoint or "")
    if view is None:
        hint = f"its tiles are at /collections/{archive.id}/tiles"
        raise OnlyTiles(f"'{archive.id}' has tiles only, and no features", hint=hint)
    if "tms" in values:
        check_matrix_set(archive, values["tms"])
    return view(archive)


def find(id: str) -> TileArchive | None:
    """The archive of an id. One that is not known is looked for again: it may have been found just now."""
    catalog = api().catalog.current()
    if id in catalog.archives or id in catalog.collections:
        return catalog.archives.get(id)
    return api().catalog.fresh().archives.get(id)


def collection(archive: TileArchive) -> Response:
    """The collection."""
    known = with_layers(archive)
    return answer(archive_document(known, api().links), "archive.html", title=known.title, archive=known)


def tilesets(archive: TileArchive) -> Response:
    """The list of its tileset."""
    return answer(archive_tilesets_document(archive, api().links), title=f"Tilesets of {archive.title}")


def tileset(archive: TileArchive) -> Response:
    """Its tileset."""
    known, given = requested(archive)
    document = archive_tileset_document(known, api().links, given)
    return tileset_answer(tileset_of(known, given), document, known.facts.media_type)


def tilejson(archive: TileArchive) -> Response:
    """TileJSON."""
    known, given = requested(archive)
    document = archive_tilejson_document(known, api().links, given)
    return answer(document, parameters=("f", *given), title=f"TileJSON of {known.title}")


def style(archive: TileArchive) -> Response:
    """A MapLibre style."""
    known, given = requested(archive)
    document = archive_style_document(known, api().links, given)
    return answer(document, type=MAPLIBRE_STYLE, parameters=("f", *given), title=f"Style of {known.title}")


def requested(archive: TileArchive) -> tuple[TileArchive, Mapping[str, str]]:
    """The archive with its layers, and the parameters that its tiles are asked for with: none of a file.

    Raises: UnknownParameter
    """
    if not isinstance(archive, TileFunction):
        return archive, {}
    check_parameters(request.args, archive)
    return with_layers(archive), given_parameters(request.args)


def with_layers(archive: TileArchive) -> TileArchive:
    """The archive with the layers of its tiles, which those of a function tell."""
    return api().tiles.functions.with_layers(archive) if isinstance(archive, TileFunction) else archive


VIEWS: Mapping[str, View] = {
    "collections.collection": collection,
    "tiles.tilesets": tilesets,
    "tiles.tileset": tileset,
    "tiles.tilejson": tilejson,
    "tiles.style": style,
}
"""By the endpoint of the view for features."""
