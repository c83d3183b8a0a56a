"""Wires the API: parts, routes, errors. Nothing is opened at import time."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException
from werkzeug.routing import PathConverter

from api.catalog.live import LiveCatalog
from api.catalog.survey.watch import LiveSources
from api.context import Api, api, install
from api.exports.files import FileExports
from api.exports.stream import Exports
from api.features.samples import Samples
from api.http.body_slots import Bodies
from api.http.problems import RETRY_AFTER_S, UNEXPECTED, Problem, http_problem, problem_of, shortened
from api.http.request import ERROR
from api.middleware.fast_path import Hot
from api.middleware.fast_tiles import FastTiles
from api.middleware.gdal_plus_signs import PlusSigns
from api.middleware.proxy_headers import TrustedProxies
from api.middleware.timing import Timing
from api.monitoring.metrics import Metrics
from api.planner.counts import Counts
from api.query.source_errors import catalogue_is_new
from api.routes import collections, items, metrics as metering, network, search, service, tiles, viewer
from api.routes.after_request import begin, finish
from api.routes.archives import instead
from api.tiles.service import TileService
from core.db import Database, RetryPolicy
from core.errors import CatalogueMissing, IsthmusError
from core.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("isthmus.api")

OF_A_REQUEST = RetryPolicy(most_runs=4)
"""A request may meet so many states of the catalogue. The fast path's try is one more, for what it answers."""

PROBLEM_JSON = "application/problem+json"


class AnyPath(PathConverter):
    """The id of a feature, which may begin with a slash too, and have several lines."""

    regex = "(?s:.+?)"
    part_isolating = False


class Application(Flask):
    """Flask, for requests that meet a reload."""

    def dispatch_request(self) -> ResponseReturnValue:
        """Answer, once more when a table is missing: the catalogue may be older than the last loads, and name a version
        that is not kept any more. A table that is missing then, of a source, is none that a retry would find, unless
        the catalogue changed meanwhile.
        """
        known, is_certain = api().live_catalog.last, False

        def attempt() -> ResponseReturnValue:
            with catalogue_is_new() if is_certain and not api().database.reads_replicas else nullcontext():
                return self._view()

        def mend(error: Exception) -> bool:
            nonlocal known, is_certain
            if is_certain or not isinstance(error, CatalogueMissing):
                return False
            before, known = known, api().live_catalog.fresh()
            is_certain = known is before
            return True

        return OF_A_REQUEST.run(attempt, mend)

    def failed(self, error: Exception) -> WSGIApplication:
        """What answers a request that met an error before Flask, as a view that raises it."""

        def respond(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            with self.request_context(environ):
                self.preprocess_request()
                response = self.make_response(self.handle_user_exception(error))
                return self.process_response(response)(environ, start_response)

        return respond

    def _view(self) -> ResponseReturnValue:
        if (of_tiles := instead()) is not None:
            return of_tiles
        if ERROR in request.environ:
            raise request.environ[ERROR]
        return super().dispatch_request()


def create_app(settings: Settings, database: Database, metrics: Metrics | None = None) -> Flask:
    """The WSGI application. The database need not answer yet. `metrics`: those that workers share."""
    app = Application(__name__)
    app.url_map.strict_slashes = False
    app.url_map.converters["path"] = AnyPath
    app.json.sort_keys = False  # type: ignore[attr-defined]
    counts = Counts(database, settings.exact_count_cost)
    exports = Exports(database, max(1, min(settings.pool_size, settings.threads) // 2), settings.export_timeout_s)
    files = FileExports(settings, database, exports)
    schemas = settings.source_schemas()
    live = LiveCatalog(database, LiveSources(database, schemas) if schemas else None)
    samples, bodies = Samples(database), Bodies(settings.threads)
    metrics = metrics or Metrics()
    made_tiles = TileService(settings, database, live, metrics)
    parts = Api(settings, database, live, made_tiles, exports, files, counts, samples, bodies, metrics)
    install(app, parts)
    for module in (service, metering, network, collections, items, search, tiles, viewer):
        app.register_blueprint(module.bp)
    app.before_request(begin)
    app.after_request(finish)
    app.register_error_handler(IsthmusError, answer_error)
    app.register_error_handler(HTTPException, answer_http_error)
    app.register_error_handler(Exception, answer_unexpected)
    hot = PlusSigns(Hot(app.wsgi_app, parts))
    behind = Timing(TrustedProxies(hot, settings), metrics)

    def failed(error: Exception) -> WSGIApplication:
        return Timing(TrustedProxies(app.failed(error), settings), metrics)

    app.wsgi_app = FastTiles(behind, made_tiles, metrics, failed)  # type: ignore[method-assign]
    return app


def answer_error(error: IsthmusError) -> Response:
    """An expected error: one line in the log, with the cause that the client is not told."""
    problem = problem_of(error)
    cause = f" ({type(first).__name__}: {first})" if (first := first_cause(error)) is not error else ""
    asked_for = shortened(request.path)
    log.info("%s %s %d %s: %s%s", g.request_id, asked_for, problem.status, problem.code, problem.detail, cause)
    return answer_problem(problem)


def first_cause(error: BaseException) -> BaseException:
    """What an error comes from, in PostgreSQL's words if it comes from there."""
    while error.__cause__ not in (None, error):
        error = error.__cause__
    return error


def answer_http_error(error: HTTPException) -> Response:
    """An error that Werkzeug raised: no such path, wrong method, no acceptable format."""
    if error.code is None or error.code < 400:
        return Response(error.get_response().get_data(), error.code, dict(error.get_headers()))
    response = answer_problem(http_problem(error.code, error.name, error.description or error.name))
    for name, value in error.get_headers():
        if name in ("Allow", "Content-Range"):
            response.headers[name] = value
    return response


def answer_unexpected(error: Exception) -> Response:
    """A mistake of ours: the client gets the request id, the log the rest."""
    log.error("%s %s failed", g.request_id, shortened(request.full_path), exc_info=error)
    return answer_problem(UNEXPECTED)


def answer_problem(problem: Problem) -> Response:
    """A problem document."""
    body = json.dumps(problem.document(api().links.base, g.request_id), ensure_ascii=False)
    response = Response(body, status=problem.status, content_type=PROBLEM_JSON)
    if problem.status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response
