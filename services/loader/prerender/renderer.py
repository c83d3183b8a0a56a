"""Have the API make tiles of low zooms after a load, so that nobody meets one that is still to be made.

The API makes and keeps them, as it does for everybody: it is asked over HTTP, one tile at a time, by a thread that
stands aside while files are loaded. Nothing is remembered but what this process has asked for: after a start all is
asked for again, and what is kept costs the API no query.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from threading import Condition, Event as Flag, Thread

from core.api_client import ApiUnavailable, Client
from core.settings import Settings
from loader.prerender.api_client import Tally, ask, rendered, served_version, tasks_at
from loader.prerender.which_tiles import LowZooms
from loader.progress import Event, Listener

SHARE = 0.4
"""Of the room for tiles: that of what nobody asked for yet. The plain tiles have 0.8 (api/tile_store)."""

MOST_S = 900.0
"""How long one collection may take."""

LOOKS, LOOK_S = 120, 0.25
"""How often the API is asked whether it serves a new version, and the seconds between: it takes one, and the delay of
a replica. After half a minute it is not the API of this loader."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
"""How long an API that does not answer is left alone: twice as long each time."""

TOLD_AFTER, GIVEN_UP_AFTER = 4, 70
"""Attempts in vain after which that is told (some 8 s: an API that starts beside the loader is not away), and after
which nothing more is tried until something is loaded (about an hour)."""


class Dropped(Exception):
    """Nobody wants these tiles any more."""


class NotServed(Exception):
    """The API serves other data."""


class Renderer:
    """The thread. `want`, `aside` and `stop` are for the one that loads."""

    def __init__(self, settings: Settings, listen: Listener) -> None:
        """Nothing is asked before `start`. `listen` is called from the thread."""
        self.address = settings.api or settings.listen
        self._room_bytes = int(settings.tiles_mb * 1_000_000 * SHARE)
        self._listen = listen
        self._wanted: tuple[LowZooms, ...] = ()
        self._done: dict[str | None, LowZooms] = {}
        self._sizes: dict[str | None, int] = {}
        self._attempts = 0
        self._told = False
        self._changed = Condition()
        self._may_go_on, self._ended = Flag(), Flag()
        self._may_go_on.set()

    def start(self) -> None:
        """Begin. The thread is no reason for the process to live: a request under way ends with it."""
        Thread(target=self._run, name="render", daemon=True).start()

    def stop(self) -> None:
        """Ask for nothing more, and tell nothing more."""
        self._ended.set()
        self._may_go_on.set()
        with self._changed:
            self._changed.notify_all()

    def want(self, wanted: Sequence[LowZooms]) -> None:
        """What is to be there from now on, in this order; what is not among it is dropped, also in the middle."""
        ids = {one.id for one in wanted}
        with self._changed:
            self._wanted, self._attempts = tuple(wanted), 0
            self._done = {id: one for id, one in self._done.items() if id in ids}
            self._sizes = {id: size for id, size in self._sizes.items() if id in ids}
            self._changed.notify_all()

    @contextmanager
    def aside(self) -> Generator[None]:
        """Ask for nothing inside the block."""
        self._may_go_on.clear()
        try:
            yield
        finally:
            self._may_go_on.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            wanted = self._next()
            if wanted is not None:
                self._attempt(wanted)

    def _next(self) -> LowZooms | None:
        """The first that is not done; waits where there is none."""
        with self._changed:
            found = next((one for one in self._wanted if self._done.get(one.id) != one), None)
            if self._ended.is_set() or (found is not None and self._attempts < GIVEN_UP_AFTER):
                return found
            self._changed.wait()
            return None

    def _attempt(self, wanted: LowZooms) -> None:
        """Make them, or leave an API that does not answer alone for a while."""
        try:
            for address in tasks_at(self.address):
                with closing(Client(address)) as client:
                    self._wait_until_served(client, wanted)
                    self._make(client, wanted)
            self._finish(wanted)
        except Dropped:
            return
        except NotServed:
            self._finish(wanted)
            self._tell_once(f"the API at {self.address} does not serve what was loaded, so its tiles are not made")
        except ApiUnavailable as error:
            self._leave_alone(error)
        else:
            self._attempts, self._told = 0, False

    def _wait_until_served(self, client: Client, wanted: LowZooms) -> None:
        """Until the API serves these versions. Raises: Dropped, NotServed, ApiUnavailable"""
        for _ in range(LOOKS):
            self._check(wanted)
            if served_version(client, wanted) == wanted.newest:
                return
            self._ended.wait(LOOK_S)
        raise NotServed

    def _make(self, client: Client, wanted: LowZooms) -> None:
        """Ask for each. Raises: Dropped, ApiUnavailable"""
        tally = Tally()
        room = self._room_bytes - sum(size for id, size in self._sizes.items() if id != wanted.id)
        for place in wanted.places:
            self._check(wanted)
            if tally.size_bytes > room or tally.seconds > MOST_S:
                break
            ask(client, wanted, place, tally)
        with self._changed:
            self._sizes[wanted.id] = tally.size_bytes
        self._tell(rendered(wanted, tally))

    def _finish(self, wanted: LowZooms) -> None:
        """Have these behind."""
        with self._changed:
            self._done[wanted.id] = wanted

    def _check(self, wanted: LowZooms) -> None:
        """Stand aside while files are loaded. Raises: Dropped when somebody else's turn has come, or the end"""
        self._may_go_on.wait()
        if self._ended.is_set() or wanted not in self._wanted:
            raise Dropped

    def _leave_alone(self, error: ApiUnavailable) -> None:
        """Wait, at most until something is loaded."""
        self._attempts += 1
        if self._attempts >= TOLD_AFTER:
            self._tell_once(f"{error.detail}; tiles of low zooms are made when it does")
        with self._changed:
            if not self._ended.is_set():
                self._changed.wait(min(FIRST_PAUSE_S * 2 ** (self._attempts - 1), LONGEST_PAUSE_S))

    def _tell_once(self, message: str) -> None:
        """Say why nothing is made, once until it is."""
        if not self._told:
            self._told = True
            self._tell(Event("state", values={"state": "rendering later", "message": message}))

    def _tell(self, event: Event) -> None:
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
