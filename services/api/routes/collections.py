"""Collections, their schemas, and their features: pages of them, single ones, and searches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from api.aggregates.profile import profile
from api.aggregates.sizes import export_sizes
from api.context import api, current_request
from api.documents.collections import collection_document, license_url
from api.documents.dataset import dcat, schema_org
from api.documents.explore import explore_data, language_of, view_shown
from api.documents.listing import collections_document
from api.documents.schemas import (
    feature_schema_document,
    gdal_feature_schema,
    queryables_document,
    schema_document,
    sortables_document,
    wide_properties,
)
from api.documents.snippets import snippets
from api.formats.registry import offered_exports
from api.http.links import HTML, JSON, JSON_LD, PNG, SCHEMA_JSON, Links
from api.http.request import Args, choose_format, reject_unknown
from api.params.body import merged, parse_body
from api.params.collections import LISTED_PARAMETERS, page_of, parse_list_query
from api.params.items import queryable_columns
from api.pictures.service import picture_of
from api.routes.responses import GDAL, answer, flask_response, page, respond
from api.tiles.layers import with_tiles
from core.catalog.collections import Collection
from core.catalog.files import parse_file, select_file

bp = Blueprint("collections", __name__, url_prefix="/collections")

MOST_BODY_BYTES = 1_000_000
SHOWN_AT_ONCE = 50
"""Collections on a page of HTML."""


@bp.get("")
def collections() -> Response:
    """All collections, or a page of those that are wanted. People see some at once."""
    catalog = api().catalog.fresh()
    query = parse_list_query(request.args, SHOWN_AT_ONCE if wants_page(("json", JSON)) else None)
    found = page_of(query, [*catalog.values(), *catalog.archives.values()])
    document = collections_document(found, request.args, api().links)
    return answer(document, "collections.html", parameters=LISTED_PARAMETERS, title="Collections", page=found)


def wants_page(*formats: tuple[str, str]) -> bool:
    """Whether a request wants HTML. `formats`: the others, the default one first"""
    return choose_format(request.args.get("f"), current_request().accept, (*formats, ("html", HTML))) == "html"


@bp.get("/<id>")
def collection(id: str) -> Response:
    """One collection."""
    found, links, settings = api().catalog.collection(id), api().links, api().settings
    others = {"dcat": (JSON_LD, dcat(found, links, settings))}
    shown = shown_on_page(found) if wants_page(("json", JSON), ("dcat", JSON_LD)) else {}
    document = collection_document(found, links)
    return answer(document, "collection.html", title=found.title, others=others, collection=found, **shown)


def shown_on_page(collection: Collection) -> dict[str, Any]:
    """What the page of a collection shows beside its document."""
    reader, links = api().aggregates.reader, api().links
    has_file = collection.source is None and api().settings.files_page == "on"
    files = api().database.run(select_file(collection.source_path)) if has_file else []
    return {
        "profile": profile(reader, collection),
        "sizes": export_sizes(reader, collection),
        "made": {} if collection.needs_arguments else api().features.exports.made_sizes(collection),
        "file": parse_file(files[0]) if files else None,
        "downloads": offered_exports(collection),
        "queryable": {column.name for column in queryable_columns(collection)},
        "snippets": snippets(collection, links),
        "dataset": schema_org(collection, links, api().settings),
        "license_url": license_url(collection.license),
    }


@bp.get("/<id>/explore")
def explore(id: str) -> Response:
    """The page that filters, counts, maps and downloads a collection. What it shows is in its address."""
    found = api().catalog.collection(id)
    language = language_of(request.args, request.headers.get("Accept-Language", ""))
    view = view_shown(request.args.get("view"), found, api().settings.data_dir)
    data = explore_data(found, api().catalog.current().values(), api().links, language, view)
    has_map = found.has_tiles and not found.needs_arguments
    shown = {"collection": found, "has_map": has_map, "language": language, "t": data["texts"], "data": data}
    shown["embed"] = "embed" in request.args
    response = page("explore.html", title=found.title, **shown)
    response.vary.update(("Accept-Language",))
    return response


@bp.get("/<id>/picture")
def picture(id: str) -> Response:
    """A picture of a collection, for cards and link previews. Raises: NoGeometry, NoTiles"""
    reject_unknown(request.args, ())
    response = respond(picture_of(api().tiles, with_tiles(api().catalog.collection(id))), PNG)
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@bp.get("/<id>/queryables")
def queryables(id: str) -> Response:
    """What can be asked of the features."""
    return schema(id, "Queryables", queryables_document)


@bp.get("/<id>/sortables")
def sortables(id: str) -> Response:
    """What features can be sorted by."""
    return schema(id, "Sortables", sortables_document)


@bp.get("/<id>/schema")
def properties(id: str) -> Response:
    """The properties of a feature."""
    return schema(id, "Schema", schema_document)


@bp.get("/<id>/feature-schema")
def feature_schema(id: str) -> Response:
    """A whole feature. GDAL is told of it as it understands."""
    document_of = feature_schema_document
    if GDAL in request.user_agent.string:
        wide = wide_properties(api().database, api().catalog.collection(id))
        document_of = partial(gdal_feature_schema, wide=wide)
    response = schema(id, "Feature schema", document_of)
    response.vary.add("User-Agent")
    return response


def schema(id: str, title: str, document_of: Callable[[Collection, Links], dict[str, Any]]) -> Response:
    """A JSON Schema of a collection."""
    found = api().catalog.collection(id)
    document = document_of(found, api().links)
    return answer(document, "schema.html", type=SCHEMA_JSON, title=f"{title} of {found.title}")


@bp.get("/<id>/items")
def items(id: str) -> Response:
    """A page of features, or all of them as a file."""
    return flask_response(api().features.page(current_request(), id))


@bp.get("/<id>/items/<path:feature_id>")
def feature(id: str, feature_id: str) -> Response:
    """One feature."""
    return flask_response(api().features.feature(current_request(), id, feature_id))


@bp.post("/<id>/search")
@bp.post("/<id>/items")
def search(id: str) -> Response:
    """A page of features. What is wanted is in the body, or partly in the address.

    A body of another media type may become a way to add features (Part 4): it is a 415 now.
    """
    api().catalog.collection(id)  # or a 404, whatever the body is
    return flask_response(api().features.search(current_request(), id, body_args()))


def body_args() -> Args:
    """The parameters of the address and of the body.

    Raises: UnsupportedMediaType, BadParameter, BadFilter, TooManyBodies, RequestEntityTooLarge
    """
    refuse_encoded()
    return merged(request.args, parse_body(whole_body(), request.mimetype, request.form))


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
