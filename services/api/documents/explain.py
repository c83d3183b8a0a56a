"""How a tile came about, which `?explain=true` shows in its place, and advice for who wants it faster or smaller."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from api.documents import without_none
from api.formats.mvt import LayerWeight, weigh
from api.http.compression import comment_of, decompress
from api.query.items import TileQuery
from api.sql.tiles.explain import Explained, explain, explain_only, parse_plan
from api.sql.tiles.tiles import select_tile, tiling_for
from api.tiles.budget import KB, TileMaker
from api.tms.tile import Tile
from core.catalog.collections import Collection
from core.errors import QueryTooSlow

MANY_ROWS = 10_000
MUCH_KB = 100
"""From so many kilobytes on it is worth while to look at what a tile is made of."""

LARGE_SHARE = 0.4
LONG_GEOMETRY_BYTES = 200
SLOW_MS = 500


@dataclass(frozen=True, slots=True)
class TileExplanation:
    """How a tile came about.

    packed: compressed, as it is sent
    made_s: how long it took to make, in seconds, the wait for a connection included
    error:  why there is no tile: it takes too long
    """

    collection: Collection
    tile: Tile
    query: TileQuery
    sql: str
    plan: Explained
    packed: bytes
    made_s: float
    most_kb: int
    error: str | None = None

    @property
    def remark(self) -> str | None:
        """What the tile says that it lacks."""
        return comment_of(self.packed) if self.packed else None

    @property
    def layers(self) -> list[LayerWeight]:
        """What its bytes are spent on."""
        return weigh(decompress(self.packed)) if self.packed else []

    @property
    def has_overview(self) -> bool:
        """Whether it is made from an overview: rows that the loader chose for its zoom."""
        return self.query.is_unconditional and tiling_for(self.collection, self.tile) is not None


def explain_tile(maker: TileMaker) -> TileExplanation:
    """Make a tile anew, and run its statement once more to see how.

    Raises: as TileMaker.make but for QueryTooSlow, which becomes a part of the explanation
    """
    began, packed, error = time.perf_counter(), b"", None
    try:
        packed = maker.make()
    except QueryTooSlow as slow:
        error = slow.detail
    made_s = time.perf_counter() - began
    statement = select_tile(maker.collection, maker.tile, maker.query)
    try:
        [(plan,)] = maker.database.run(explain(statement))
    except QueryTooSlow:
        [(plan,)] = maker.database.run(explain_only(statement))
    text, most_kb = maker.database.render(statement).strip(), maker.settings.tile_max_kb
    subject = maker.collection, maker.tile, maker.query
    return TileExplanation(*subject, text, parse_plan(plan), packed, made_s, most_kb, error)


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


@dataclass(frozen=True, slots=True)
class Advice:
    """Something to do, and why."""

    because: str
    do: str


def advice(explained: TileExplanation, layers: list[LayerWeight]) -> list[Advice]:
    """What would make the tile faster or smaller, the most useful first."""
    return [
        *no_index(explained),
        *no_overview(explained),
        *too_slow(explained),
        *left_out(explained),
        *(found for layer in layers for found in heavy_parts(explained, layer)),
    ]


def no_index(explained: TileExplanation) -> Iterator[Advice]:
    """Steps that read many rows to find those in the tile's box, of a source that is not known to have an index. What
    has one is read whole all the same where a tile shows much of it.
    """
    source = explained.collection.source
    for step in explained.plan.steps if source is not None and not source.is_indexed else ():
        read, kept = step.read or 0, step.kept or 0
        if step.box_column is not None and read > MANY_ROWS and kept < read / 2:
            index = f"CREATE INDEX ON {step.relation} USING gist ({step.box_column}); ANALYZE {step.relation}"
            yield Advice(f"{read:,} rows of {step.relation} are read to find {kept:,}: no index is used", index)


def rows_read(explained: TileExplanation) -> int:
    """Rows that all steps looked at."""
    return sum(step.read or 0 for step in explained.plan.steps)


def no_overview(explained: TileExplanation) -> Iterator[Advice]:
    """A tile of very many features that nothing was prepared for."""
    if explained.has_overview or rows_read(explained) <= MANY_ROWS:
        return
    because = f"the tile is made of {rows_read(explained):,} rows"
    if not explained.query.is_unconditional:
        yield Advice(because, "a condition, or all=true, is answered from the whole table: without it, or further in")
    elif explained.collection.tiling is None:
        yield Advice(because, how_to_have_overviews(explained.collection))


def how_to_have_overviews(collection: Collection) -> str:
    """How a collection gets tiles of low zooms. Of sources, tables have pages; views and functions do not."""
    if collection.source is None:
        return "load the file again: it was loaded by an older Isthmus"
    if collection.source.sampled is not None:
        return f"isthmus prepare '{collection.source_path}' prepares it for low zooms"
    return "low zooms are prepared of tables, not of views and functions: publish the table, or load it as a file"


def too_slow(explained: TileExplanation) -> Iterator[Advice]:
    """A statement that takes long, or was given up."""
    if explained.plan.took_ms is None:
        yield Advice("the statement was given up", "ask further in, or with a filter; the plan is the planner's guess")
    elif explained.plan.took_ms > SLOW_MS:
        yield Advice(
            f"the statement takes {explained.plan.took_ms:,.0f} ms", "make such tiles in advance: isthmus seed"
        )


def left_out(explained: TileExplanation) -> Iterator[Advice]:
    """A tile that had to become smaller than it would be."""
    if explained.remark is not None and not explained.has_overview:
        because = f"features are left out, or the tile would weigh more than {explained.most_kb} kB or take too long"
        yield Advice(because, "ask for fewer properties, or set ISTHMUS_TILE_MAX_KB and ISTHMUS_TILE_TIMEOUT_S")


def heavy_parts(explained: TileExplanation, layer: LayerWeight) -> Iterator[Advice]:
    """Properties and geometries that most of a large layer's bytes go to."""
    if len(explained.packed) < MUCH_KB * KB:
        return
    side_car = " or name the others in [tiles] of its side-car" if explained.has_overview else ""
    for weight in sorted(layer.properties, key=lambda found: -found.bytes):
        if weight.bytes > LARGE_SHARE * layer.bytes:
            because = f"the property '{weight.name}' is {weight.bytes / layer.bytes:.0%} of the layer"
            yield Advice(because, f"leave it out: exclude-properties={weight.name}{side_car}")
    of_properties = sum(weight.bytes for weight in layer.properties)
    if len(layer.properties) > 1 and of_properties > LARGE_SHARE * layer.bytes:
        because = f"its {len(layer.properties)} properties are {of_properties / layer.bytes:.0%} of the layer"
        yield Advice(because, "name those that the map shows: properties=…")
    if layer.geometry_bytes > LARGE_SHARE * layer.bytes and layer.geometry_bytes > LONG_GEOMETRY_BYTES * layer.features:
        because = f"a geometry has {layer.geometry_bytes // layer.features} bytes on average"
        yield Advice(because, "simplify the data, or begin the layer at a later zoom")
