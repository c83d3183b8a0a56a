"""Saved views of the pages that explore collections."""

from __future__ import annotations

from flask import Blueprint, Response

from api.context import api
from api.documents.views import read_views, views_document
from api.routes.responses import answer

bp = Blueprint("views", __name__)


@bp.get("/views")
def views() -> Response:
    """All saved views."""
    response = answer(views_document(*read_views(api().settings.data_dir), api().links), title="Saved views")
    response.headers["Cache-Control"] = "no-store"
    return response
