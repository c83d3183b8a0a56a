"""The network of the stack, as the lab on the host last saw it."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.catalog.network_reports import Unusable, read_picture, read_reports
from api.context import api
from api.documents.network import network_document, page_tables, promises, sentences, text
from api.http.links import SVG
from api.http.request import reject_unknown
from api.routes.responses import answer
from core.errors import NetworkHidden, NoPicture

bp = Blueprint("network", __name__)
NOTHING_ELSE = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""The picture is shown as one: whatever else a file of that name asks for, it does not get."""


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
