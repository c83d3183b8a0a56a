"""The renderer's requests to the API: which data it serves, and a tile, which it then makes and caches."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from core.api_client import ApiUnavailable, Client
from core.errors import IsthmusError
from loader.prerender.which_tiles import OverviewTiles, Place
from loader.progress import Event

MVT = "application/vnd.mapbox-vector-tile"
HIT = "cache;desc=hit"
"""What `Server-Timing` says of a cached tile."""


@dataclass(slots=True)
class Tally:
    """What became of the tiles so far.

    made:    those that were not cached already
    failed:  those that the API could not make
    seconds: that responses took
    """

    requested: int = 0
    made: int = 0
    failed: int = 0
    size_bytes: int = 0
    seconds: float = 0.0


def api_addresses(address: str) -> list[str]:
    """The addresses that the name in one stands for: in a swarm, of each task of the API, whose node keeps its own
    tiles. Elsewhere it is one, and stays as it is.
    """
    host, _, port = address.rpartition(":")
    if "/" in address or not port.isdecimal():
        return [address]
    try:
        found = socket.getaddrinfo(host, int(port), socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return [address]  # the request to it says what is wrong
    tasks = sorted({f"{place[0]}:{port}" for *_, place in found})
    return tasks if len(tasks) > 1 else [address]


def served_version(client: Client, wanted: OverviewTiles) -> int | None:
    """The highest version that the API serves; None while it serves none, or has no time for a response.

    Tiles are requested over the same connection, so by the worker that has seen that version. Raises: ApiUnavailable
    """
    try:
        version = client.get(*wanted.path, "tilejson.json").document["version"]
    except ApiUnavailable:
        raise
    except (IsthmusError, ValueError, KeyError, TypeError):
        return None
    last = str(version).rpartition(".")[2]
    return int(last) if last.isdecimal() else None


def request_tile(client: Client, wanted: OverviewTiles, place: Place, tally: Tally) -> None:
    """Request a tile, and count it. Raises: ApiUnavailable"""
    began = time.monotonic()
    tally.requested += 1
    try:
        response = client.get(*wanted.path, *map(str, place), accept=MVT)
    except ApiUnavailable:
        raise
    except IsthmusError:
        tally.failed += 1
    else:
        tally.made += HIT not in response.headers.get("server-timing", "")
        tally.size_bytes += len(response.body)
    tally.seconds += time.monotonic() - began


def rendered_event(wanted: OverviewTiles, tally: Tally) -> Event:
    """The event that tiles are there. `left`: those for which there was no room or no time."""
    values = {
        "collection": wanted.id,
        "last_zoom": wanted.last_zoom,
        "tiles": tally.requested,
        "made": tally.made,
        "failed": tally.failed or None,
        "left": len(wanted.places) - tally.requested or None,
        "bytes": tally.size_bytes,
        "seconds": round(tally.seconds, 3),
    }
    return Event("rendered", values=values)
