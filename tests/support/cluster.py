"""A private PostGIS cluster for a test run, and databases cloned from a migrated template in it."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
from psycopg import sql

from core.database.connections import connect, conninfo
from core.settings import Settings
from loader.sql.migrate import migrate
from support.emptied import Template, read_template

ROOT = Path(__file__).parents[2]
ENTRYPOINT = ROOT / "services/postgis/entrypoint"
UID = 10001
"""PostgreSQL refuses to run as root; a run as root gives the cluster to this user, who needs no name."""

PASSWORD = "only-for-tests"
FAST = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=128MB"]
FAST += ["log_min_messages=fatal", "autovacuum=off"]
"""Without autovacuum: its workers are a superuser's, whom `DROP DATABASE ... WITH (FORCE)` may not end."""

numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Database:
    """One database of the cluster, as its owner (loader, command line) and as the reader (API) see it."""

    owner: Settings
    reader: Settings

    def connect(self) -> psycopg.Connection:
        """A connection of the owner's."""
        return connect(self.owner)


@dataclass(slots=True)
class Cluster:
    """A running cluster. `stop` and `start` serve the tests of an outage."""

    directory: Path
    port: int = 5432
    extra: tuple[str, ...] = ()
    """Settings of PostgreSQL beside FAST."""
    more: dict[str, str] = field(default_factory=dict[str, str])
    """Variables of the entrypoint beside the usual ones."""
    process: subprocess.Popen[bytes] | None = None
    template: Template | None = None
    """What a clone is like at first; None: used databases are not emptied for others."""
    spares: list[str] = field(default_factory=list[str])
    """Names of databases that were used and emptied."""

    @property
    def environment(self) -> dict[str, str]:
        """What the entrypoint wants to know."""
        secret = str(self.directory / "password")
        return {
            "PATH": os.environ["PATH"],
            "PGDATA": str(self.directory / "pg/17"),
            "PGPORT": str(self.port),
            "ISTHMUS_PG_SOCKET_DIR": str(self.directory / "s"),
            "ISTHMUS_OWNER_PASSWORD_FILE": secret,
            "ISTHMUS_READER_PASSWORD_FILE": secret,
            "ISTHMUS_PG_SQL_DIR": str(Path(__file__).parent / "sql"),
            **self.more,
        }

    def settings(self, name: str, user: str) -> Settings:
        """Settings of a service that uses one of the databases; its data folder is a new empty one."""
        data_dir = Path(tempfile.mkdtemp(prefix="data-", dir=self.directory))
        return Settings(
            data_dir=data_dir,
            db_host=str(self.directory / "s"),
            db_port=self.port,
            db_name=name,
            db_user=user,
            db_password=PASSWORD,
        )

    def database(self, name: str) -> Database:
        """The database of a name, with one data folder for owner and reader."""
        owner = self.settings(name, "isthmus_owner")
        return Database(owner, replace(owner, db_user="isthmus_reader"))

    def start(self) -> None:
        """Start PostgreSQL and wait until it answers. Raises: AssertionError with its log"""
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*as_other_user(), str(ENTRYPOINT), *(f"-c{setting}" for setting in (*FAST, *self.extra))],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while not self.answers():
            log_text = (self.directory / "log").read_text()
            assert self.process.poll() is None, log_text
            assert time.monotonic() < deadline, log_text
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether PostgreSQL takes connections of the owner's."""
        try:
            psycopg.connect(conninfo(self.settings_of_template())).close()
        except psycopg.OperationalError:
            return False
        return True

    def settings_of_template(self) -> Settings:
        """The owner in the database that the entrypoint made."""
        return Settings(
            db_host=str(self.directory / "s"), db_port=self.port, db_user="isthmus_owner", db_password=PASSWORD
        )

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """End PostgreSQL: SIGINT is its fast shutdown, SIGQUIT its crash."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(30)

    def kill(self) -> None:
        """kill -9, as the out-of-memory killer does it."""
        pid = int(Path(self.environment["PGDATA"], "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        assert self.process is not None
        self.process.wait(10)

    @contextmanager
    def frozen(self) -> Generator[None]:
        """PostgreSQL hangs for as long as the block: none of its processes runs, and its sockets stay open."""
        pid = int(Path(self.environment["PGDATA"], "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGSTOP)  # first, so that it starts no more of them
        others = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        try:
            for child in others:
                os.kill(child, signal.SIGSTOP)
            yield
        finally:
            for child in (*others, pid):
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGCONT)

    def superuser(self, name: str) -> str:
        """Where a superuser connects to a database."""
        return conninfo(self.settings_of_template(), dbname=name, user="isthmus_tests")

    def clone(self) -> Database:
        """A database like the migrated template: one that was used and emptied, or a new copy (about 0.3 s)."""
        if self.spares:
            return self.database(self.spares.pop())
        name = f"test_{next(numbers)}"
        with psycopg.connect(conninfo(self.settings_of_template(), dbname="postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE isthmus").format(sql.Identifier(name)))
        return self.database(name)

    def drop(self, database: Database) -> None:
        """Give up a clone, also while someone is connected: it is emptied for the next test, or goes, as its folder."""
        name = database.owner.db_name
        if self.template is not None and self.template.empties(self.superuser(name)):
            self.spares.append(name)
        else:
            with psycopg.connect(self.superuser("postgres"), autocommit=True) as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        shutil.rmtree(database.owner.data_dir)


def environment(settings: Settings, **extra: str) -> dict[str, str]:
    """The variables that the launcher of a service sets."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "services"),
        "PYTHONWARNINGS": "error",
        "ISTHMUS_DATA_DIR": str(settings.data_dir),
        "ISTHMUS_DB_HOST": settings.db_host,
        "ISTHMUS_DB_PORT": str(settings.db_port),
        "ISTHMUS_DB_NAME": settings.db_name,
        "ISTHMUS_DB_USER": settings.db_user,
        "ISTHMUS_DB_PASSWORD": settings.db_password,
        "ISTHMUS_SCAN_INTERVAL_S": "0.2",
        "ISTHMUS_RENDER_TILES": "0",  # nobody serves; tests of rendering say otherwise
        **extra,
    }


def as_other_user() -> list[str]:
    """The prefix that runs a command as the cluster's user when this is root."""
    if os.geteuid() != 0:
        return []
    caps = "+dac_read_search"  # the clone may lie in a folder that only root can enter
    ids = ["--reuid", str(UID), "--regid", str(UID), "--clear-groups"]
    return ["setpriv", *ids, f"--inh-caps={caps}", f"--ambient-caps={caps}"]


@contextmanager
def unmade_cluster(
    directory: Path | None = None, extra: tuple[str, ...] = (), more: dict[str, str] | None = None
) -> Generator[Cluster]:
    """A cluster that nobody started yet, in a directory with a short name (socket paths end at 107 bytes)."""
    folder = directory or Path(tempfile.mkdtemp(prefix="isth-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "password").write_text(PASSWORD)
    for child in (folder / "pg", folder / "s"):
        child.mkdir()
    if os.geteuid() == 0:
        for path in (folder, folder / "password", folder / "pg", folder / "s"):
            os.chown(path, UID, UID)
    cluster = Cluster(folder, extra=extra, more=more or {})
    try:
        yield cluster
    finally:
        if cluster.process is not None and cluster.process.poll() is None:
            cluster.stop()
        shutil.rmtree(folder)


@contextmanager
def private_cluster(
    directory: Path | None = None, extra: tuple[str, ...] = (), more: dict[str, str] | None = None
) -> Generator[Cluster]:
    """A cluster that lives as long as the block, with a migrated template."""
    with unmade_cluster(directory, extra, more) as cluster:
        cluster.start()
        with connect(cluster.settings_of_template()) as connection:
            migrate(connection)
        cluster.template = read_template(cluster.superuser("isthmus"))
        yield cluster
