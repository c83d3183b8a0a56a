"""Wires the API: parts, routes, errors. Nothing is opened at import time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask
from flask.typing import ResponseReturnValue
from werkzeug.routing import PathConverter

from api.aggregates.service import aggregate_service
from api.catalog.live import LiveCatalog
from api.catalog.survey.watch import LiveSources
from api.context import EXTENSION, Api, api
from api.documents.openapi.examples import Samples
from api.exports.files import FileExports
from api.features.exports import ExportService
from api.features.find import Streams
from api.features.service import FeatureService, ResponseCache
from api.formats.html import HtmlPages
from api.http.request import Limits
from api.http.slots import body_slots
from api.middleware.fast_path import FastPath, FastTiles, failed
from api.middleware.proxy_headers import TrustedProxies
from api.monitoring.metrics import Metrics, Timing
from api.planner.choose_plan import Reader
from api.planner.counts import Counts
from api.routes import aggregates, basemap, collections, files, service, tiles, views
from api.routes.archives import instead
from api.routes.responses import answer_error, begin, finish
from api.tiles.service import TileService
from core.database.connections import Database
from core.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class AnyPath(PathConverter):
    """The id of a feature, which may begin with a slash too, and have several lines."""

    regex = "(?s:.+?)"
    part_isolating = False


class Application(Flask):
    """Flask, for requests that meet a reload."""

    def dispatch_request(self) -> ResponseReturnValue:
        """The response of the view, which is called once more where the catalogue was out of date."""
        return api().catalog.retrying(self._view)

    def _view(self) -> ResponseReturnValue:
        if (of_tiles := instead()) is not None:
            return of_tiles
        return super().dispatch_request()


def create_app(settings: Settings, database: Database, metrics: Metrics | None = None) -> Flask:
    """The WSGI application. The database need not answer yet. `metrics`: those that workers share."""
    app = Application(__name__)
    app.url_map.strict_slashes = False
    app.url_map.converters["path"] = AnyPath
    app.json.sort_keys = False  # type: ignore[attr-defined]
    schemas = settings.source_schemas()
    sources = LiveSources(database, schemas) if schemas else None
    live = LiveCatalog(database, sources, shows_files=settings.files_page == "on")
    metrics = metrics or Metrics()
    made_tiles = TileService(settings, database, live, metrics)
    html = HtmlPages(lambda template, values: app.jinja_env.get_template(template).render(values), settings)
    features = feature_service(settings, database, live, html)
    samples, bodies = Samples(database), body_slots(settings.threads)
    groups = aggregate_service(settings, features.reader, live)
    app.extensions[EXTENSION] = Api(
        settings, database, live, made_tiles, samples, bodies, metrics, html, features, groups
    )
    for module in (service, basemap, files, collections, aggregates, tiles, views):
        app.register_blueprint(module.bp)
    app.before_request(begin)
    app.after_request(finish)
    app.register_error_handler(Exception, answer_error)

    def behind_proxies(inner: WSGIApplication) -> WSGIApplication:
        return Timing(TrustedProxies(inner, settings), metrics)

    def problem(error: Exception) -> WSGIApplication:
        return behind_proxies(failed(error, html))

    fast_path = FastPath(app.wsgi_app, features, live, html)
    app.wsgi_app = FastTiles(behind_proxies(fast_path), made_tiles, metrics, problem)  # type: ignore[method-assign]
    return app


def feature_service(settings: Settings, database: Database, live: LiveCatalog, html: HtmlPages) -> FeatureService:
    """The handler of features."""
    reader = Reader(database, Counts(database, settings.exact_count_cost))
    streams = Streams(database, max(1, min(settings.pool_size, settings.threads) // 2), settings.export_timeout_s)
    exports = ExportService(reader, streams, FileExports(settings, database, streams.slots), settings.cache_control)
    limits = Limits(settings.default_limit, settings.max_limit)
    cache = ResponseCache(settings.answer_cache_mb * 1_000_000)
    return FeatureService(reader, live, streams, exports, html, limits, settings.cache_control, cache)
