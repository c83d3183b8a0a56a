"""The map of all collections."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.context import api
from api.http.request import reject_unknown
from api.routes.responses import page

bp = Blueprint("viewer", __name__)


@bp.get("/map")
def map() -> Response:
    """MapLibre with every collection as a layer. `?collections=a,b` shows these alone."""
    reject_unknown(request.args, ("collections",))
    return page("map.html", title=f"{api().settings.title}: map")
