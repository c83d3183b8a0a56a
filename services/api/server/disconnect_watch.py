"""Ends the statements of clients that have left, while requests take long. One thread of each worker."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Thread

from api.monitoring.in_flight import Asking, Bell, Visit, all_visits, is_told_to_go_on
from api.server.disconnects import carriers, has_left
from api.server.sockets import OpenConnection, open_connections
from core.db import Database
from core.leases import Connection

log = logging.getLogger("isthmus.api")

LATE_S = 0.25
"""A request that takes less is not looked at."""

EVERY_S = 0.2
LOOKS = 2
"""So often in a row a client must have left: between two looks requests begin and end."""


@dataclass(slots=True)
class Watched:
    """A request that takes long. `possible`: the connections that it can have come by; `missed`: looks without any."""

    possible: set[int]
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Late:
    """A request that takes long, and runs a statement."""

    visit: Visit
    asking: Asking
    connection: Connection


class Watch:
    """Looks at requests under way every now and then, and only while there are any."""

    def __init__(self, database: Database) -> None:
        """`comes` is to be rung when a request comes."""
        self.comes = Bell()
        self._database = database
        self._watched: dict[Asking, Watched] = {}

    def start(self) -> None:
        """Begin to look."""
        Thread(target=self._run, name="isthmus-watch", daemon=True).start()

    def _run(self) -> None:
        while True:
            self.comes.wait()
            time.sleep(EVERY_S)
            self.comes.quiet()
            if any(visit.asking() for visit in all_visits()):
                self.comes.ring()
                self.look()
            else:
                self._watched = {}

    def look(self) -> None:
        """End the statements whose clients have left."""
        visits = {asking: visit for visit in all_visits() if (asking := visit.asking())}
        late = list(self._late(visits))
        connections = open_connections() if late else None
        if connections is None:
            self._watched = {}
            return
        before = self._watched
        self._watched = {some.asking: after_look(before.get(some.asking), some.asking, connections) for some in late}
        for some in late:
            watched = self._watched[some.asking]
            others = [asking for asking in visits if asking != some.asking]
            watched.missed += 1 if has_left(some.asking, watched.possible, others, connections) else -watched.missed
            if watched.missed >= LOOKS:
                self._end(some)

    def _late(self, visits: dict[Asking, Visit]) -> Iterator[Late]:
        """The requests that take long and run a statement."""
        now, in_use = time.monotonic(), self._database.leases.by_thread()
        for asking, visit in visits.items():
            is_late = now - asking.began_s >= LATE_S and asking.thread in in_use
            if is_late and not is_told_to_go_on(visit.environ) and visit.is_still(asking):
                yield Late(visit, asking, in_use[asking.thread])

    def _end(self, late: Late) -> None:
        """End a statement. The request ends by that."""

        def is_still() -> bool:
            return late.visit.is_still(late.asking)

        if self._database.leases.end_statement(late.connection, late.asking.thread, is_still):
            took_s = time.monotonic() - late.asking.began_s
            log.debug("a client left %.1f s after it asked or before: its statement is ended", took_s)


def after_look(before: Watched | None, asking: Asking, connections: list[OpenConnection]) -> Watched:
    """What is known of a request now: a connection that it did not come by then, it does not come by now."""
    now = carriers(asking, connections)
    return Watched(now) if before is None else Watched(before.possible & now, before.missed)
