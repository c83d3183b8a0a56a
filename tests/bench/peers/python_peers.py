"""tipg and pygeoapi, one worker each, as their own images run them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from bench.peers.asks import Dialect
from bench.peers.data import SCHEMA, TABLES, Access
from bench.peers.servers import Server, environment_of, http, running
from bench.peers.venvs import pinned, venv
from support.server import free_port

MOST = 10_000_000
"""Features of an answer that the peers are allowed: a whole collection is one page of theirs."""


@contextmanager
def tipg(access: Access, folder: Path) -> Iterator[Server]:
    """tipg under uvicorn."""
    port, of = free_port(), f"/collections/{SCHEMA}.{{collection}}"
    tile = f"{of}/tiles/WebMercatorQuad/{{z}}/{{column}}/{{row}}"
    dialect = Dialect(f"{of}/items", f"{of}/items/{{id}}", tile, params={"f": "geojson"})
    settings = {
        "DATABASE_URL": f"postgresql://{access.role}:{access.password}@{quote(access.host, safe='')}"
        f":{access.port}/{access.database}",
        "TIPG_DB_SCHEMAS": json.dumps([SCHEMA]),
        "TIPG_MAX_FEATURES_PER_QUERY": str(MOST),
    }
    server = http("tipg", pinned("tipg", "tipg"), dialect, f"http://127.0.0.1:{port}", access.processes())
    uvicorn = [str(venv("tipg") / "bin/uvicorn"), "tipg.main:app", "--port", str(port), "--no-access-log"]
    environment = environment_of(folder, **settings)
    with running(replace(server, python=True), uvicorn, environment, "/healthz") as started:
        yield started


@contextmanager
def pygeoapi(access: Access, folder: Path) -> Iterator[Server]:
    """pygeoapi under gunicorn with gevent."""
    port, bin = free_port(), venv("pygeoapi") / "bin"
    config, document = folder / "pygeoapi.yml", folder / "openapi.yml"
    config.write_text(json.dumps(pygeoapi_config(access, port)))  # JSON is YAML
    settings = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(document)}
    environment = environment_of(folder, **settings)
    subprocess.run(
        [bin / "pygeoapi", "openapi", "generate", config, "--output-file", document],
        env=environment,
        check=True,
        capture_output=True,
    )
    dialect = replace(Dialect(), tile=None)  # one of zoom 0 takes it more than ten seconds, of 3,000 points
    server = http("pygeoapi", pinned("pygeoapi", "pygeoapi"), dialect, f"http://127.0.0.1:{port}", access.processes())
    gunicorn = [str(bin / "gunicorn"), "--worker-class", "gevent", "--timeout", "600", "--bind", f"127.0.0.1:{port}"]
    command = [*gunicorn, "pygeoapi.flask_app:APP"]
    with running(replace(server, python=True), command, environment, "/conformance?f=json") as started:
        yield started


def pygeoapi_config(access: Access, port: int) -> dict[str, object]:
    """The configuration: every table as features and as tiles, no pretty printing, no limit on a page."""
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": port},
            "url": f"http://127.0.0.1:{port}",
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "gzip": True,
            "languages": ["en-US"],
            "pretty_print": False,
            "limits": {"default_items": 10, "max_items": MOST},
            "map": {"url": "https://example.org/{z}/{x}/{y}.png", "attribution": "none"},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": "peer",
                "description": "peer",
                "keywords": ["peer"],
                "keywords_type": "theme",
                "terms_of_service": "none",
                "url": "https://example.org",
            },
            "license": {"name": "none", "url": "https://example.org"},
            "provider": {"name": "none", "url": "https://example.org"},
            "contact": {"name": "none", "email": "nobody@example.org", "url": "https://example.org"},
        },
        "resources": {table: pygeoapi_resource(access, table) for table in TABLES},
    }


def pygeoapi_resource(access: Access, table: str) -> dict[str, object]:
    """A table as a collection."""
    source = {
        "data": {
            "host": access.host,
            "port": access.port,
            "dbname": access.database,
            "user": access.role,
            "password": access.password,
            "search_path": [SCHEMA],
        },
        "id_field": "fid",
        "table": table,
        "geom_field": "geom",
    }
    tiles = {
        "type": "tile",
        "name": "MVT-postgresql",
        "options": {"zoom": {"min": 0, "max": 22}},
        "format": {"name": "pbf", "mimetype": "application/vnd.mapbox-vector-tile"},
        "storage_crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
    }
    return {
        "type": "collection",
        "title": table,
        "description": table,
        "keywords": [table],
        "links": [],
        "extents": {"spatial": {"bbox": [-180, -90, 180, 90], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}},
        "providers": [{"type": "feature", "name": "PostgreSQL", **source}, {**tiles, **source}],
    }
