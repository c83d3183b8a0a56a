"""The same tile by each interface of a server, without any application: what the server alone costs.

Run in an environment of its own; the tile is the file TILE.
"""

# pyright: reportUnknownVariableType=false
from __future__ import annotations

import os
from pathlib import Path

from a2wsgi import WSGIMiddleware

TILE = Path(os.environ["TILE"]).read_bytes()
HEADERS = [
    ("content-type", "application/vnd.mapbox-vector-tile"),
    ("vary", "Accept, Accept-Encoding"),
    ("cache-control", "public, no-cache"),
    ("etag", '"31b066fe2b27abe3629d"'),
    ("content-encoding", "gzip"),
    ("content-length", str(len(TILE))),
    ("access-control-allow-origin", "*"),
    ("x-content-type-options", "nosniff"),
]
BYTES = [(name.encode(), value.encode()) for name, value in HEADERS]


def wsgi(environ, start_response):
    """WSGI."""
    start_response("200 OK", HEADERS)
    return [TILE]


async def rsgi(scope, protocol):
    """RSGI, Granian's own."""
    protocol.response_bytes(200, HEADERS, TILE)


async def asgi(scope, receive, send):
    """ASGI."""
    await send({"type": "http.response.start", "status": 200, "headers": BYTES})
    await send({"type": "http.response.body", "body": TILE})


bridged = WSGIMiddleware(wsgi)
"""WSGI behind ASGI."""
