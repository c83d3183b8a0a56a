"""What the check tried, as values: connections, names, files, pages, and what else runs on this engine.

`netlab.probe.run` tries and makes these; `netlab.checks.run` only reads them, so a test writes them down.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from netlab.model.observation import Publication


@dataclass(frozen=True, slots=True)
class ConnectionProbe:
    """A connection that was tried inside a container (empty: from this host), to `HOST:PORT` or a socket's path.

    `text`: `connected`, `refused`, `timed out` or the error.
    """

    container: str
    target: str
    open: bool
    text: str


@dataclass(frozen=True, slots=True)
class ResolvedName:
    """A name as a container resolves it. No address: it leads nowhere."""

    container: str
    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FolderProbe:
    """A folder that was read, and a file that was made in it and removed again, inside a container as its own user.

    `owner` is uid:gid of that file, empty when it could not be made; `text` then says why. `inode` is device:inode.
    """

    container: str
    path: str
    readable: bool
    inode: str
    owner: str
    text: str


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A response of the API to this host. `at` is the address, `status` None when there was none (`text`: why)."""

    at: str
    path: str
    status: int | None
    text: str
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PublicResponse:
    """What the address that ISTHMUS_PUBLIC_URL names answered. `same`: it is this very API's answer."""

    url: str
    status: int | None
    same: bool
    text: str


@dataclass(frozen=True, slots=True)
class JoinAttempt:
    """An attempt of `docker network connect`, which isolation has to refuse."""

    container: str
    refused: bool
    text: str


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A container of the same engine that is no part of this stack, though an image may have lent it the project."""

    name: str
    project: str
    state: str
    mode: str
    networks: tuple[str, ...] = ()
    network_mode: str = ""
    published: tuple[Publication, ...] = ()
    sources: tuple[str, ...] = ()
    """Folders and volumes that it mounts."""
    data_dir: str = ""


@dataclass(frozen=True, slots=True)
class ProbeResults:
    """Everything that was tried. `None`: it was not, or this user may not; `missing` says what and why."""

    knocks: tuple[ConnectionProbe, ...] = ()
    resolved: tuple[ResolvedName, ...] = ()
    reached: tuple[ConnectionProbe, ...] = ()
    touched: tuple[FolderProbe, ...] = ()
    pages: tuple[ApiResponse, ...] = ()
    public: tuple[PublicResponse, ...] = ()
    joinings: tuple[JoinAttempt, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    firewall: tuple[str, ...] | None = None
    """Lines of iptables-save, `-t TABLE` in front of each."""
    forwarding: bool | None = None
    """Whether the kernel sends packets on from card to card (net.ipv4.ip_forward)."""
    folders: dict[str, str] = field(default_factory=dict[str, str])
    """device:inode of the folders of this host that are mounted, by path; those that can be seen."""
    gone: tuple[str, ...] = ()
    """Mounted folders that are not there any more."""
    words: dict[str, str] = field(default_factory=dict[str, str])
    """What a container's last health check, or its failed start, said, by its name."""
    wanted: tuple[tuple[str, Publication], ...] = ()
    """Ports that containers which do not run are to publish."""
    outdated: tuple[str, ...] | None = None
    """Containers that were made with other settings than those of now; None where they cannot be compared."""
    missing: dict[str, str] = field(default_factory=dict[str, str])
    """Why `firewall` or `settings` could not be looked at, or why a container, by its name, not looked into."""
