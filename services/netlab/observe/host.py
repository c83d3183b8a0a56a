"""The host's own view: its interfaces, firewall, sockets and proxies, read as any user may, and more of it as root.

Sources: `ip -j -d address`, `iptables-save -t nat` (as root), /proc.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

from netlab.observe.docker_engine import Json

PROC = Path("/proc")
ROOT = Path(__file__).resolve().parents[3]
"""The clone that this code is of."""
LISTENING, ACCEPTING = "0A", "00010000"
"""States of TCP and unix sockets in the tables of /proc/net."""


def look_at_host(paths: Iterable[str]) -> Json:
    """Everything the lab asks the host, as plain values. `paths` are those whose rights are of interest."""
    nat, nat_error = run("iptables-save", "-t", "nat")
    links, links_error = run("ip", "-j", "-d", "address")
    return {
        "name": socket.gethostname(),
        "root": os.geteuid() == 0,
        "namespace": link_text(PROC / "self/ns/net"),
        "links": json.loads(links) if links else None,
        "links_error": links_error,
        "nat": nat,
        "nat_error": nat_error,
        **{table: waiting(read(PROC / "net" / table)) for table in ("tcp", "tcp6", "unix")},
        "owners": socket_owners(),
        "proxies": docker_proxies(),
        "rights": {path: found for path in paths if (found := rights_of(Path(path)))},
    }


def run(*command: str) -> tuple[str | None, str]:
    """(output, "") of a program, or (None, why not)."""
    search = os.defpath + ":/usr/sbin:/sbin"  # a user's PATH leaves out where iptables is
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=20, check=False, env={"PATH": search, "LC_ALL": "C"}
        )
    except FileNotFoundError:
        return None, f"{command[0]} is not installed"
    except subprocess.TimeoutExpired:
        return None, f"{command[0]} did not answer"
    if done.returncode != 0:
        return None, (done.stderr.strip().splitlines() or [f"{command[0]} failed"])[0]
    return done.stdout, ""


def read(path: Path) -> str:
    """The text of a file, empty where it may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def waiting(table: str) -> str:
    """The lines of a table of sockets that wait for clients, in the states LISTENING and ACCEPTING."""
    kept = [line for line in table.splitlines(keepends=True) if is_waiting(line.split())]
    return "".join(kept)


def is_waiting(words: list[str]) -> bool:
    """Whether a line is of a listening TCP socket, or of a listening unix socket with a path."""
    return len(words) > 7 and (words[3] == LISTENING or (words[3] == ACCEPTING and words[7].startswith("/")))


def link_text(path: Path) -> str | None:
    """Where a symbolic link of /proc leads, such as `net:[4026531833]`."""
    try:
        return str(path.readlink())
    except OSError:
        return None


def socket_owners() -> dict[str, str]:
    """Inode of a socket -> `name (pid)` of a process that holds it: those that this user may look into."""
    owners: dict[str, str] = {}
    for process in PROC.glob("[0-9]*"):
        try:
            links = [link_text(one) or "" for one in (process / "fd").iterdir()]
        except OSError:
            continue
        name = f"{read(process / 'comm').strip()} ({process.name})"
        owners |= {link[8:-1]: name for link in links if link.startswith("socket:[")}
    return owners


def docker_proxies() -> list[list[str]]:
    """[pid, argument, ...] of each docker-proxy. Command lines may be read by everybody."""
    found: list[list[str]] = []
    for process in PROC.glob("[0-9]*"):
        words = read(process / "cmdline").split("\0")
        if words[0].endswith("docker-proxy"):
            found.append([process.name, *words[:-1]])
    return sorted(found, key=lambda words: int(words[0]))


def rights_of(path: Path) -> list[int] | None:
    """[uid, gid, mode] of a path of the host; None where it is missing or hidden from this user."""
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_uid, status.st_gid, status.st_mode]
