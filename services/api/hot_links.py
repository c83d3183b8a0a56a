"""The links of a page as JSON: what those of one collection have in common is written once."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from api.asked import Asked
from api.features import FORMATS, collection_link, walk_links
from api.formats.geojson import json_text
from api.links import query_text, self_and_alternate
from api.pages import Page
from api.query import ItemsQuery
from core.catalog import Collection

GIVEN = "b7d1e5f3c208"
"""Stands for the query in a text that is made once. No link has it by chance."""


class Common(NamedTuple):
    """The links `self` and `alternate`, with GIVEN in place of the query, and `collection`, each without brackets."""

    own: str
    collection: str


def page_links_text(asked: Asked, collection: Collection, query: ItemsQuery, found: Page) -> str:
    """The links of a page of GeoJSON, as `json_text(page_links(…))`."""
    kept = query_text({name: value for name, value in asked.args.items() if name != "f"})
    common = common_links(asked.base, asked.path, collection.id, collection.title)
    own = common.own.replace(f"{GIVEN}=&", f"{kept}&" if kept else "")
    walk = [json_text(link) for link in walk_links(asked, collection, query, found, "json")]
    return f"[{','.join([own, *walk, common.collection])}]"


@lru_cache(maxsize=1000)
def common_links(base: str, path: str, id: str, title: str) -> Common:
    """What pages have in common. `id`, `title`: of the collection"""
    asked = Asked.of(base, path, "")
    own = json_text(self_and_alternate(asked.here, {GIVEN: ""}, FORMATS, "json"))
    return Common(own[1:-1], json_text(collection_link(asked, id, title)))
