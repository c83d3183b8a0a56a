"""Layers whose geometries are made valid while they are read, where the side-car asks for that. By GeoPandas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace

import geopandas
import numpy as np
import pyarrow as pa

from loader.chunks import Chunk, OpenLayer
from loader.report import Note

METHOD = "structure"
"""Rings say what is inside, whichever way they run; the other method of GEOS makes holes where lines cross."""


@contextmanager
def repaired(opened: AbstractContextManager[OpenLayer]) -> Generator[OpenLayer]:
    """The layer with valid geometries, and notes on the rules that they broke. Raises: what reading raises"""
    with opened as layer:
        notes: list[Note] = []
        yield replace(layer, chunks=chunks_of(layer, notes), notes=notes)


def chunks_of(layer: OpenLayer, notes: list[Note]) -> Iterator[Chunk]:
    """The chunks, after which `notes` holds the layer's and those of the repair."""
    repair = Repair()
    for chunk in layer.chunks:
        yield chunk if chunk.wkb is None else replace(chunk, wkb=repair.valid(chunk.fids, chunk.wkb))
    notes += [*layer.notes, *repair.notes()]


@dataclass(slots=True)
class Repair:
    """Makes geometries valid, and counts the rules that they broke. `first`: the first feature of each"""

    rules: Counter[str] = field(default_factory=Counter[str])
    first: dict[str, int] = field(default_factory=dict[str, int])

    def valid(self, fids: pa.Array, wkb: pa.Array) -> pa.Array:
        """A column of WKB in which those that are not valid are made so."""
        series = geopandas.GeoSeries.from_wkb(wkb.to_pylist(), on_invalid="ignore")
        invalid = np.flatnonzero(~np.asarray(series.is_valid) & ~np.asarray(series.isna()))
        if not len(invalid):
            return wkb
        chosen = series.iloc[invalid]
        self.count(fids, invalid.tolist(), [str(reason).partition("[")[0] for reason in chosen.is_valid_reason()])
        texts = wkb.to_pylist()
        made = chosen.make_valid(method=METHOD, keep_collapsed=False).to_wkb(flavor="iso")
        for row, text in zip(invalid.tolist(), made, strict=True):
            texts[row] = text
        return pa.array(texts, pa.binary())

    def count(self, fids: pa.Array, rows: list[int], rules: list[str]) -> None:
        """Count the rules that some rows broke."""
        self.rules.update(rules)
        for row, rule in zip(rows, rules, strict=True):
            self.first.setdefault(rule, fids[row].as_py())

    def notes(self) -> Iterator[Note]:
        """What was repaired, a sentence for each rule."""
        for rule, count in self.rules.most_common():
            message = f"{count} geometries were made valid: {rule} (feature {self.first[rule]} first)"
            yield Note("info", "geometry-repaired", message)
