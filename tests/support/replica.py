"""A streaming replica of a private cluster: a base backup that goes on following its primary, and takes no writes."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg

from core.db import conninfo
from core.settings import Settings
from support.cluster import FAST, PASSWORD, ROOT, UID, Cluster, as_other_user, private_cluster

BIN = Path("/usr/lib/postgresql/17/bin")
HBA = "local all all scram-sha-256\nlocal replication all scram-sha-256\n"


@contextmanager
def replicated_cluster() -> Generator[tuple[Cluster, Path]]:
    """A primary, and the folder of the socket of its replica, which has the same port."""
    folder = Path(tempfile.mkdtemp(prefix="isth-r-", dir="/tmp"))
    (folder / "hba").write_text(HBA)
    (folder / "s").mkdir()
    for path in (folder, folder / "hba", folder / "s"):
        path.chmod(0o755)
        if os.geteuid() == 0:
            os.chown(path, UID, UID)
    try:
        with private_cluster(extra=(f"hba_file={folder / 'hba'}",)) as primary:
            back_up(primary, folder / "standby")
            with standby(primary, folder):
                yield primary, folder / "s"
    finally:
        shutil.rmtree(folder)


def back_up(primary: Cluster, folder: Path) -> None:
    """Copy the primary, and write down how to follow it. Raises: AssertionError"""
    command = [str(BIN / "pg_basebackup"), "--host", str(primary.directory / "s"), "--port", str(primary.port)]
    command += ["--username=isthmus_tests", "--pgdata", str(folder), "--write-recovery-conf", "--checkpoint=fast"]
    done = subprocess.run(
        [*as_other_user(), *command],
        env={"PATH": os.environ["PATH"], "PGPASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def standby(primary: Cluster, folder: Path) -> Generator[None]:
    """PostgreSQL on the copy, once it takes connections."""
    settings = [f"config_file={ROOT / 'services/postgis/postgresql.conf'}", f"hba_file={folder / 'hba'}"]
    settings += [f"unix_socket_directories={folder / 's'}", "listen_addresses=", f"port={primary.port}", *FAST]
    command = [*as_other_user(), str(BIN / "postgres"), "-D", str(folder / "standby")]
    with (
        (folder / "log").open("ab") as log,
        subprocess.Popen([*command, *(f"-c{setting}" for setting in settings)], stdout=log, stderr=log) as process,
    ):
        try:
            wait_until_it_answers(replace(primary.settings_of_template(), db_host=str(folder / "s")), process, folder)
            yield
        finally:
            process.terminate()
            process.wait(30)


def wait_until_it_answers(settings: Settings, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait for a connection. Raises: AssertionError with the log"""
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(conninfo(settings)).close()
        except psycopg.OperationalError:
            assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()  # noqa: PT018
            time.sleep(0.05)
        else:
            return
