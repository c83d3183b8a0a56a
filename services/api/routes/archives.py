"""Files of tiles, and functions that make them: asked for such a collection, these views answer in place of those for
features.

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
from api.params.common import reject_unknown
from api.routes import tile_functions
from api.routes.responses import answer
from api.routes.tiles import tileset_answer
from api.tiles.archive_response import Wanted, archive_answer
from api.tms.matrix_set import WEB_MERCATOR_QUAD
from core.archives import TileArchive
from core.errors import OnlyTiles, UnknownTileMatrixSet

View = Callable[..., Response]


def instead() -> Response | None:
    """The answer for a collection of tiles; None for everything else. Raises: OnlyTiles, and what its views raise"""
    values: Mapping[str, Any] = request.view_args or {}
    archive = find(values["id"]) if "id" in values and request.method != "OPTIONS" else None
    if archive is None:
        return None
    view = (tile_functions.VIEWS if isinstance(archive, TileFunction) else VIEWS).get(request.endpoint or "")
    if view is None:
        hint = f"its tiles are at /collections/{archive.id}/tiles"
        raise OnlyTiles(f"'{archive.id}' has tiles only, and no features", hint=hint)
    if values.get("tms", WEB_MERCATOR_QUAD.id) != WEB_MERCATOR_QUAD.id:
        raise UnknownTileMatrixSet(
            f"'{archive.id}' has no tiles in '{values['tms']}'",
            hint=f"it has them in {WEB_MERCATOR_QUAD.id}",
            parameter="tileMatrixSetId",
        )
    return view(archive, **{name: value for name, value in values.items() if name not in ("id", "tms")})


def find(id: str) -> TileArchive | None:
    """The archive of an id. One that is not known is looked for again: it may have been found just now."""
    catalog = api().catalog
    if id in catalog.archives or id in catalog.collections:
        return catalog.archives.get(id)
    return api().fresh_catalog.archives.get(id)


def collection(archive: TileArchive) -> Response:
    """The collection."""
    return answer(archive_document(archive, api().links), "archive.html", title=archive.title, archive=archive)


def tilesets(archive: TileArchive) -> Response:
    """The list of its tileset."""
    return answer(archive_tilesets_document(archive, api().links), title=f"Tilesets of {archive.title}")


def tileset(archive: TileArchive) -> Response:
    """Its tileset."""
    document = archive_tileset_document(archive, api().links)
    return tileset_answer(tileset_of(archive), document, archive.facts.media_type)


def tilejson(archive: TileArchive) -> Response:
    """TileJSON."""
    return answer(archive_tilejson_document(archive, api().links), title=f"TileJSON of {archive.title}")


def style(archive: TileArchive) -> Response:
    """A MapLibre style."""
    document = archive_style_document(archive, api().links)
    return answer(document, type=MAPLIBRE_STYLE, title=f"Style of {archive.title}")


def tile(archive: TileArchive, z: str, row: str, column: str) -> Response:
    """A tile: 200 with the bytes of the file, 204 where it has none, 404 outside its zooms and bounds, 304."""
    reject_unknown(request.args, ("f",))
    headers = (request.headers.get(name, "") for name in ("Accept", "Accept-Encoding", "If-None-Match"))
    found = archive_answer(api(), archive, (z, row, column), Wanted(request.args.get("f"), *headers))
    response = Response(found.body, found.status, found.headers)
    if not found.body:
        del response.headers["Content-Type"]
    return response


VIEWS: Mapping[str, View] = {
    "collections.collection": collection,
    "tiles.tilesets": tilesets,
    "tiles.tileset": tileset,
    "tiles.tilejson": tilejson,
    "tiles.style": style,
    "tiles.tile": tile,
}
"""By the endpoint of the view for features."""
