"""The API and its server, as it runs in a container, on a free port of loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

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
    port = free_port()
    reader = database.reader
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "services"),
        "ISTHMUS_LISTEN": f"127.0.0.1:{port}",
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
            wait_until_live(f"http://127.0.0.1:{port}", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)


def wait_until_live(url: str, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    """Wait until the API answers. Raises: AssertionError with its log, a file since a pipe that nobody reads fills."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(f"{url}/health/live", timeout=2).close()
        except (urllib.error.URLError, OSError):
            assert process.poll() is None, told(log)
            assert time.monotonic() < deadline, "the API does not answer"
            time.sleep(0.05)
        else:
            return


def told(log: IO[bytes]) -> str:
    """What the server wrote."""
    log.seek(0)
    return log.read().decode()
