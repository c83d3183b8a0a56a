"""The API and its server, as it runs in a container, on a free port of loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO

from core.api_client import fetch
from support.cluster import ROOT, Database

START_S = 30


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_api(database: Database, **settings: str) -> Iterator[str]:
    """The API on a database, as the reader; gives the address. `settings` are ISTHMUS_* variables."""
    with started_api(database, **settings) as server:
        yield server.url


@dataclass(frozen=True, slots=True)
class Server:
    """Gunicorn's master, where it listens, and what it wrote."""

    process: subprocess.Popen[bytes]
    listen: str
    log: IO[bytes]

    @property
    def url(self) -> str:
        """The address of its landing page; as it is set where that is a unix socket."""
        return self.listen if self.listen.startswith("unix:") else f"http://{self.listen}"

    def workers(self) -> list[int]:
        """The processes of its workers."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def started_api(database: Database, **settings: str) -> Iterator[Server]:
    """The same as a process, which is stopped at the end, if it is still there."""
    listen = settings.get("ISTHMUS_LISTEN", f"127.0.0.1:{free_port()}")
    reader = database.reader
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "services"),
        "ISTHMUS_LISTEN": listen,
        "ISTHMUS_DATA_DIR": str(reader.data_dir),
        "ISTHMUS_DB_HOST": reader.db_host,
        "ISTHMUS_DB_PORT": str(reader.db_port),
        "ISTHMUS_DB_NAME": reader.db_name,
        "ISTHMUS_DB_USER": reader.db_user,
        "ISTHMUS_DB_PASSWORD": reader.db_password,
        "ISTHMUS_WORKERS": "1",
        **settings,
    }
    command = [sys.executable, "-m", "api.serve"]
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        try:
            wait_until_live(listen, process, log)
            yield Server(process, listen, log)
        except AssertionError:
            print("\n".join(line for line in told(log).splitlines() if "Traceback" in line)[-9000:])
            raise
        finally:
            process.terminate()
            process.wait(timeout=20)


def wait_until_live(listen: str, process: subprocess.Popen[bytes], log: IO[bytes], path: str = "/health/live") -> None:
    """Wait until the API answers. Raises: AssertionError with its log, a file since a pipe that nobody reads fills."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            fetch(listen, path, timeout_s=4)
        except (OSError, HTTPException):
            assert process.poll() is None, told(log)
            assert time.monotonic() < deadline, "the API does not answer"
            time.sleep(0.05)
        else:
            return


def told(log: IO[bytes]) -> str:
    """What the server wrote."""
    log.seek(0)
    return log.read().decode()
