"""The service itself: landing page, API definition, conformance, health, problems."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from api.context import api
from api.cql2 import functions_document
from api.documents.landing import conformance_document, landing_document
from api.documents.openapi.document import openapi_document
from api.http.links import OPENAPI_JSON
from api.http.problems import STATUS, UNEXPECTED, Problem, http_problem
from api.routes.responses import answer
from core.errors import DatabaseUnavailable

bp = Blueprint("service", __name__)


@bp.get("/")
def landing() -> Response:
    """Where everything begins. It answers without the database too, with no collections to show."""
    try:
        catalog = api().fresh_catalog
        collections = [*catalog.values(), *catalog.archives.values()]
    except DatabaseUnavailable:
        collections = None
    document = landing_document(api().settings, api().links)
    return answer(document, "landing.html", title=api().settings.title, collections=collections)


@bp.get("/api")
def definition() -> Response:
    """OpenAPI 3.0."""
    catalog = api().fresh_catalog
    samples, sets = api().samples.of(catalog.values()), api().tiles.grids.sets.values()
    document = openapi_document(api().settings, catalog, api().links, samples, sets)
    return answer(document, "api.html", type=OPENAPI_JSON, title="API")


@bp.get("/conformance")
def conformance() -> Response:
    """The conformance classes that hold."""
    return answer(conformance_document(), title="Conformance")


@bp.get("/functions")
def functions() -> Response:
    """The functions that filters may call."""
    return answer(functions_document(), title="Functions of filters")


@bp.get("/health/live")
def live() -> Response:
    """The process answers."""
    return answer({"status": "live"}, title="Health")


@bp.get("/health/ready")
def ready() -> Response:
    """The database answers too, else 503."""
    generation = api().fresh_catalog.generation
    return answer({"status": "ready", "catalogueGeneration": generation}, title="Health")


@bp.get("/problems/<code>")
def problem(code: str) -> Response:
    """What an error means: the address in the `type` of a problem document."""
    ours = [Problem(status, error.code, error.title(), "") for error, status in STATUS.items()]
    theirs = [http_problem(status, status.phrase, "") for status in HTTPStatus if status >= 400]
    for found in (*ours, UNEXPECTED, *theirs):
        if found.code == code:
            return answer({"code": code, "title": found.title, "status": int(found.status)}, title=found.title)
    raise NotFound(f"there is no problem '{code}'")
