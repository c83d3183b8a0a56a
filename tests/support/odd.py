"""A database of odd tables, each from a file of tests/odd, as somebody else's database would have them."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from psycopg import Connection

from api.app import create_app
from core.database.connections import Database as Pool, connect
from core.settings import Settings
from support.cluster import PASSWORD, Cluster, Database

FOLDER = Path(__file__).parents[1] / "odd"
FILES = sorted(FOLDER.glob("*.sql"))
SCHEMAS = "odd,odd_other,odd_locked,odd_missing"

SCHEMA = """
CREATE SCHEMA odd;
CREATE SCHEMA odd_other;
GRANT USAGE ON SCHEMA odd, odd_other TO isthmus_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA odd, odd_other GRANT SELECT ON TABLES TO isthmus_reader;
"""


def as_superuser(database: Database) -> Connection:
    """A connection of a superuser's, who owns what the loader's owner may not make."""
    return connect(superuser(database))


def superuser(database: Database) -> Settings:
    """The settings of that connection."""
    return replace(database.owner, db_user="isthmus_tests")


def make_odd_tables(database: Database, files: Iterable[Path] = FILES) -> None:
    """Run some of the files, in order of their names. Raises: AssertionError with what psql says"""
    with as_superuser(database) as connection:
        connection.execute(SCHEMA)
        connection.commit()
    owner = superuser(database)
    variables = {"socket": owner.db_host, "port": owner.db_port, "database": owner.db_name, "password": PASSWORD}
    command = ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--host={owner.db_host}"]
    command += [f"--port={owner.db_port}", "--username=isthmus_tests", owner.db_name]
    command += [f"--set={name}={value}" for name, value in variables.items()]
    command += [f"--file={path}" for path in files]
    environment = {"PATH": os.environ["PATH"], "PGPASSWORD": PASSWORD}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def database_with(cluster: Cluster, tables: str) -> Iterator[Database]:
    """A database in which somebody else made tables."""
    database = cluster.clone()
    with as_superuser(database) as connection:
        connection.execute(tables)  # type: ignore[arg-type]
    try:
        yield database
    finally:
        cluster.drop(database)


@contextmanager
def sources_app(database: Database, schemas: str = SCHEMAS) -> Iterator[Flask]:
    """The API that publishes schemas of a database, after its first look at their data."""
    settings = replace(database.reader, schemas=schemas)
    pool = Pool(settings)
    app = create_app(settings, pool)
    try:
        yield app
    finally:
        pool.close()


def surveyed(app: Flask) -> FlaskClient:
    """A client of the API, once the data of every table were looked at."""
    client = app.test_client()
    wait_for(lambda: client.get("/collections/view_with_id").json, lambda found: "extent" in found)
    return client


def wait_for(look: Callable[[], Any], ready: Callable[[Any], bool], within_s: float = 10) -> Any:
    """What `look` gives as soon as it is ready. Raises: AssertionError with the last it gave"""
    deadline = time.monotonic() + within_s
    while not ready(found := look()):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def rows_of(database: Database, source: str) -> int:
    """How many rows a relation has, by PostgreSQL; `source` is its name with its schema, as it stands in a FROM."""
    with as_superuser(database) as connection:
        [count] = connection.execute(f"SELECT count(*) FROM {source}").fetchone() or [-1]  # type: ignore[arg-type]
    return count
