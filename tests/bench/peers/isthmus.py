"""Isthmus itself, with one worker: over what its loader made, and over the tables that the peers read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench.peers.asks import Dialect
from bench.peers.clock import Processes
from bench.peers.data import SCHEMA, Access
from bench.peers.http_client import HttpClient
from bench.peers.servers import Server
from bench.setting import below, text_of
from support.cluster import Database
from support.server import running_api


@contextmanager
def isthmus(database: Database, watcher: psycopg.Connection) -> Iterator[Server]:
    """The API as the reader, on the collections that the loader made."""
    with serving("Isthmus", database, database.reader.db_user, watcher) as server:
        yield server


@contextmanager
def over_tables(database: Database, access: Access, _: Path) -> Iterator[Server]:
    """The API as a role that may read the plain tables alone."""
    settings = {"ISTHMUS_SCHEMAS": SCHEMA, "ISTHMUS_DB_USER": access.role, "ISTHMUS_DB_PASSWORD": access.password}
    with serving("Isthmus, plain tables", database, access.role, access.watcher, **settings) as server:
        yield server


@contextmanager
def serving(name: str, database: Database, user: str, watcher: psycopg.Connection, **settings: str) -> Iterator[Server]:
    """The API as a server under test. It keeps no answers: some rows ask for the same again and again."""
    others = set(below(os.getpid()))
    with running_api(database, ISTHMUS_ANSWER_CACHE_MB="0", **settings) as url:
        root = next(
            pid for pid in below(os.getpid()) if pid not in others and "gunicorn.conf.py" in text_of(pid, "cmdline")
        )
        dialect = Dialect(everything="/collections/{collection}/items?f=geojson")
        server = Server(name, "this checkout", dialect, HttpClient(url), Processes(root, user, watcher), keyset=True)
        yield server
        server.client.close()
