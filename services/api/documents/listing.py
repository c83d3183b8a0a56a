"""The list of collections, or a page of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.documents import page_links
from api.documents.archives import archive_document
from api.documents.collections import collection_document
from api.http.links import Links
from api.params.collections import ListPage
from api.query.crs import EVERYWHERE
from core.catalog.collections import Collection


def collections_document(page: ListPage, given: Mapping[str, str], links: Links) -> dict[str, Any]:
    """A page of the list of collections. `given`: what the request asked with"""
    asked = {name: given[name] for name in ("q", "bbox") if given.get(name)}
    limit, offset = page.query.limit or max(1, page.matched), page.query.offset
    return {
        "links": page_links(links, "collections", asked, limit, offset, page.matched),
        "numberMatched": page.matched,
        "numberReturned": len(page.collections),
        "crs": [crs.uri for crs in EVERYWHERE],
        "collections": [
            collection_document(found, links) if isinstance(found, Collection) else archive_document(found, links)
            for found in page.collections
        ],
    }
