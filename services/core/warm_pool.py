"""A pool that hands out the connection that came back last: its backend has everything at hand."""

from __future__ import annotations

from collections import deque
from typing import Any

from psycopg_pool import ConnectionPool

from core.leases import Connection


class Stack(deque[Connection]):
    """A queue that the newest is taken from first."""

    append = deque[Connection].appendleft


class WarmPool(ConnectionPool[Connection]):
    """psycopg's pool takes turns: once eight were needed at a time, eight backends are visited in turn, none of which
    finds its memory in the processor's caches. It has no setting for that, so the queue it keeps is another one.
    """

    def __init__(self, conninfo: str, **options: Any) -> None:
        """Options: as those of psycopg's pool. To be opened afterwards."""
        super().__init__(conninfo, **options)
        self._pool = Stack()
