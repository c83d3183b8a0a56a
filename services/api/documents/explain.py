"""The story of a tile as a document."""

from __future__ import annotations

from typing import Any

from api.documents.tilesets import without_none
from api.formats.mvt_weight import LayerWeight
from api.tiles.explain_text import TileStory, advice, rows_read
from api.tms.tile import Tile


def explain_document(story: TileStory, *, kept: bool) -> dict[str, Any]:
    """What a tile is made of, how, and what to do about it. `kept`: whether it is there without being made."""
    layers, plan = story.layers, story.plan
    return {
        "tile": {
            "collection": story.collection.id,
            **place_document(story.place),
            "prepared": story.is_prepared,
            "kept": kept,
        },
        "advice": [{"because": found.because, "do": found.do} for found in advice(story, layers)],
        "size": without_none(
            {
                "bytes": len(story.packed),
                "unpackedBytes": sum(layer.bytes for layer in layers),
                "features": sum(layer.features for layer in layers),
                "lacks": story.remark,
                "error": story.error,
            }
        ),
        "time": without_none(
            {
                "madeMs": round(story.made_s * 1000, 1),
                "statementMs": plan.took_ms,
                "planningMs": plan.planning_ms,
                "rowsRead": rows_read(story),
                "pagesRead": plan.pages,
            }
        ),
        "layers": [layer_document(layer) for layer in layers],
        "plan": [str(step) for step in plan.steps],
        "sql": story.sql,
    }


def explain_several_document(place: Tile, stories: list[dict[str, Any]]) -> dict[str, Any]:
    """A tile of several collections: what becomes of each, by itself and before all are compressed together."""
    return {
        "tile": {**place_document(place), "collections": [story["tile"]["collection"] for story in stories]},
        "size": {
            "unpackedBytes": sum(story["size"]["unpackedBytes"] for story in stories),
            "features": sum(story["size"]["features"] for story in stories),
        },
        "time": {"madeMs": round(sum(story["time"]["madeMs"] for story in stories), 1)},
        "collections": stories,
    }


def place_document(place: Tile) -> dict[str, Any]:
    """Which tile it is."""
    return {
        "tileMatrixSet": place.matrix_set.id,
        "tileMatrix": place.matrix.id,
        "tileRow": place.row,
        "tileCol": place.column,
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
