"""How a tile is made, as a document."""

from __future__ import annotations

from typing import Any

from api.documents import without_none
from api.formats.mvt import LayerWeight
from api.tiles.explain import TileExplanation, advice, rows_read
from api.tms.tile import Tile


def explain_document(explained: TileExplanation, *, is_cached: bool) -> dict[str, Any]:
    """What a tile is made of, how, and what to do about it. `is_cached`: whether it is there without being made."""
    layers, plan = explained.layers, explained.plan
    return {
        "tile": {
            "collection": explained.collection.id,
            **tile_document(explained.tile),
            "prepared": explained.has_overview,
            "kept": is_cached,
        },
        "advice": [{"because": found.because, "do": found.do} for found in advice(explained, layers)],
        "size": without_none(
            {
                "bytes": len(explained.packed),
                "unpackedBytes": sum(layer.bytes for layer in layers),
                "features": sum(layer.features for layer in layers),
                "lacks": explained.remark,
                "error": explained.error,
            }
        ),
        "time": without_none(
            {
                "madeMs": round(explained.made_s * 1000, 1),
                "statementMs": plan.took_ms,
                "planningMs": plan.planning_ms,
                "rowsRead": rows_read(explained),
                "pagesRead": plan.pages,
            }
        ),
        "layers": [layer_document(layer) for layer in layers],
        "plan": [str(step) for step in plan.steps],
        "sql": explained.sql,
    }


def explain_several_document(tile: Tile, layers: list[dict[str, Any]]) -> dict[str, Any]:
    """A tile of several collections: what becomes of each, by itself and before all are compressed together."""
    return {
        "tile": {**tile_document(tile), "collections": [layer["tile"]["collection"] for layer in layers]},
        "size": {
            "unpackedBytes": sum(layer["size"]["unpackedBytes"] for layer in layers),
            "features": sum(layer["size"]["features"] for layer in layers),
        },
        "time": {"madeMs": round(sum(layer["time"]["madeMs"] for layer in layers), 1)},
        "collections": layers,
    }


def tile_document(tile: Tile) -> dict[str, Any]:
    """Which tile it is."""
    return {
        "tileMatrixSet": tile.matrix_set.id,
        "tileMatrix": tile.matrix.id,
        "tileRow": tile.row,
        "tileCol": tile.column,
    }


def layer_document(layer: LayerWeight) -> dict[str, Any]:
    """What a layer's bytes are spent on, before they are compressed."""
    heavy_first = sorted(layer.properties, key=lambda found: -found.bytes)
    return {
        "id": layer.name,
        "features": layer.features,
        "bytes": layer.bytes,
        "geometryBytes": layer.geometry_bytes,
        "idBytes": layer.id_bytes,
        "properties": [
            {"name": found.name, "bytes": found.bytes, "features": found.features, "values": found.values}
            for found in heavy_first
        ],
    }
