"""Features: pages of them, single ones, and searches."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from api.context import api, current_request
from api.params.body import merged, parse_body
from api.routes.responses import flask_response

bp = Blueprint("items", __name__, url_prefix="/collections/<id>")

MOST_BODY_BYTES = 1_000_000


@bp.get("/items")
def items(id: str) -> Response:
    """A page of features, or all of them as a file."""
    return flask_response(api().features.page(current_request(), id))


@bp.get("/items/<path:feature_id>")
def feature(id: str, feature_id: str) -> Response:
    """One feature."""
    return flask_response(api().features.feature(current_request(), id, feature_id))


@bp.post("/search")
@bp.post("/items")
def search(id: str) -> Response:
    """A page of features. What is wanted is in the body, or partly in the address.

    A body of another media type may become a way to add features (Part 4): it is a 415 now.
    """
    api().collection(id)  # or a 404, whatever the body is
    refuse_encoded()
    args = merged(request.args, parse_body(whole_body(), request.mimetype, request.form))
    return flask_response(api().features.search(current_request(), id, args))


def refuse_encoded() -> None:
    """Raises: UnsupportedMediaType for a body that is compressed, as RFC 9110 (15.5.16) has it"""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(f"the body's Content-Encoding is '{encoding}'; send it as it is")


def whole_body() -> bytes:
    """The body, which `request.form` is then read from.

    Of a body in chunks, whose length nobody tells, Werkzeug would give the first part.
    Raises: TooManyBodies, RequestEntityTooLarge
    """
    request.max_content_length = MOST_BODY_BYTES + 1
    with api().bodies.one():
        body = request.get_data()
    if len(body) > MOST_BODY_BYTES:
        raise RequestEntityTooLarge
    return body
