"""pg_featureserv and pg_tileserv, where whoever measures has built them: no package has them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from bench.peers.asks import Dialect
from bench.peers.data import SCHEMA, Access
from bench.peers.python_peers import MOST
from bench.peers.servers import Server, environment_of, http, running
from support.server import free_port

PROGRAMS = ("pg_featureserv", "pg_tileserv")
ONE_PROCESSOR = {"GOMAXPROCS": "1"}
"""As all others have one worker."""


def missing(name: str) -> str:
    """Why a server cannot be started; empty when it can."""
    if name not in PROGRAMS or shutil.which(name):
        return ""
    return f"not on the PATH: go install github.com/CrunchyData/{name}@latest"


@contextmanager
def pg_featureserv(access: Access, folder: Path) -> Iterator[Server]:
    """pg_featureserv, which gives pages and features."""
    port, of = free_port(), f"/collections/{SCHEMA}.{{collection}}"
    dialect = Dialect(f"{of}/items.json", f"{of}/items/{{id}}.json", tile=None, params={})
    settings = {
        "PGFS_SERVER_HTTPHOST": "127.0.0.1",
        "PGFS_SERVER_HTTPPORT": str(port),
        "PGFS_SERVER_WRITETIMEOUTSEC": "600",
        "PGFS_PAGING_LIMITMAX": str(MOST),
    }
    with started("pg_featureserv", access, folder, port, dialect, settings, "/index.json") as server:
        yield server


@contextmanager
def pg_tileserv(access: Access, folder: Path) -> Iterator[Server]:
    """pg_tileserv, which gives tiles."""
    port = free_port()
    dialect = Dialect(tile=f"/{SCHEMA}.{{collection}}/{{z}}/{{column}}/{{row}}.pbf", params={}, features=False)
    settings = {"TS_HTTPHOST": "127.0.0.1", "TS_HTTPPORT": str(port), "TS_MAXFEATURESPERTILE": str(MOST)}
    with started("pg_tileserv", access, folder, port, dialect, settings, "/health") as server:
        yield server


@contextmanager
def started(
    name: str, access: Access, folder: Path, port: int, dialect: Dialect, settings: dict[str, str], probe: str
) -> Iterator[Server]:
    """A program from the PATH, set by variables of its environment."""
    program = shutil.which(name)
    assert program is not None, missing(name)
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    version = (told.stdout + told.stderr).strip().split()[-1]
    url = (
        f"postgresql://{access.role}:{access.password}@/{access.database}"
        f"?host={quote(access.host, safe='')}&port={access.port}"
    )
    environment = environment_of(folder, DATABASE_URL=url, **ONE_PROCESSOR, **settings)
    server = http(name, version, dialect, f"http://127.0.0.1:{port}", access.processes())
    with running(replace(server), [program], environment, probe) as running_server:
        yield running_server
