"""Starts the HTTP server: `python -m api.server.serve`. Configured by the same settings as everything else.

Granian reads and writes HTTP outside Python; the WSGI application runs in its threads. DECISIONS.md has the figures.
"""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import MPServer

from api.monitoring.shared_counters import counters_folder
from api.server.json_logs import configure_logging
from core.settings import Settings, load_settings

SOCKET_MODE = 0o666
"""Any user of the host may connect to the socket."""


LOGGERS: dict[str, Any] = {name: {"propagate": True} for name in ("_granian", "granian.access")}
"""Granian's messages go the way of ours, as JSON lines."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the server listens: a port of an address, or the path of a unix socket."""

    host: str = ""
    port: int = 0
    socket: Path | None = None


def parse_listen(listen: str) -> Listen:
    """`host:port`, where an IPv6 address may have brackets, or `unix:/path`."""
    if listen.startswith("unix:"):
        return Listen(socket=Path(listen.removeprefix("unix:")))
    host, _, port = listen.rpartition(":")
    return Listen(host.strip("[]"), int(port))


def make_server(settings: Settings) -> MPServer:
    """The server, not yet started."""
    listen = parse_listen(settings.listen)
    return MPServer(
        "api.server.wsgi:make_watched_app",
        factory=True,
        interface=Interfaces.WSGI,
        address=listen.host,
        port=listen.port,
        uds=listen.socket,
        uds_permissions=SOCKET_MODE if listen.socket else None,
        workers=settings.workers,
        blocking_threads=settings.threads,
        http=HTTPModes.http1,
        websockets=False,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=settings.stop_within_s,
        log_level=LogLevels(settings.log_level),
        log_dictconfig={"loggers": LOGGERS},
        log_access=settings.log_level == "debug",
    )


def about_threads(record: logging.LogRecord) -> bool:
    """False for Granian's warning that there are more threads than cores: ours wait for the database."""
    return "Python threads" not in record.getMessage()


def main() -> None:
    """Serve until a signal ends it."""
    settings = load_settings()
    configure_logging(settings.log_level)
    logging.getLogger("_granian").addFilter(about_threads)
    forget_counters()
    try:
        make_server(settings).serve()
    finally:
        forget_counters()


def forget_counters() -> None:
    """Remove what the workers counted, or those of an earlier server whose process had the same number."""
    shutil.rmtree(counters_folder(os.getpid()), ignore_errors=True)


if __name__ == "__main__":
    main()
