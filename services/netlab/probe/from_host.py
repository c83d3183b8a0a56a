"""Tries from this host: connections, pages of the API over TCP or a unix socket, the firewall's text."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.api_client import BadAddress, fetch
from netlab.model.probe_results import ApiResponse, HostConnection, PublicResponse
from netlab.observe.docker_engine import listed, mapped
from netlab.observe.host import PROC, read, run

TIMEOUT_S = 4.0
MOST_BYTES = 2_000_000
COLLECTIONS = "/collections?f=json"


def probe_port(address: str, port: int, timeout_s: float = 1.5) -> HostConnection:
    """Tries a TCP connection and closes it again."""
    try:
        socket.create_connection((address, port), timeout_s).close()
    except OSError as error:
        return HostConnection(address, port, open=False, text=reason(error))
    return HostConnection(address, port, open=True, text="connected")


def reason(error: Exception) -> str:
    """What went wrong, in words, without the error's number."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def get(address: str, path: str, host: str | None = None) -> tuple[int | None, str, bytes]:
    """(status, words, body) of GET; None when there was no response, and why."""
    try:
        response = fetch(address, path, timeout_s=TIMEOUT_S, host=host, most_bytes=MOST_BYTES)
    except (OSError, http.client.HTTPException, BadAddress) as error:
        return None, reason(error), b""
    return response.status, f"answers {response.status}", response.body


def get_page(address: str, path: str) -> ApiResponse:
    """A page of the API with the links of its collections."""
    status, text, body = get(address, path)
    return ApiResponse(address, path, status, text, links_of(body) if path == COLLECTIONS else ())


def links_of(body: bytes) -> tuple[str, ...]:
    """Every `href` of links in the answer of /collections."""
    document = parsed(body)
    parts = [document, *(mapped(one) for one in listed(document.get("collections")))]
    return tuple(str(link["href"]) for part in parts for link in listed(part.get("links")) if "href" in link)


def parsed(body: bytes) -> dict[str, Any]:
    """A JSON object; an empty one when it is none."""
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return mapped(document) if isinstance(document, dict) else {}


def get_public(url: str, address: str) -> PublicResponse:
    """What the public address answers, compared byte by byte with what the API itself answers at `address`."""
    parts = urlsplit(url)
    status, text, body = get(url, parts.path.rstrip("/") + COLLECTIONS, host=parts.netloc.rpartition("@")[2])
    own = get(address, COLLECTIONS)[2]
    return PublicResponse(url, status, same=bool(body) and body == own, text=text)


def firewall() -> tuple[tuple[str, ...] | None, str]:
    """Chains and rules of the tables that Docker writes to, `-t TABLE` in front of each; or None, and why not.

    None as well where Docker has no chain of its own: it has `iptables: false`, or writes to nftables or to another
    iptables than the one that runs here.
    """
    lines: list[str] = []
    for table in ("nat", "filter", "raw"):
        saved, error = run("iptables-save", "-t", table)
        if saved is None:
            return None, error
        lines += [f"-t {table} {line}" for line in saved.splitlines() if line.startswith(("-A ", ":"))]
    if not any(line.startswith("-t nat :DOCKER ") for line in lines):
        return None, "iptables-save shows no chain DOCKER: the engine keeps its rules elsewhere, or makes none"
    return tuple(lines), ""


def forwarding() -> bool | None:
    """Whether packets are sent on from card to card; None where /proc does not tell."""
    text = read(PROC / "sys/net/ipv4/ip_forward").strip()
    return text == "1" if text else None


def inode_of(path: str) -> str | None:
    """device:inode of a path. Raises: FileNotFoundError when it is gone. None when this user may not look there"""
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        raise
    except OSError:
        return None
    return f"{status.st_dev}:{status.st_ino}"
