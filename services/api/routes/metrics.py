"""What the API counts, for Prometheus."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.context import api
from api.http.links import METRICS
from api.http.request import reject_unknown

bp = Blueprint("metering", __name__)


@bp.get("/metrics")
def metrics() -> Response:
    """The counters of all workers. Raises: UnknownParameter"""
    reject_unknown(request.args, ())
    response = Response(api().metrics.text(), content_type=METRICS)
    response.headers["Cache-Control"] = "no-store"
    return response
