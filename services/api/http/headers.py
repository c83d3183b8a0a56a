"""Headers that every response has."""

from __future__ import annotations

import os

from core.db import spent

COMMON_HEADERS = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "Content-Crs, Content-Disposition, ETag, Isthmus-Tile, Link, X-Request-Id"),
    ("X-Content-Type-Options", "nosniff"),
    ("Timing-Allow-Origin", "*"),
)
"""Headers that are the same in every response: any page may read it (CORS, W3C Resource Timing)."""


def new_request_id() -> str:
    """An id for a request, which its response and the log carry."""
    return os.urandom(6).hex()


def server_timing(took_s: float) -> str:
    """The value of `Server-Timing`: milliseconds by kind, and whether tiles were cached."""
    parts: list[str] = []
    if spent.found or spent.made:
        parts.append("cache;desc=miss" if spent.made else "cache;desc=hit")
    if spent.db_s:
        parts.append(f"db;dur={spent.db_s * 1e3:.2f}")
    if spent.made:
        parts.append(f"make;dur={spent.make_s * 1e3:.2f}")
    return ", ".join([*parts, f"total;dur={took_s * 1e3:.2f}"])
