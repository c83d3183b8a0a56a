"""The process that writes a file, started and watched."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg

from api.exports.job import TOO_LARGE_HINT, FileJob
from core.errors import FileNotWritten, FileTooLarge, error_of

CHECK_EVERY_S = 0.2
SERVICES = Path(__file__).parents[2]


def run_writer(job: FileJob, check: Callable[[], None]) -> None:
    """Have the file of a job written. `check` is called a few times a second; when it raises, the writer is ended.

    Raises: FormatUnsuitable, FileTooLarge, FileNotWritten, what the database says, psycopg.Error; what `check` raises
    """
    command = [sys.executable, "-m", "api.exports.writer"]
    with subprocess.Popen(  # noqa: S603  nothing of the request is in the command
        command, cwd=SERVICES, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            response = exchange(process, job, check)
        finally:
            process.kill()
    if response is None and process.returncode == -signal.SIGABRT:
        raise FileTooLarge("the file takes more memory than a writer may have", hint=TOO_LARGE_HINT, parameter="f")
    if response is None:
        raise FileNotWritten("the file could not be written", hint="the server's log says why")
    detail = response.get("detail") or ""
    if "sqlstate" in response:
        raise psycopg.errors.lookup(response["sqlstate"] or "XX000")(detail)
    if "code" in response:
        raise error_of(str(response["code"]), detail, hint=response["hint"], parameter=response["parameter"])


def exchange(process: subprocess.Popen[str], job: FileJob, check: Callable[[], None]) -> dict[str, str | None] | None:
    """The response of the writer to its job; None when it ended without one.

    Its standard input stays open meanwhile: when this worker is killed, it closes and the writer ends too.
    """
    if process.stdin is None or process.stdout is None:
        raise ValueError(process.args)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(f"{job.to_json()}\n")
        process.stdin.flush()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(CHECK_EVERY_S)
            text = process.stdout.read()
            return json.loads(text) if text else None
        check()
