"""The address that a client called, by its Host header: what links begin with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from werkzeug.sansio.utils import get_current_url, get_host


def called(environ: Mapping[str, Any]) -> str:
    """The address of the landing page that a request called, or its path where the request says no host."""
    return url_root(environ["wsgi.url_scheme"], environ.get("HTTP_HOST", ""), environ.get("SCRIPT_NAME", ""))


@lru_cache(maxsize=1000)
def url_root(scheme: str, host: str, root_path: str) -> str:
    """The same of its parts. Links without a host lead clients to where they asked.

    Docker names services with underscores, which Werkzeug takes for no hosts.
    """
    known = host[: len(get_host(scheme, host.replace("_", "-")))]
    return get_current_url(scheme, known, root_path) if known else f"{root_path.rstrip('/')}/"


def names_host(environ: Mapping[str, Any]) -> bool:
    """Whether a request says one host, as one of HTTP/1.1 has to. The server joins several with commas."""
    host = environ.get("HTTP_HOST")
    return bool(host) and "," not in host
