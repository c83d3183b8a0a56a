"""What the work for a request has taken so far, by kind: counted by the thread that does it."""

from __future__ import annotations

import threading


class Spent(threading.local):
    """Seconds of this thread since `begin`. `made`: tiles that were made; `found`: tiles that were kept."""

    db_s = 0.0
    make_s = 0.0
    made = 0
    found = 0

    def begin(self) -> None:
        """Count from 0: a thread serves one request after the other."""
        self.db_s = self.make_s = 0.0
        self.made = self.found = 0


spent = Spent()
"""What the current thread has spent. Waiting for a connection is time of the database."""
