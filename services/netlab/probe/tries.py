"""One try each: from this host (ports, pages, firewall, settings by Compose), and inside a container by one `sh`."""

from __future__ import annotations

import http.client
import json
import shlex
import socket
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.api_client import BadAddress, fetch
from netlab.model.observation import endpoint
from netlab.model.probe_results import ApiResponse, ConnectionProbe, FolderProbe, PublicResponse, ResolvedName
from netlab.observe.docker_engine import labels_of, listed, mapped
from netlab.observe.host import PROC, ROOT, read, run
from netlab.observe.recording import Recording

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


HASH, SERVICE, FOLDER = (f"com.docker.compose.{word}" for word in ("config-hash", "service", "project.working_dir"))
EXPORTED = ("PORT", "BIND", "DB_HOST_PORT", "DATA_DIR", "SECRETS_DIR", "RUN_DIR", "PROJECT", "UID", "GID")
"""What scripts/ set before they call Compose, and a plain `docker compose` does not."""


def outdated(recording: Recording) -> tuple[tuple[str, ...] | None, str]:
    """(containers made with other settings than Compose would use now, ""), or (None, why it cannot be compared)."""
    labels = [labels_of(one) for one in recording.containers]
    mode = next((one["isthmus.mode"] for one in labels if "isthmus.mode" in one), "")
    if not any(HASH in one for one in labels):
        return None, "Compose did not make these containers"
    folders = {one[FOLDER] for one in labels if FOLDER in one}
    if folders != {str(ROOT)}:
        return None, f"they were made from {', '.join(sorted(folders))}"
    by_scripts, error = hashes(recording, mode)
    if error:
        return None, error
    changed = other_than(by_scripts, recording)
    return (changed if changed and other_than(hashes(recording, mode, EXPORTED)[0], recording) else ()), ""


def other_than(current: dict[str, str], recording: Recording) -> tuple[str, ...]:
    """The containers whose hash is not the current one of their service."""
    return tuple(
        one["Name"].lstrip("/")
        for one, labels in ((one, labels_of(one)) for one in recording.containers)
        if labels.get(SERVICE) in current and labels.get(HASH) != current[labels[SERVICE]]
    )


def hashes(recording: Recording, mode: str, without: Sequence[str] = ()) -> tuple[dict[str, str], str]:
    """(service -> hash of its settings as Compose computes them now, ""), or ({}, why not). Some variables left out.

    Compose hashes a joiner of a namespace with the holder's id in place of its service, so those are put in first.
    """
    unset = [word for name in without for word in ("-u", f"ISTHMUS_{name}")]
    compose, joined = ["env", *unset, "docker", "compose", "-p", recording.project], ""
    profile = ["--profile", mode, "config"]
    if holders := holder_ids(recording):
        joined, error = run_compose([*compose, *profile, "--format", "json"])
        if error:
            return {}, error
        for service, id in holders.items():
            joined = joined.replace(f'"network_mode": "service:{service}"', f'"network_mode": "container:{id}"')
        compose += ["-f", "-"]
    printed, error = run_compose([*compose, *profile, "--hash", "*"], joined)
    pairs = [line.split() for line in printed.splitlines()]
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}, error


def holder_ids(recording: Recording) -> dict[str, str]:
    """Service -> id of the containers whose namespace others joined."""
    joined = {one["HostConfig"]["NetworkMode"].removeprefix("container:") for one in recording.containers}
    return {labels_of(one).get(SERVICE, ""): one["Id"] for one in recording.containers if one["Id"] in joined}


def run_compose(command: Sequence[str], text: str = "") -> tuple[str, str]:
    """(what Compose printed, ""), or ("", why it failed)."""
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=ROOT, input=text, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", f"docker compose config does not run: {error}"
    if done.returncode == 0:
        return done.stdout, ""
    said = done.stderr.strip().splitlines()
    return "", f"docker compose config says: {said[-1]}" if said else "docker compose config fails"
