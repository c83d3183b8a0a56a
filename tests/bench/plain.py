"""Runs the plain application on the server that Isthmus runs on."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from bench.measure import Side
from bench.setting import Bench, below
from core.database.connections import conninfo
from support.cluster import ROOT
from support.server import free_port, wait_until_live

NAME = "plain"
"""What its backends are called."""


@contextmanager
def plain_application(bench: Bench, text: str) -> Iterator[tuple[Callable[[str], bytes], Side]]:
    """What gets an answer of it, and whose CPU it is. `text`: the statement for a feature, which takes its `fid`"""
    reader, port = bench.database.reader, free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "tests"),
        "PLAIN_DB": conninfo(reader, application_name=NAME),
        "PLAIN_SQL": text,
    }
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--blocking-threads", str(reader.threads), "bench.plain_app:app"]
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        try:
            wait_until_live(f"127.0.0.1:{port}", process, log, "/live")
            with closing(http.client.HTTPConnection("127.0.0.1", port)) as client:
                statement = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
                backends = [pid for (pid,) in bench.connection.execute(statement, [NAME])]

                def get(path: str) -> bytes:
                    client.request("GET", path)
                    with client.getresponse() as response:
                        assert response.status == 200, response.read()
                        return response.read()

                yield get, Side([process.pid, *below(process.pid), *backends])
        finally:
            process.terminate()
            process.wait(timeout=20)
