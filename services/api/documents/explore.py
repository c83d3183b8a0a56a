"""What the page that explores a collection is made of: its properties, formats and texts, in the reader's language."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from api.cql2.text_encoding.tokens import RESERVED
from api.documents.tilesets import TILEJSON_MAX_ZOOM
from api.documents.views import read_view
from api.formats.registry import offered_exports
from api.http.links import Links
from api.http.request import Args, parse_choice, reject_unknown
from api.params.items import sortable_columns
from api.query.crs import crs_list
from core.catalog.collections import Collection, Column
from core.errors import UnknownView

TEXTS = Path(__file__).parents[1] / "templates/texts.json"
"""The texts of the page by language. All languages have the same."""

EXPLORE_PARAMETERS = ("filter", "sortby", "properties", "colour", "follow", "lang", "view", "embed")
"""What the address of the page may hold: its scripts read all but the language."""

NAMES = ("name", "title", "label", "nom", "nimi", "bezeichnung")
"""Properties that name a feature, the likeliest first."""


@cache
def texts() -> dict[str, dict[str, str]]:
    """Language -> key -> text."""
    return json.loads(TEXTS.read_text())


def language_of(args: Args, accepted: str) -> str:
    """The language of the page: what the address names, else what the browser likes best, else English.

    Raises: UnknownParameter, BadParameter for what the scripts of the page would not understand
    """
    reject_unknown(args, EXPLORE_PARAMETERS)
    if "follow" in args:
        parse_choice("follow", args["follow"], ("map",))
    if "embed" in args:
        parse_choice("embed", args["embed"], ("1",))
    if "lang" in args:
        return parse_choice("lang", args["lang"], tuple(texts()))
    return parse_accept_header(accepted, LanguageAccept).best_match(texts(), "en")


def title_property(collection: Collection) -> str | None:
    """The property that names a feature: one that is called like a name, else the first text."""
    by_name = {column.name.lower(): column.name for column in reversed(collection.columns) if column.type == "string"}
    for name in NAMES:
        if name in by_name:
            return by_name[name]
    return next((column.name for column in collection.columns if column.type == "string"), None)


def view_shown(name: str | None, collection: Collection, data_dir: Path) -> Mapping[str, str]:
    """What the page shows where its address says nothing else: a saved view, if one is named. Raises: UnknownView"""
    if name is None:
        return {}
    view = read_view(data_dir, name)
    if view.collection != collection.id:
        detail = f"the view '{name}' is of {view.collection}"
        raise UnknownView(detail, hint=f"/collections/{view.collection}/explore?view={name} shows it")
    return view.shown


def explore_data(
    collection: Collection, collections: Iterable[Collection], links: Links, language: str, view: Mapping[str, str]
) -> dict[str, Any]:
    """What the scripts of the page are told. `collections`: those whose features may be areas to filter by; `view`:
    what is shown where the address says nothing else.
    """
    box = collection.bbox_crs84
    return {
        "id": collection.id,
        "title": collection.title,
        "attribution": collection.attribution,
        "base": links.base,
        "url": links.collection(collection),
        "language": language,
        "texts": texts()[language],
        "bbox": box.as_list() if box else None,
        "geometry": collection.free_name("geometry"),
        "hasIds": collection.key.is_id,
        "titleProperty": title_property(collection),
        "properties": properties_of(collection),
        "formats": [
            {"f": f, "title": format.title, "extension": format.extension or f, "anyCrs": not format.crs84_only}
            for f, format in offered_exports(collection).items()
        ],
        "crs": [crs.uri for crs in crs_list(collection)],
        "areas": [area_of(found, links) for found in collections if has_areas(found)],
        "lastZoom": TILEJSON_MAX_ZOOM,
        "reserved": sorted(RESERVED),
        "view": dict(view),
    }


def properties_of(collection: Collection) -> list[dict[str, Any]]:
    """The properties of a feature, and what can be done with each."""
    facets = {column.name for column in facet_columns(collection)}
    sortable = {column.name for column in sortable_columns(collection)}
    own = collection.id_column
    return [
        {
            "name": column.name,
            "type": column.type,
            "description": column.description,
            "facet": column.name in facets,
            "sortable": column.name in sortable,
            "isId": column == own or (column.type == "integer" and column.name.lower().endswith("id")),
        }
        for column in collection.columns
    ]


def facet_columns(collection: Collection) -> tuple[Column, ...]:
    """The properties that have facets, but for the id."""
    return tuple(
        column for column in sortable_columns(collection) if column.type != "time" and column != collection.id_column
    )


def has_areas(collection: Collection) -> bool:
    """Whether its features are areas, and can be named."""
    is_area = (collection.geometry_type or "").removeprefix("Multi") == "Polygon"
    return is_area and collection.key.is_id and not collection.needs_arguments


def area_of(collection: Collection, links: Links) -> dict[str, Any]:
    """A collection of areas."""
    return {
        "id": collection.id,
        "title": collection.title,
        "url": links.collection(collection),
        "titleProperty": title_property(collection),
    }
