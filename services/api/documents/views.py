"""Saved views: what the page that explores a collection shows, as files `data/views/NAME.json` of the operator."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from api.documents.plain_files import Json, Unusable, opened, read_json
from api.http.links import HTML, Links
from core.errors import UnknownView

FOLDER, SUFFIX = "views", ".json"
MOST_BYTES, MOST_VIEWS = 500_000, 1000

TEXTS = ("collection", "title", "filter", "sortby", "colour", "follow", "map")
"""Members of a view that are texts, as the parameters of the page; `map` is its place: zoom/latitude/longitude."""


@dataclass(frozen=True, slots=True)
class SavedView:
    """A view by its name. `shown`: what the page shows, by the names that its scripts have."""

    name: str
    collection: str
    title: str
    shown: Mapping[str, str]


def read_views(data_dir: Path) -> tuple[list[SavedView], list[str]]:
    """The views by their names, and the names of files that are none."""
    try:
        with opened(data_dir / FOLDER) as folder, os.scandir(folder) as entries:
            found = sorted(entry.name.removesuffix(SUFFIX) for entry in entries if entry.name.endswith(SUFFIX))
    except OSError:
        return [], []
    views: list[SavedView] = []
    damaged: list[str] = []
    for name in found[:MOST_VIEWS]:
        try:
            views.append(read_view(data_dir, name))
        except UnknownView:
            damaged.append(f"{name}{SUFFIX}")
    return views, damaged


def read_view(data_dir: Path, name: str) -> SavedView:
    """A view. Raises: UnknownView, which says what is wrong with a file that is there"""
    hint = "/views lists them"
    if not name or "/" in name or "\0" in name or name.startswith("."):
        raise UnknownView(f"there is no view '{name}'", hint=hint)
    try:
        saved = read_json(data_dir / FOLDER, f"{name}{SUFFIX}", MOST_BYTES)
    except Unusable as error:
        hint = "it is a plain file with a JSON object, of 500,000 bytes at most"
        raise UnknownView(f"the view '{name}' cannot be read", hint=hint) from error
    if saved is None:
        raise UnknownView(f"there is no view '{name}'", hint=hint)
    return view_of(name, saved)


def view_of(name: str, saved: Json) -> SavedView:
    """A view of its file. Raises: UnknownView for one that is none"""
    texts: Json = {"collection": None, "title": name} | {key: saved[key] for key in TEXTS if key in saved}
    given = saved.get("properties", [])
    names: list[Any] = cast("list[Any]", given) if isinstance(given, list) else [None]
    mistakes = [key for key, value in texts.items() if not isinstance(value, str)]
    if not all(isinstance(one, str) for one in names):
        mistakes.append("properties")
    if mistakes:
        hint = f"{', '.join(TEXTS)} are texts, properties is a list of names"
        raise UnknownView(f"the view '{name}' has no usable {mistakes[0]}", hint=hint)
    shown = {key: text for key, text in texts.items() if key not in ("collection", "title")}
    shown["columns"] = ",".join(quote(one, safe="") for one in names)
    return SavedView(name, texts["collection"], texts["title"], shown)


def views_document(views: list[SavedView], damaged: list[str], links: Links) -> dict[str, Any]:
    """All views, each with the link to its page."""
    return {"views": [view_entry(view, links) for view in views], "damaged": damaged, "links": []}


def view_entry(view: SavedView, links: Links) -> dict[str, Any]:
    """A view in the list."""
    page = links.url("collections", view.collection, "explore", query={"view": view.name})
    link = {"href": page, "rel": "item", "type": HTML, "title": view.title}
    return {"name": view.name, "title": view.title, "collection": view.collection, "links": [link]}
