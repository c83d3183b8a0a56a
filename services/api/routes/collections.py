"""Collections and their schemas."""

from __future__ import annotations

from flask import Blueprint, Response

from api.context import api
from api.documents.archives import archive_document
from api.documents.collections import collection_document, collections_document
from api.documents.schemas import (
    feature_schema_document,
    queryables_document,
    schema_document,
    sortables_document,
    wide_properties,
)
from api.http.links import SCHEMA_JSON
from api.routes.responses import answer

bp = Blueprint("collections", __name__, url_prefix="/collections")


@bp.get("")
def collections() -> Response:
    """All collections."""
    catalog = api().fresh_catalog
    document = collections_document(catalog.values(), api().links)
    document["collections"] += [archive_document(archive, api().links) for archive in catalog.archives.values()]
    listed = [*catalog.values(), *catalog.archives.values()]
    return answer(document, "collections.html", title="Collections", collections=listed)


@bp.get("/<id>")
def collection(id: str) -> Response:
    """One collection."""
    found = api().collection(id)
    return answer(collection_document(found, api().links), "collection.html", title=found.title, collection=found)


@bp.get("/<id>/queryables")
def queryables(id: str) -> Response:
    """What can be asked of the features."""
    found = api().collection(id)
    return schema(queryables_document(found, api().links), f"Queryables of {found.title}")


@bp.get("/<id>/sortables")
def sortables(id: str) -> Response:
    """What features can be sorted by."""
    found = api().collection(id)
    return schema(sortables_document(found, api().links), f"Sortables of {found.title}")


@bp.get("/<id>/schema")
def properties(id: str) -> Response:
    """The properties of a feature."""
    found = api().collection(id)
    return schema(schema_document(found, api().links), f"Schema of {found.title}")


@bp.get("/<id>/feature-schema")
def feature_schema(id: str) -> Response:
    """A whole feature."""
    found = api().collection(id)
    wide = wide_properties(api().database, found)
    return schema(feature_schema_document(found, api().links, wide), f"Feature schema of {found.title}")


def schema(document: dict[str, object], title: str) -> Response:
    """A JSON Schema."""
    return answer(document, "schema.html", type=SCHEMA_JSON, title=title)
