"""What a view needs, typed: settings, database, catalogue, tile cache, and the links of the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app, g, request

from api.aggregates.service import AggregateService
from api.catalog.live import LiveCatalog
from api.documents.openapi.examples import Samples
from api.features.service import FeatureService
from api.formats.html import HtmlPages
from api.http.links import Links
from api.http.request import Request, base_of
from api.http.slots import Slots
from api.monitoring.metrics import Metrics, new_request_id
from api.tiles.service import TileService
from core.database.connections import Database
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Api:
    """The parts that `create_app` wired."""

    settings: Settings
    database: Database
    catalog: LiveCatalog
    tiles: TileService
    samples: Samples
    bodies: Slots
    metrics: Metrics
    html: HtmlPages
    features: FeatureService
    aggregates: AggregateService

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
