"""The links of a page as JSON: what those of one collection have in common is written once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from api.features.service import FORMATS, OF_A_PLACE, collection_link, walk_link, walk_places
from api.formats.geojson import json_text
from api.http.links import quoted_part, self_and_alternate
from api.http.request import Request
from api.query.items import DIRECTIONS, Direction, ItemsQuery
from api.query.page import Page, render_cursor
from core.catalog import Collection

GIVEN = "b7d1e5f3c208"
"""Stands for the query in a text that is made once. No link has it by chance."""


class Common(NamedTuple):
    """The links `self` and `alternate`, then `next` and `prev`, all with GIVEN in place of the query, and `collection`,
    each without brackets.
    """

    own: str
    walk: Mapping[Direction, str]
    collection: str


def page_links_text(request: Request, collection: Collection, query: ItemsQuery, found: Page) -> str:
    """The links of a page of GeoJSON, as `json_text(page_links(…))`."""
    given = [(name, f"{quoted_part(name)}={quoted_part(value)}&") for name, value in request.args.items()]
    common = common_links(request.base, request.path, collection.id, collection.title)
    own = common.own.replace(f"{GIVEN}=&", "".join([part for name, part in given if name != "f"]))
    kept = "".join([part for name, part in given if name not in OF_A_PLACE])
    walk = [
        common.walk[rel].replace(GIVEN, f"{kept}cursor={render_cursor(place, query.filter, query.sort, collection)}")
        for rel, place in walk_places(found).items()
    ]
    return f"[{','.join([own, *walk, common.collection])}]"


@lru_cache(maxsize=1000)
def common_links(base: str, path: str, id: str, title: str) -> Common:
    """What pages have in common. `id`, `title`: of the collection"""
    request = Request.of(base, path, "")
    own = json_text(self_and_alternate(request.here, {GIVEN: ""}, FORMATS, "json"))
    here = request.links.url("collections", id, "items")
    walk: dict[Direction, str] = {rel: json_text(walk_link(f"{here}?{GIVEN}", rel, "json")) for rel in DIRECTIONS}
    return Common(own[1:-1], walk, json_text(collection_link(request, id, title)))
