"""Aggregates and facets of a collection's features."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.context import api, current_request
from api.routes.collections import body_args
from api.routes.responses import flask_response

bp = Blueprint("aggregates", __name__, url_prefix="/collections")


@bp.get("/<id>/aggregate")
def aggregate(id: str) -> Response:
    """Groups of features, and aggregates of each."""
    return flask_response(api().aggregates.groups(current_request(), id, request.args))


@bp.post("/<id>/aggregate")
def aggregate_by_body(id: str) -> Response:
    """The same. What is wanted is in the body, or partly in the address."""
    api().catalog.collection(id)  # or a 404, whatever the body is
    return flask_response(api().aggregates.groups(current_request(), id, body_args()))


@bp.get("/<id>/facets")
def facets(id: str) -> Response:
    """How many features have each value of some properties."""
    return flask_response(api().aggregates.facets(current_request(), id))
