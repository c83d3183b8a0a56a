"""Styles that files bring, which are not kept: how features look is up to the map."""

from __future__ import annotations

import pyogrio

from loader.read.content import HEAD_BYTES
from loader.read.files import open_bytes
from loader.report import Note
from loader.scan import Dataset

STYLE_TABLES = frozenset({"layer_styles", "qgis_projects"})
"""Tables that QGIS keeps in a GeoPackage for itself."""

ALWAYS = frozenset({"dxf", "mapinfo"})
"""Formats whose features have colours and symbols of their own."""

LOST = Note("info", "styles-left-out", "the styles that the file brings are not kept: maps draw it in their own")


def style_notes(dataset: Dataset, path: str) -> list[Note]:
    """The note that a file brings styles. Raises: OSError"""
    return [LOST] if dataset.kind in ALWAYS or has_styles(dataset, path) else []


def has_styles(dataset: Dataset, path: str) -> bool:
    """Whether a KML or GeoPackage holds styles."""
    if dataset.kind == "gpkg":
        return any(name == "layer_styles" for name, _ in pyogrio.list_layers(path))
    if dataset.kind != "kml" or dataset.main.suffix.lower() == ".kmz":
        return False
    with open_bytes(path) as file:
        return b"<Style" in file.read(HEAD_BYTES)
