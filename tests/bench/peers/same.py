"""Whether servers give the same answer, so that equal work is compared.

Features are compared by number and id. Where an ask leaves open which of the matching features a page holds, every
server's are to match: the floor has the condition. Tiles are compared by the number of their features.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence

import mapbox_vector_tile

from bench.peers.asks import Ask, Feature, Items, NotOffered, VectorTile, Walk
from bench.peers.floor import Floor
from bench.peers.http_client import Refused
from bench.peers.servers import Contender

Told = dict[str, str]
"""Something about each server, by its name."""


def compare_answers(ask: Ask, servers: Sequence[Contender], floor: Floor) -> tuple[Told, Told]:
    """Why some servers cannot be measured with the others, and notes on those that can."""
    without: Told = {}
    notes: Told = {}
    expected = expected_ids(ask, floor)
    for server in servers:
        try:
            found = ids_in(ask, server.perform(ask))
        except (NotOffered, Refused, KeyError, ValueError) as error:
            without[server.name] = f"{type(error).__name__}: {error}"
        else:
            if isinstance(ask, VectorTile):
                notes[server.name] = f"{len(found)} features"
                if expected and not found:
                    without[server.name] = "answers an empty tile"
            elif reason := difference(ask, found, expected, floor):
                without[server.name] = reason
    return without, notes


def expected_ids(ask: Ask, floor: Floor) -> list[int]:
    """The ids of the floor's answer; of a walk none, since who walks counts what it meets."""
    return [] if isinstance(ask, Walk) else ids_in(ask, floor.perform(ask))


def difference(ask: Ask, found: list[int], expected: list[int], floor: Floor) -> str:
    """How the features of an answer are others than the floor's; empty when they are as good."""
    if isinstance(ask, Walk):
        return ""
    if len(set(found)) != len(set(expected)):
        return f"answers {len(set(found))} features where there are {len(set(expected))}"
    if isinstance(ask, Items) and not ask.offset:
        matching = floor.matching(ask, found)
        return "" if matching == len(found) else f"{len(found) - matching} of its features do not match"
    return "" if set(found) == set(expected) else f"answers other features: {found[:3]} for {expected[:3]}"


def ids_in(ask: Ask, body: bytes) -> list[int]:
    """The ids of the features in an answer, in its order; of a walk those of its last page."""
    if isinstance(ask, VectorTile):
        return ids_in_tile(body)
    parsed = json.loads(body)
    features = [parsed] if isinstance(ask, Feature) else parsed["features"]
    return [id_of(feature) for feature in features]


def id_of(feature: dict[str, object]) -> int:
    """The number in the id: some servers put the collection's name before it."""
    return int(str(feature["id"]).rpartition(".")[2])


def ids_in_tile(body: bytes) -> list[int]:
    """The ids in all layers of a tile, gzipped or not."""
    tile = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    layers = mapbox_vector_tile.decode(tile).values() if tile else ()
    return [feature.get("id", 0) for layer in layers for feature in layer["features"]]
