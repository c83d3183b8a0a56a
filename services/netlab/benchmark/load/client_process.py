"""The measuring client's process, from outside."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from netlab.benchmark.model.job import Job, Tally, dump, load_tally
from netlab.errors import ClientEnded

SERVICES = Path(__file__).parents[3]
"""Where `python -m` finds this package, whoever started the lab."""


class LoadClient:
    """Does jobs, one after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """A process that reads jobs."""
        self._process = process

    def run(self, job: Job) -> Tally:
        """Do a job. Raises: ClientEnded"""
        reader, writer = self._process.stdout, self._process.stdin
        if reader is None or writer is None:
            raise ClientEnded("the measuring client has no pipes")
        try:
            writer.write(dump(job) + "\n")
            writer.flush()
        except BrokenPipeError as error:
            raise ClientEnded("the measuring client ended") from error
        line = reader.readline()
        if not line:
            raise ClientEnded("the measuring client ended before it had measured")
        return load_tally(line)


@contextmanager
def client_process() -> Generator[LoadClient]:
    """A client, in a session of its own, so that Ctrl-C is for the lab alone; ended for certain."""
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "netlab.benchmark.load.client"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=SERVICES,
        start_new_session=True,
    )
    try:
        yield LoadClient(process)
    finally:
        process.kill()
        process.communicate()
