"""Tile matrix sets in the JSON of the first version of the standard (OGC 17-083r2), which GDAL has some in, as 2.0.

Also what else programs leave out, or write for what there is none of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from api.tms.matrix_set import PIXEL_M

RENAMED = {"identifier": "id", "supportedCRS": "crs", "abstract": "description", "tileMatrix": "tileMatrices"}
KEPT = ("title", "keywords", "wellKnownScaleSet")
OF_MATRIX = {"identifier": "id", "topLeftCorner": "pointOfOrigin", "abstract": "description"}
KEPT_OF_MATRIX = ("title", "scaleDenominator", "tileWidth", "tileHeight", "matrixWidth", "matrixHeight")


def is_first_version(document: Mapping[str, Any]) -> bool:
    """Whether a document is one of the first version."""
    return "tileMatrices" not in document and isinstance(document.get("tileMatrix"), list)


def upgraded(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same in the words of 2.0. Sizes of cells, which the first version does not tell, are left out."""
    found = {new: document[old] for old, new in RENAMED.items() if old in document}
    found |= {name: document[name] for name in KEPT if name in document}
    matrices = cast("list[Any]", found["tileMatrices"])
    return {**found, "tileMatrices": [upgraded_matrix(matrix) for matrix in matrices]}


def upgraded_matrix(matrix: Any) -> Any:
    """A scale in the words of 2.0; what is no object stays as it is."""
    if not isinstance(matrix, dict):
        return matrix
    members = cast("dict[str, Any]", matrix)
    renamed = {new: members[old] for old, new in OF_MATRIX.items() if old in members}
    return {**renamed, **{name: members[name] for name in KEPT_OF_MATRIX if name in members}}


def with_cell_sizes(document: Mapping[str, Any], unit_m: float) -> dict[str, Any]:
    """A set whose matrices all tell the size of their cells, by their scale. `unit_m`: metres of a unit of the CRS"""
    matrices = document.get("tileMatrices")
    if not isinstance(matrices, list):
        return dict(document)
    sized = [with_cell_size(matrix, unit_m) for matrix in cast("list[Any]", matrices)]
    return {**document, "tileMatrices": sized}


def with_cell_size(matrix: Any, unit_m: float) -> Any:
    """A matrix that tells the size of its cells; what is none, or has no scale, stays as it is."""
    if not isinstance(matrix, dict):
        return matrix
    members = cast("dict[str, Any]", matrix)
    scale = members.get("scaleDenominator")
    if "cellSize" in members or not isinstance(scale, int | float):
        return members
    return {**members, "cellSize": scale * PIXEL_M / unit_m}


def without_null(document: Mapping[str, Any]) -> dict[str, Any]:
    """A set without members that are null, which some programs write for what there is none of."""
    found = {name: value for name, value in document.items() if value is not None}
    matrices = found.get("tileMatrices")
    if not isinstance(matrices, list):
        return found
    return {**found, "tileMatrices": [matrix_without_null(matrix) for matrix in cast("list[Any]", matrices)]}


def matrix_without_null(matrix: Any) -> Any:
    """A matrix without such members; what is no object stays as it is."""
    return without_null(cast("dict[str, Any]", matrix)) if isinstance(matrix, dict) else matrix
