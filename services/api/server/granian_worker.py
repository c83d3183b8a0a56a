"""A worker class of gunicorn that serves gunicorn's listener by Granian: HTTP is read and written outside Python.

Gunicorn's master starts, replaces and stops these workers as it does its own. Which inner names of Granian this needs
is held by `tests/unit/test_granian_worker.py`; the version is pinned.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from importlib import import_module
from threading import Event
from typing import TYPE_CHECKING, Any

from granian.constants import HTTPModes
from granian.http import HTTP1Settings
from granian.log import DEFAULT_ACCESSLOG_FMT
from gunicorn.workers.base import Worker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

NOTIFY_S = 1.0
"""Between two signs of life to the master, and two looks whether there still is one."""

SETTLE_S = 1.0
"""For which each worker serves, though it be stopped as it begins: Granian still asks its listener for its address."""

QUIET_S, LINGER_S = 0.2, 2.0
"""Kept-alive connections are closed once no request has come for so long, or after so long in any case."""

granian: Any = import_module("granian._granian")  # its stubs are older than it is
new_scheduler: Any = import_module("granian._futures")._new_cbscheduler  # noqa: SLF001
wrap: Any = import_module("granian.wsgi")._callback_wrapper  # noqa: SLF001

NO_TLS: tuple[Any, ...] = (False, None, None, None, "tls1.3", None, [], False)


class GranianWorker(Worker):
    """Serves one listener. Stopped, it takes no new connections, answers what is under way, and then ends."""

    drain_s = 3600.0
    """What the responses under way may take once it is stopped. The master may have less patience."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """In the master, before the fork."""
        super().__init__(*args, **kwargs)
        self._wake = Event()
        self._last_request_s = 0.0

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM, from the master: HUP replaced this worker, or everything stops."""
        super().handle_exit(sig, frame)
        self._wake.set()

    def run(self) -> None:
        """Serve until stopped, or until the master is gone."""
        if not self.alive:
            return
        self._app: Any = self.wsgi
        stop, ended = granian.WorkerSignal(), Event()
        stop.add_cb(ended.set)
        descriptor = os.dup(self.sockets[0].fileno())
        self._loop = asyncio.new_event_loop()  # which WSGI never runs
        self._serve(descriptor, stop)
        time.sleep(SETTLE_S)
        while self.alive and self.ppid == os.getppid():
            self.notify()
            self._wake.wait(NOTIFY_S)
        self._drain(descriptor)
        stop.set()
        deadline_s = time.monotonic() + self.drain_s
        while not ended.wait(NOTIFY_S) and time.monotonic() < deadline_s:
            self.notify()
        self._loop.close()

    def _serve(self, descriptor: int, stop: Any) -> None:
        """Start Granian's threads on a listening socket, which they own from now on."""
        is_unix = self.sockets[0].family == socket.AF_UNIX
        listener = granian.SocketHolder(descriptor, is_unix, self.cfg.backlog)
        threads = (1, 512, self.cfg.threads, 30)  # of the runtime, for its files, for Python, seconds they stay idle
        limits = (self.cfg.worker_connections, HTTPModes.http1, HTTP1Settings(), None, None)
        worker = granian.WSGIWorker(self.age, (None, listener), None, *threads, *limits, *NO_TLS, (None, None))
        access_log = DEFAULT_ACCESSLOG_FMT if self.cfg.accesslog else None
        callback = wrap(self._respond, {}, access_log)
        serve = worker.serve_mtr_uds if is_unix else worker.serve_mtr
        serve(new_scheduler(self._loop, callback, impl_asyncio=True), self._loop, stop)

    def _respond(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The application's response, of whichever kind is the order of the day."""
        return self._app(environ, start_response)

    def _drain(self, descriptor: int) -> None:
        """Take no new connections, and end those that are open with their next response.

        Granian closes a connection that has not sent its request yet, so accepting ends first: the descriptor becomes
        that of a socket which nobody knows.
        """
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.bind("")
            deaf.listen()
            deaf.setblocking(False)
            os.dup2(deaf.fileno(), descriptor)
        for listener in self.sockets:
            listener.close()
        self._app = self._respond_and_close
        began_s = self._last_request_s = time.monotonic()
        while (now_s := time.monotonic()) - began_s < LINGER_S and now_s - self._last_request_s < QUIET_S:
            self.notify()
            time.sleep(QUIET_S / 4)

    def _respond_and_close(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The response, which says that the connection closes behind it."""
        self._last_request_s = time.monotonic()

        def start(status: str, headers: Iterable[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, [*headers, ("Connection", "close")], exc_info)

        return self.wsgi(environ, start)
