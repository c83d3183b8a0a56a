"""The service itself: landing page, API definition, conformance, health, metrics, problems; the map of all collections,
and the network of the stack.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from api.context import api
from api.cql2.check.queryables import functions_document
from api.documents.collections import conformance_document, landing_document
from api.documents.network import (
    Unusable,
    network_document,
    page_tables,
    promises,
    read_picture,
    read_reports,
    sentences,
    text,
)
from api.documents.openapi.document import for_gdal, openapi_document, showcase
from api.http.links import METRICS, OPENAPI_JSON, SVG
from api.http.problems import STATUS, UNEXPECTED, Problem, http_problem
from api.http.request import reject_unknown
from api.params.tiles import parse_collections
from api.routes.responses import GDAL, answer, page
from core.errors import DatabaseUnavailable, NetworkHidden, NoPicture

bp = Blueprint("service", __name__)

NOTHING_ELSE = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""The picture of the network is shown as one: whatever else a file of that name asks for, it does not get."""


@bp.get("/")
def landing() -> Response:
    """Where everything begins. It answers without the database too, with no collections to show."""
    try:
        catalog = api().catalog.fresh()
        collections = [*catalog.values(), *catalog.archives.values()]
    except DatabaseUnavailable:
        collections = None
    document = landing_document(api().settings, api().links)
    return answer(document, "landing.html", title=api().settings.title, collections=collections)


@bp.get("/api")
def definition() -> Response:
    """OpenAPI 3.0. `?collections=a,b` describes the items of these too; GDAL is told of all, as it looks for them."""
    catalog = api().catalog.fresh()
    names = request.args.get("collections")
    chosen = () if names is None else parse_collections(names, catalog.collections, "features")
    first = showcase(catalog.values())
    samples = api().samples.of([*([first] if first else []), *chosen])
    sets = api().tiles.grids.sets.values()
    document = openapi_document(api().settings, catalog, api().links, samples, sets, chosen)
    if GDAL in request.user_agent.string:
        document = for_gdal(document, catalog.values())
    parameters = ("collections", "f")
    response = answer(document, "api.html", type=OPENAPI_JSON, title="API", parameters=parameters)
    response.vary.add("User-Agent")
    return response


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
    generation = api().catalog.fresh().generation
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


@bp.get("/metrics")
def metrics() -> Response:
    """What all workers count, for Prometheus. Raises: UnknownParameter"""
    reject_unknown(request.args, ())
    response = Response(api().metrics.text(), content_type=METRICS)
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get("/map")
def map() -> Response:
    """MapLibre with every collection as a layer. `?collections=a,b` shows these alone."""
    reject_unknown(request.args, ("collections",))
    return page("map.html", title=f"{api().settings.title}: map")


@bp.get("/network")
def network() -> Response:
    """The last reports of the network lab. It answers 200 when there are none too, and says how to make one."""
    check_shown()
    left = read_reports(api().settings.data_dir)
    document = network_document(left, api().settings.mode, api().links)
    compared, shown = left.reports["compare"] or {}, left.reports["show"] or {}
    response = answer(
        document,
        "network.html",
        title="Network",
        tables=page_tables(left),
        promises=promises(left.reports["check"] or {}),
        explanation=text(shown.get("explanation")) if isinstance(shown.get("explanation"), str) else "",
        findings=sentences(compared.get("findings")),
        advice=sentences(compared.get("advice")),
        text=text,
    )
    response.last_modified = left.changed_at
    return response


@bp.get("/network/picture")
def picture() -> Response:
    """The picture as SVG. Raises: NoPicture"""
    check_shown()
    reject_unknown(request.args, ())
    hint = "./scripts/isthmus net show on the host leaves one on the data volume"
    try:
        found = read_picture(api().settings.data_dir)
    except Unusable as error:
        raise NoPicture("the picture on the data volume is damaged or cannot be read", hint=hint) from error
    if found is None:
        raise NoPicture("no picture of the network was left on the data volume", hint=hint)
    response = Response(found, content_type=SVG)
    response.headers["Content-Security-Policy"] = NOTHING_ELSE
    return response


def check_shown() -> None:
    """Raises: NetworkHidden where the operator does not let it be seen"""
    if api().settings.network_page == "off":
        raise NetworkHidden("this server does not show its network", hint="the operator sets ISTHMUS_NETWORK_PAGE=on")
