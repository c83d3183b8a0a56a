"""The stack that demos run on, and the page's words in those of this machine: projects, ports and folders differ.

On the page the stack is the clone's own: project `isthmus`, port 8080, database port 55432, folders `./data` and
`./secrets` of a clone in /srv/isthmus, owned by 10001. What a demo makes is called `lesson-...`, and here begins with
the project's name, so that two stacks can be taught about at once. 8081 is a port that is free here.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path

from core.settings import Settings
from netlab.errors import NoStack
from netlab.observe.docker_engine import Engine, Json
from netlab.observe.host import ROOT
from netlab.observe.recording import choose_project
from netlab.tutorial.page import ANY

DB_PORT = 55432
SPARE_PORTS = range(8081, 8181)
IMAGES = ("isthmus-postgis:local", "isthmus-api:local")


@dataclass(frozen=True, slots=True)
class Here:
    """The stack that was found. `mode` is empty when none runs; demos on `any` need none."""

    mode: str
    words: Words

    def can_run(self, mode: str) -> bool:
        """Whether demos on that mode can run now."""
        return mode in (ANY, self.mode)


def look_around(settings: Settings, project: str | None) -> Here:
    """The stack that is meant. Raises: EngineAway, NoStack when several are"""
    engine = Engine()
    stacks = engine.stacks()
    if not stacks:
        return without_stack(settings, project)
    chosen = choose_project(stacks, (settings.project, settings.data_dir), None, project)
    containers = [one for one in engine.containers_of(chosen) if one["State"]["Running"]]
    modes = {str(one["Config"]["Labels"].get("isthmus.mode", "")) for one in containers}
    return Here("".join(sorted(modes)[:1]), words_of(settings, chosen, containers))


def without_stack(settings: Settings, project: str | None) -> Here:
    """All that demos need which run on `any`. Raises: NoStack when there are no secrets yet"""
    return Here("", words_of(settings, project or settings.project, []))


def check_images(engine: Engine) -> None:
    """Raises: NoStack when the images or the secrets that demos use were never made"""
    missing = [tag for tag in IMAGES if engine.image_id(tag) is None]
    if missing:
        raise NoStack(f"there is no image {missing[0]}", hint="./scripts/up builds it, and makes the secrets")


def words_of(settings: Settings, project: str, containers: list[Json]) -> Words:
    """The words of a project whose running containers are given. Relative folders of the settings are the clone's."""
    secret = mounted(containers, "/run/secrets/reader_password")
    secrets_dir = secret.parent if secret else ROOT / settings.secrets_dir
    if not secrets_dir.is_dir():
        raise NoStack(f"there are no secrets in {secrets_dir}", hint="./scripts/up makes them")
    owner = secrets_dir.stat()
    return Words(
        project=project,
        port=published(containers) or listening(containers, "ISTHMUS_LISTEN") or settings.port,
        spare_port=free_port(),
        db_port=listening(containers, "ISTHMUS_DB_PORT") or DB_PORT,
        data_dir=mounted(containers, "/data") or ROOT / settings.data_dir,
        secrets_dir=secrets_dir,
        root=ROOT,
        owner=f"{owner.st_uid}:{owner.st_gid}",
    )


def mounted(containers: list[Json], target: str) -> Path | None:
    """The folder or file of the host that a container has there."""
    mounts = (mount for one in containers for mount in one["Mounts"])
    return next((Path(mount["Source"]) for mount in mounts if mount["Destination"] == target), None)


def published(containers: list[Json]) -> int | None:
    """The host's port of the API."""
    ports = (one["NetworkSettings"]["Ports"].get("8080/tcp") for one in containers)
    return next((int(bound[0]["HostPort"]) for bound in ports if bound), None)


def listening(containers: list[Json], variable: str) -> int | None:
    """The port at the end of a container's variable, in mode host."""
    entries = (
        entry for one in containers for entry in one["Config"]["Env"] if one["HostConfig"]["NetworkMode"] == "host"
    )
    found = (entry.rpartition(":")[2].rpartition("=")[2] for entry in entries if entry.startswith(f"{variable}="))
    return next((int(port) for port in found if port), None)


def free_port() -> int:
    """A port of loopback that nobody uses now. Raises: NoStack when a hundred are taken"""
    for port in SPARE_PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise NoStack(f"no port from {SPARE_PORTS.start} to {SPARE_PORTS.stop - 1} is free on 127.0.0.1 for a demo")


OF_THE_STACK = re.compile(
    r"\bisthmus(-(?:api|postgis|loader|net|\$s)(?:-host|-container|-none)?-1|_(?:default|pgdata|pgsock|spool|tiles))\b"
)
MADE_HERE = re.compile(r"(?<![\w-])lesson-")
FOLDER = re.compile(r"(?<![\w./])\./(data|secrets)\b")
BEFORE_A_PORT = r"((?:127\.0\.0\.1:|--dport |-host-port ))"
"""`localhost:8080` is a container's own and stays."""


@dataclass(frozen=True, slots=True)
class Words:
    """What this machine calls the things of the page. `owner` is the uid:gid of the secrets' folder."""

    project: str
    port: int
    spare_port: int
    db_port: int
    data_dir: Path
    secrets_dir: Path
    root: Path
    owner: str

    @property
    def prefix(self) -> str:
        """How the names of all that demos make begin here."""
        return f"{self.project}-lesson-"

    def here(self, text: str) -> str:
        """A command of the page as it runs on this machine."""
        folders = {"data": self.data_dir, "secrets": self.secrets_dir}
        text = OF_THE_STACK.sub(lambda match: self.project + match.group(1), text)
        text = MADE_HERE.sub(self.prefix, text)
        text = FOLDER.sub(lambda match: str(folders[match.group(1)]), text)
        text = re.sub(BEFORE_A_PORT + r"8080\b", rf"\g<1>{self.port}", text)
        return re.sub(r"\b8081\b", str(self.spare_port), re.sub(r"\b55432\b", str(self.db_port), text))

    def on_page(self, text: str) -> str:
        """An output of this machine as the page shows it."""
        folders = {
            self.data_dir: "/srv/isthmus/data",
            self.secrets_dir: "/srv/isthmus/secrets",
            self.root: "/srv/isthmus",
        }
        for path, shown in folders.items():
            text = text.replace(str(path), shown)
        text = text.replace(self.prefix, "lesson-").replace(self.project, "isthmus")
        text = re.sub(BEFORE_A_PORT + rf"{self.port}\b", r"\g<1>8080", text)
        text = re.sub(rf"\b{self.spare_port}\b", "8081", re.sub(rf"\b{self.db_port}\b", "55432", text))
        return re.sub(rf"\b{self.owner}\b", "10001:10001", text)
