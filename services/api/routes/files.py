"""What became of each file in the data folder."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.context import api
from api.documents.files import FilesPage, files_document
from api.http.request import parse_choice, parse_whole
from api.params.items import LARGEST_OFFSET
from api.routes.responses import answer
from core.catalog.files import COUNTS, STATES, parse_file, select_files
from core.errors import FilesHidden

bp = Blueprint("files", __name__)

DEFAULT, MOST = 100, 1000
PARAMETERS = ("f", "state", "limit", "offset")


@bp.get("/files")
def files() -> Response:
    """A page of files, those under way first. Raises: FilesHidden where the operator does not let them be seen"""
    if api().settings.files_page == "off":
        raise FilesHidden("this server does not show its files", hint="the operator sets ISTHMUS_FILES_PAGE=on")
    page = read_page()
    document = files_document(page, api().links)
    response = answer(document, "files.html", parameters=PARAMETERS, title="Files", page=page)
    response.headers["Cache-Control"] = "no-store"
    return response


def read_page() -> FilesPage:
    """The page that the request wants. Raises: BadParameter, DatabaseUnavailable"""
    given = request.args
    state = parse_choice("state", given["state"], STATES) if "state" in given else None
    limit = parse_whole("limit", given.get("limit", str(DEFAULT)), least=1, most=MOST)
    offset = parse_whole("offset", given.get("offset", "0"), least=0, most=LARGEST_OFFSET)
    statement = select_files(state=state, limit=limit, offset=offset)
    counts, rows = api().database.run_together(COUNTS, statement)
    return FilesPage([parse_file(row) for row in rows], dict(counts), state, limit, offset)
