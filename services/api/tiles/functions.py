"""Tiles by functions of the database, and what layers such tiles have."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import psycopg

from api.catalog.sources.model import TileFunction
from api.formats.mvt import read_layers
from api.http.compression import compress, decompress
from api.http.request import Args, reject_unknown
from api.query.items import Given
from api.query.source_errors import changed, error_of, is_refusal
from api.sql.tiles.tiles import select_function_tile
from api.tms.tile import Tile, tile_at
from core.database.connections import Database
from core.errors import BadValue, CatalogueMissing, CollectionBroken, DatabaseUnavailable, IsthmusError, QueryTooSlow

log = logging.getLogger("isthmus.api")

GZIP_MAGIC = b"\x1f\x8b"
LAYER = b"\x1a"
"""What vector tiles begin with, one byte that no picture begins with."""

KNOWN_S = 60.0
"""How long layers are remembered: a function may be replaced by one with others."""

Layers = tuple[Mapping[str, Any], ...]


class TileFunctions:
    """Calls functions. Safe for threads."""

    def __init__(self, database: Database, timeout_s: float) -> None:
        """`timeout_s`: what a tile may take in the database."""
        self._database = database
        self._timeout_s = timeout_s
        self._known: dict[str, tuple[float, Layers]] = {}

    def tile(self, function: TileFunction, tile: Tile, given: Sequence[Given], rest: Mapping[str, str]) -> bytes:
        """The tile, compressed; empty bytes for an empty one.

        Raises: BadValue for what the function refuses, QueryTooSlow, SourceChanged, CollectionBroken
        """
        statement = select_function_tile(function.call, tile, given, rest if function.takes_rest else None)
        try:
            [(mvt,)] = self._database.run(statement, binary=True, timeout_s=self._timeout_s)
        except QueryTooSlow as error:
            raise QueryTooSlow(
                f"a tile of '{function.id}' takes too long", hint="zoom in, or make it faster"
            ) from error
        except CatalogueMissing as error:
            raise changed(function) from error
        except psycopg.Error as error:
            raise refusal(function, rest) if rest and is_refusal(error) else error_of(function, error) from error
        if not mvt:
            return b""
        if not mvt.startswith((LAYER, GZIP_MAGIC)):
            hint = "its function has to return what ST_AsMVT makes; pictures are served from files of tiles"
            raise CollectionBroken(f"'{function.id}' makes no vector tiles", hint=hint)
        return mvt if mvt.startswith(GZIP_MAGIC) else compress(mvt)

    def with_layers(self, function: TileFunction) -> TileFunction:
        """The function with the layers that its comment names, else those of its first tile, which is made to see them.

        None where that tile is empty, or cannot be made without arguments, or not in time.
        """
        if function.facts.layers or function.needs_arguments:
            return function
        until, layers = self._known.get(function.source_path, (0.0, ()))
        if time.monotonic() > until:
            layers = self._layers_of(function)
            self._known[function.source_path] = time.monotonic() + KNOWN_S, layers
        return replace(function, facts=replace(function.facts, layers=layers))

    def _layers_of(self, function: TileFunction) -> Layers:
        """The layers of its first tile. Raises: DatabaseUnavailable"""
        first, last = function.facts.zooms
        longitude, latitude, _ = function.facts.center
        try:
            packed = self.tile(function, tile_at(longitude, latitude, first), (), {})
            found = read_layers(decompress(packed)) if packed else {}
        except DatabaseUnavailable:
            raise
        except (IsthmusError, ValueError, IndexError) as error:
            log.info("the layers of %s are not known: %s", function.source_path, error)
            found = {}
        return tuple(
            {"id": name, "fields": fields, "minzoom": first, "maxzoom": last} for name, fields in found.items()
        )


def check_parameters(args: Args, function: TileFunction) -> None:
    """Raise UnknownParameter for a parameter that it does not take, BadParameter for one that is given twice."""
    own = ["f", *(argument.name for argument in function.arguments)]
    reject_unknown(args, [*own, *args] if function.takes_rest else own)


def refusal(function: TileFunction, rest: Mapping[str, str]) -> BadValue:
    """The error for parameters that a function refuses."""
    return BadValue(f"'{function.id}' refuses what it is called with", hint=f"look at {', '.join(rest)}")
