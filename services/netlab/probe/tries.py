"""One try each: from this host (ports, pages of the API, the firewall's text), and inside a container by one `sh`."""

from __future__ import annotations

import http.client
import json
import shlex
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.api_client import BadAddress, fetch
from netlab.model.observation import endpoint
from netlab.model.probe_results import ApiResponse, ConnectionProbe, FolderProbe, PublicResponse, ResolvedName
from netlab.observe.docker_engine import listed, mapped
from netlab.observe.host import PROC, read, run

TIMEOUT_S = 4.0
MOST_BYTES = 2_000_000
COLLECTIONS = "/collections?f=json"


def probe_port(address: str, port: int) -> ConnectionProbe:
    """Tries a TCP connection and closes it again."""
    target = endpoint(address, port)
    try:
        socket.create_connection((address, port), timeout=1.5).close()
    except OSError as error:
        return ConnectionProbe("", target, open=False, text=reason(error))
    return ConnectionProbe("", target, open=True, text="connected")


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


HEAD = r"""
LC_ALL=C; export LC_ALL
name() { printf 'name\t%s\t%s\n' "$1" "$(getent ahostsv4 "$1" | cut -d ' ' -f 1 | sort -u | tr '\n' ' ')"; }
folder() {
  reads=no; ls -A "$1" >/dev/null 2>&1 && reads=yes
  owner=
  if made=$(mktemp "$1/.isthmus-check-XXXXXX" 2>&1); then owner=$(stat -c %u:%g "$made"); rm -f "$made"; made=; fi
  printf 'folder\t%s\t%s\t%s\t%s\t%s\n' "$1" "$reads" "$(stat -c %d:%i "$1" 2>/dev/null)" "$owner" "$made"
}
connect() { printf 'connect\t%s\t%s\n' "$1" "$(python3 -I -c "$connect" "$1" 2>&1 | tail -n 1)"; }
connect='
import socket, sys
target = sys.argv[1]
try:
    if target.startswith("/"):
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(2)
        one.connect(target)
    else:
        host, _, port = target.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), 2)
    print("connected")
except OSError as error:
    print(error)
'
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """What to try in one container: names to resolve, targets to connect to, folders to read and write."""

    names: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to try."""
        return not (self.names or self.targets or self.folders)

    @property
    def script(self) -> str:
        """The text for `sh -c`."""
        pairs = [("name", one) for one in self.names]
        pairs += [("connect", one) for one in self.targets] + [("folder", one) for one in self.folders]
        return HEAD + "".join(f"{verb} {shlex.quote(word)}\n" for verb, word in pairs) + "true\n"


def parse_trial(container: str, output: str) -> tuple[list[ResolvedName], list[ConnectionProbe], list[FolderProbe]]:
    """What the script of a Trial printed, as values."""
    lines = [line.split("\t") for line in output.splitlines()]
    return (
        [ResolvedName(container, name, tuple(found.split())) for name, found in of_kind("name", 2, lines)],
        [ConnectionProbe(container, to, text == "connected", text) for to, text in of_kind("connect", 2, lines)],
        [
            FolderProbe(container, path, reads == "yes", inode, owner, text.rpartition(": ")[2])
            for path, reads, inode, owner, text in of_kind("folder", 5, lines)
        ],
    )


def of_kind(kind: str, width: int, lines: Iterable[list[str]]) -> list[list[str]]:
    """The words of the lines of one kind."""
    return [line[1:] for line in lines if line[0] == kind and len(line) == width + 1]
