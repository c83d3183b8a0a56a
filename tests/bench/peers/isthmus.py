"""Isthmus itself, with one worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from bench.peers.asks import Dialect
from bench.peers.clock import Processes
from bench.peers.http_client import HttpClient
from bench.peers.servers import Server
from bench.setting import below, text_of
from support.cluster import Database
from support.server import running_api


@contextmanager
def isthmus(database: Database, watcher: psycopg.Connection) -> Iterator[Server]:
    """The API as the reader, on the collections that the loader made."""
    with running_api(database) as url:
        root = next(pid for pid in below(os.getpid()) if "api.serve" in text_of(pid, "cmdline"))
        processes = Processes(root, database.reader.db_user, watcher)
        dialect = Dialect(everything="/collections/{collection}/items?f=geojson")
        server = Server("Isthmus", "this checkout", dialect, HttpClient(url), processes, keyset=True)
        yield server
        server.client.close()
