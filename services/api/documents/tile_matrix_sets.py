"""Tile matrix sets as documents, and what documents of tilesets say of them (OGC 17-083r4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from api.documents import without_none
from api.http.links import JSON, OGC_REL, Link, Links
from api.query.items import GridBox
from api.tms.matrix_set import TileMatrix, TileMatrixSet
from api.tms.tile import tile_limits


def tile_matrix_sets_document(sets: Iterable[TileMatrixSet], links: Links) -> dict[str, Any]:
    """The tile matrix sets that tiles come in."""
    found: list[dict[str, Any]] = []
    for one in sets:
        link = links.link("self", JSON, one.id, "tileMatrixSets", one.id)
        found.append(
            without_none({"id": one.id, "title": one.title, "uri": one.uri, "crs": one.crs.uri, "links": [link]})
        )
    return {"tileMatrixSets": found}


def tile_matrix_set_document(matrix_set: TileMatrixSet) -> dict[str, Any]:
    """The definition of a set; that of a registered one is what it was registered by."""
    if matrix_set.document is not None:
        return {**matrix_set.document, "id": matrix_set.id}
    document = {
        "id": matrix_set.id,
        "title": matrix_set.title,
        "uri": matrix_set.uri,
        "crs": matrix_set.crs.uri,
        "orderedAxes": list(matrix_set.axes),
        "wellKnownScaleSet": matrix_set.scale_set,
        "tileMatrices": [tile_matrix(matrix) for matrix in matrix_set.matrices],
    }
    return without_none(document)


def tile_matrix(matrix: TileMatrix) -> dict[str, Any]:
    """One scale of a set of ours, in which easting comes first."""
    return {
        "id": matrix.id,
        "scaleDenominator": matrix.scale,
        "cellSize": matrix.cell_size,
        "pointOfOrigin": [matrix.left, matrix.top],
        "tileWidth": matrix.tile_width_px,
        "tileHeight": matrix.tile_height_px,
        "matrixWidth": matrix.columns,
        "matrixHeight": matrix.rows,
    }


def tiling_scheme(matrix_set: TileMatrixSet, links: Links) -> Link:
    """The link to the tile matrix set."""
    return links.link(f"{OGC_REL}tiling-scheme", JSON, matrix_set.id, "tileMatrixSets", matrix_set.id)


def matrix_limits(extent: GridBox | None, z: int, matrix_set: TileMatrixSet) -> dict[str, Any]:
    """The rows and columns of a zoom that an extent covers."""
    first, last = tile_limits(extent, z, matrix_set)
    return {
        "tileMatrix": first.matrix.id,
        "minTileRow": first.row,
        "maxTileRow": last.row,
        "minTileCol": first.column,
        "maxTileCol": last.column,
    }
