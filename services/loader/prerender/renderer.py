"""The thread that has the API make tiles of low zooms after a load, so that no client waits for one.

The API makes and caches them as for any client: one HTTP request at a time, none while files are loaded. The thread
knows only what this process has requested: after a start it requests all again, and a cached tile costs the API no
query.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Condition, Event as Flag, Lock, Thread

from core.api_client import ApiUnavailable, Client
from core.catalog.archives import MVT
from core.errors import IsthmusError
from core.settings import Settings
from loader.prerender.which_tiles import OverviewTiles, Place
from loader.progress import Event, Listener

SHARE = 0.4
"""Of the room of the tile cache: that of tiles rendered ahead. The plain tiles have 0.8 (api/cache)."""

MOST_S = 900.0
"""How long one collection may take."""

LOOKS, LOOK_S = 120, 0.25
"""How often the thread looks whether the API serves a new version, and the seconds between: it takes one, and the delay
of a replica. After half a minute it is not the API of this loader."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
"""How long an API that does not respond is left alone: twice as long each time."""

TOLD_AFTER, GIVEN_UP_AFTER = 4, 70
"""Failed attempts after which that is reported (some 8 s: an API that starts beside the loader is not away), and after
which nothing more is tried until something is loaded (about an hour)."""


class Dropped(Exception):
    """The tiles are not wanted any more."""


class NotServed(Exception):
    """The API serves other data."""


class Renderer:
    """The thread. `want`, `aside` and `stop` are for the one that loads."""

    def __init__(self, settings: Settings, listen: Listener) -> None:
        """Nothing is requested before `start`. `listen` is called from the thread."""
        self.address = settings.api or settings.listen
        self._room_bytes = int(settings.tiles_mb * 1_000_000 * SHARE)
        self._listen = listen
        self._wanted: tuple[OverviewTiles, ...] = ()
        self._done: dict[str | None, OverviewTiles] = {}
        self._sizes: dict[str | None, int] = {}
        self._attempts = 0
        self._reported = False
        self._changed = Condition()
        self._may_go_on, self._ended = Flag(), Flag()
        self._may_go_on.set()
        self._asides, self._aside_lock = 0, Lock()

    def start(self) -> None:
        """Begin. The thread is no reason for the process to live: a request under way ends with it."""
        Thread(target=self._run, name="render", daemon=True).start()

    def stop(self) -> None:
        """Request nothing more, and report nothing more."""
        self._ended.set()
        self._may_go_on.set()
        with self._changed:
            self._changed.notify_all()

    def want(self, wanted: Sequence[OverviewTiles]) -> None:
        """What is to be there from now on, in this order; what is not among it is dropped, also in the middle."""
        ids = {one.id for one in wanted}
        with self._changed:
            self._wanted, self._attempts = tuple(wanted), 0
            self._done = {id: one for id, one in self._done.items() if id in ids}
            self._sizes = {id: size for id, size in self._sizes.items() if id in ids}
            self._changed.notify_all()

    @contextmanager
    def aside(self) -> Generator[None]:
        """Request nothing inside the block, which several threads may be in."""
        self._step_aside(1)
        try:
            yield
        finally:
            self._step_aside(-1)

    def _step_aside(self, count: int) -> None:
        with self._aside_lock:
            self._asides += count
            self._may_go_on.clear() if self._asides else self._may_go_on.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            wanted = self._next()
            if wanted is not None:
                self._attempt(wanted)

    def _next(self) -> OverviewTiles | None:
        """The first that is not done; waits where there is none."""
        with self._changed:
            found = next((one for one in self._wanted if self._done.get(one.id) != one), None)
            if self._ended.is_set() or (found is not None and self._attempts < GIVEN_UP_AFTER):
                return found
            self._changed.wait()
            return None

    def _attempt(self, wanted: OverviewTiles) -> None:
        """Make tiles, or leave an API that does not respond alone for a while."""
        try:
            for address in api_addresses(self.address):
                with closing(Client(address)) as client:
                    self._wait_until_served(client, wanted)
                    self._make(client, wanted)
            self._finish(wanted)
        except Dropped:
            return
        except NotServed:
            self._finish(wanted)
            self._report_once(f"the API at {self.address} does not serve what was loaded, so its tiles are not made")
        except ApiUnavailable as error:
            self._leave_alone(error)
        else:
            self._attempts, self._reported = 0, False

    def _wait_until_served(self, client: Client, wanted: OverviewTiles) -> None:
        """Until the API serves these versions. Raises: Dropped, NotServed, ApiUnavailable"""
        for _ in range(LOOKS):
            self._check(wanted)
            if served_version(client, wanted) == wanted.version:
                return
            self._ended.wait(LOOK_S)
        raise NotServed

    def _make(self, client: Client, wanted: OverviewTiles) -> None:
        """Request each. Raises: Dropped, ApiUnavailable"""
        tally = Tally()
        room = self._room_bytes - sum(size for id, size in self._sizes.items() if id != wanted.id)
        for place in wanted.places:
            self._check(wanted)
            if tally.size_bytes > room or tally.seconds > MOST_S:
                break
            request_tile(client, wanted, place, tally)
        with self._changed:
            self._sizes[wanted.id] = tally.size_bytes
        self._report(rendered_event(wanted, tally))

    def _finish(self, wanted: OverviewTiles) -> None:
        """Mark these as done."""
        with self._changed:
            self._done[wanted.id] = wanted

    def _check(self, wanted: OverviewTiles) -> None:
        """Stand aside while files are loaded. Raises: Dropped when other tiles are wanted, or at the end"""
        self._may_go_on.wait()
        if self._ended.is_set() or wanted not in self._wanted:
            raise Dropped

    def _leave_alone(self, error: ApiUnavailable) -> None:
        """Wait, at most until something is loaded."""
        self._attempts += 1
        if self._attempts >= TOLD_AFTER:
            self._report_once(f"{error.detail}; tiles of low zooms are made when it does")
        with self._changed:
            if not self._ended.is_set():
                self._changed.wait(min(FIRST_PAUSE_S * 2 ** (self._attempts - 1), LONGEST_PAUSE_S))

    def _report_once(self, message: str) -> None:
        """Report why nothing is made, once until something is."""
        if not self._reported:
            self._reported = True
            self._report(Event("state", values={"state": "rendering later", "message": message}))

    def _report(self, event: Event) -> None:
        if not self._ended.is_set():
            self._listen(event)


@contextmanager
def rendering(settings: Settings, listen: Listener) -> Generator[Renderer]:
    """A renderer for as long as the block runs. It ends at once, whatever it waits for."""
    renderer = Renderer(settings, listen)
    renderer.start()
    try:
        yield renderer
    finally:
        renderer.stop()


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


def served_version(client: Client, wanted: OverviewTiles) -> str | None:
    """The version of the tiles that the API serves; None while it serves none, or has no time for a response.

    Tiles are requested over the same connection, so by the worker that has seen that version. Raises: ApiUnavailable
    """
    try:
        return str(client.get(*wanted.path, "tilejson.json").document["version"])
    except ApiUnavailable:
        raise
    except (IsthmusError, ValueError, KeyError, TypeError):
        return None


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
