"""What a view needs, typed: settings, database, catalogue, tile cache, and the links of the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app, g, request

from api.catalog.live import LiveCatalog
from api.documents.openapi.examples import Samples
from api.features.service import FeatureService
from api.formats.html import HtmlPages
from api.http.links import Links
from api.http.request import Request, base_of
from api.http.slots import Slots
from api.monitoring.metrics import Metrics, new_request_id
from api.tiles.service import TileService
from core.catalog.collections import Catalog, Collection
from core.database.connections import Database
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Api:
    """The parts that `create_app` wired."""

    settings: Settings
    database: Database
    live_catalog: LiveCatalog
    tiles: TileService
    samples: Samples
    bodies: Slots
    metrics: Metrics
    html: HtmlPages
    features: FeatureService

    @property
    def catalog(self) -> Catalog:
        """The catalogue, at most a second old. Raises: DatabaseUnavailable, CatalogueMissing."""
        return self.live_catalog.current()

    @property
    def fresh_catalog(self) -> Catalog:
        """The catalogue of this moment, so that every worker lists the same. Raises: as `catalog`."""
        return self.live_catalog.fresh()

    def collection(self, id: str) -> Collection:
        """The collection of an id. One that is not known is looked for again: it may have been loaded just now.

        Raises: as `LiveCatalog.collection`
        """
        return self.live_catalog.collection(id)

    @property
    def links(self) -> Links:
        """Links from where this request's client stands: the public URL, or the address it called."""
        return Links(base_of(request.environ, self.settings.public_url))


EXTENSION = "isthmus"
"""What an app has its parts by."""


def api() -> Api:
    """The parts, inside a request."""
    return cast(Api, current_app.extensions[EXTENSION])


def current_request() -> Request:
    """The request as a value, made once."""
    if "request" not in g:
        args, query = request.args, request.query_string.decode("latin-1")
        g.request = Request(api().links.base, request.path, query, args, request.environ, new_request_id())
    return g.request
