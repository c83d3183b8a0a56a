"""What the renderer asks the API: which data it serves, and a tile, which it makes then and keeps."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from core.api_client import ApiUnavailable, Client
from core.errors import IsthmusError
from loader.prerender.which_tiles import LowZooms, Place
from loader.progress import Event

MVT = "application/vnd.mapbox-vector-tile"
HIT = "cache;desc=hit"
"""What `Server-Timing` says of a tile that was kept."""


@dataclass(slots=True)
class Tally:
    """What became of the tiles so far.

    made:    those that were not kept already
    failed:  those that the API could not make
    seconds: that answers took
    """

    asked: int = 0
    made: int = 0
    failed: int = 0
    size_bytes: int = 0
    seconds: float = 0.0


def tasks_at(address: str) -> list[str]:
    """The addresses that the name in one stands for: in a swarm, of each task of the API, whose node keeps its own
    tiles. Elsewhere it is one, and stays as it is.
    """
    host, _, port = address.rpartition(":")
    if "/" in address or not port.isdecimal():
        return [address]
    try:
        found = socket.getaddrinfo(host, int(port), socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return [address]  # which says what is wrong when it is asked
    tasks = sorted({f"{place[0]}:{port}" for *_, place in found})
    return tasks if len(tasks) > 1 else [address]


def served_version(client: Client, wanted: LowZooms) -> int | None:
    """The highest version that the API serves; None while it serves none, or has no time for an answer.

    Tiles are asked for over the same connection, so by the worker that has seen that version. Raises: ApiUnavailable
    """
    try:
        version = client.get(*wanted.path, "tilejson.json").document["version"]
    except ApiUnavailable:
        raise
    except (IsthmusError, ValueError, KeyError, TypeError):
        return None
    last = str(version).rpartition(".")[2]
    return int(last) if last.isdecimal() else None


def ask(client: Client, wanted: LowZooms, place: Place, tally: Tally) -> None:
    """Ask for a tile. Raises: ApiUnavailable"""
    began = time.monotonic()
    tally.asked += 1
    try:
        answer = client.get(*wanted.path, *map(str, place), accept=MVT)
    except ApiUnavailable:
        raise
    except IsthmusError:
        tally.failed += 1
    else:
        tally.made += HIT not in answer.headers.get("server-timing", "")
        tally.size_bytes += len(answer.body)
    tally.seconds += time.monotonic() - began


def rendered(wanted: LowZooms, tally: Tally) -> Event:
    """The event that tiles are there. `left`: those for which there was no room or no time."""
    values = {
        "collection": wanted.id,
        "last_zoom": wanted.last_zoom,
        "tiles": tally.asked,
        "made": tally.made,
        "failed": tally.failed or None,
        "left": len(wanted.places) - tally.asked or None,
        "bytes": tally.size_bytes,
        "seconds": round(tally.seconds, 3),
    }
    return Event("rendered", values=values)
