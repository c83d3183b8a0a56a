"""How the stack that is meant runs before modes are compared, the switch to a mode by `scripts/up`, and the way back.

What ran is read from the containers themselves: the environment that once started them need not be the one of today.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from core.settings import Settings, rows
from netlab.errors import BenchmarkRuns, ModeFailed, NativeRuns, NoStack
from netlab.observe.docker_engine import Engine, Json, environment_of, labels_of, listed, mapped
from netlab.observe.host import PROC, ROOT
from netlab.observe.recording import Stack

MODES = ("bridge", "host", "container", "none")
"""Those that can be compared: of Compose."""
API_PORT, DATABASE_PORT = "8080/tcp", "5432/tcp"
FOLDERS = {"/data": "ISTHMUS_DATA_DIR", "/run/isthmus": "ISTHMUS_RUN_DIR"}
SECRETS = "/run/secrets/"
NOT_OF_CONTAINERS = {"ISTHMUS_TILES_DIR", "ISTHMUS_SPOOL_DIR", "ISTHMUS_DATA_DIR"}
"""What Compose sets to paths inside the containers."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WITHOUT_DISK = {"ISTHMUS_TILES_MB": "0"}
"""While modes are compared no tile goes to the disk: cold ones would push out tiles that somebody needs."""


@dataclass(frozen=True, slots=True)
class Before:
    """`mode` is None when nothing ran. `settings`: variables for scripts/up; empty ones keep a `.env` out."""

    mode: str | None
    project: str
    settings: dict[str, str]


def before_of(containers: Sequence[Json], project: str) -> Before:
    """How it runs, by `docker inspect` of the project's containers."""
    running = [one for one in containers if one["State"]["Running"] and labels_of(one).get("isthmus.mode")]
    if not running:
        return Before(None, project, {})
    mode = labels_of(running[0])["isthmus.mode"]
    return Before(
        mode, project, {**passed_on(running), **of_places(running), **of_ports(running, mode), **of_user(running)}
    )


def passed_on(containers: Sequence[Json]) -> dict[str, str]:
    """The operator's settings that Compose passes on to containers, those that are empty included."""
    known = {name for name, _, _ in rows("operator")} - NOT_OF_CONTAINERS
    found = [(name, value) for one in containers for name, value in environment_of(one).items() if name in known]
    return dict(found)


def of_places(containers: Sequence[Json]) -> dict[str, str]:
    """Folders of the host, by what is mounted where."""
    mounts = {one["Destination"]: one["Source"] for container in containers for one in listed(container["Mounts"])}
    places = {variable: mounts[target] for target, variable in FOLDERS.items() if mounts.get(target)}
    secrets = [source for target, source in mounts.items() if target.startswith(SECRETS)]
    if secrets:
        places["ISTHMUS_SECRETS_DIR"] = str(PurePosixPath(secrets[0]).parent)
    return places


def of_ports(containers: Sequence[Json], mode: str) -> dict[str, str]:
    """Addresses and ports as they were set, so that a free one (0) stays one."""
    bindings = [mapped(one["HostConfig"].get("PortBindings")) for one in containers]
    published = {port: bound[0] for ports in bindings for port, bound in ports.items() if bound}
    found: dict[str, str] = {}
    if API_PORT in published:
        found |= {"ISTHMUS_BIND": published[API_PORT]["HostIp"], "ISTHMUS_PORT": published[API_PORT]["HostPort"] or "0"}
    if DATABASE_PORT in published:
        found["ISTHMUS_DB_HOST_PORT"] = published[DATABASE_PORT]["HostPort"]
    elif mode == "bridge":
        found["ISTHMUS_DB_HOST_PORT"] = ""
    if mode == "host":
        found |= of_host_mode(containers)
    return found


def of_host_mode(containers: Sequence[Json]) -> dict[str, str]:
    """Of mode host, where processes listen on the host themselves."""
    variables = {name: value for one in containers for name, value in environment_of(one).items()}
    host, _, port = variables.get("ISTHMUS_LISTEN", "").rpartition(":")
    found = {"ISTHMUS_BIND": host, "ISTHMUS_PORT": port} if port else {}
    return found | ({"ISTHMUS_DB_HOST_PORT": variables["PGPORT"]} if variables.get("PGPORT") else {})


def of_user(containers: Sequence[Json]) -> dict[str, str]:
    """The user that the services run as."""
    uid, _, gid = str(containers[0]["Config"].get("User") or "").partition(":")
    return {"ISTHMUS_UID": uid, "ISTHMUS_GID": gid} if uid and gid else {}


def find_before(engine: Engine, settings: Settings, project: str | None) -> tuple[Before, Path]:
    """How the stack of this data folder (or of that project) runs, and its data folder.

    Raises: EngineAway, NativeRuns, NoStack when the project that was named is not there
    """
    chosen = own_project(engine.stacks(), project or settings.project, settings.data_dir)
    if chosen is None:
        if project is not None:
            raise NoStack(f"there is no stack {project}", hint="./scripts/isthmus net show says which there are")
        refuse_native(settings.data_dir)
        return Before(None, settings.project, {}), settings.data_dir
    before = before_of(engine.containers_of(chosen), chosen)
    return before, Path(before.settings.get("ISTHMUS_DATA_DIR", settings.data_dir))


def own_project(stacks: list[Stack], project: str, data_dir: Path) -> str | None:
    """The project of that name, or the one of that data folder. A Swarm's stack is neither: it has one mode."""
    of_compose = [one for one in stacks if one[1] in MODES]
    by_name = [one[0] for one in of_compose if one[0] == project]
    by_folder = [one[0] for one in of_compose if one[2] == str(data_dir)]
    return next(iter([*by_name, *by_folder]), None)


def refuse_native(data_dir: Path, proc: Path = PROC) -> None:
    """Raises: NativeRuns when native mode runs with the data folder: it would be stopped, and its data is its own"""
    cluster = str(data_dir / "var" / "pg" / "17")
    for process in proc.glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if cluster.encode() in words:
            raise NativeRuns(
                f"native mode runs with {data_dir}, and Docker's modes need its port",
                hint="./scripts/down stops it, ./scripts/up native starts it again afterwards",
            )


class Switcher:
    """The scripts of this clone, for one project. What they print goes to a log."""

    def __init__(self, before: Before, log: IO[str]) -> None:
        """`log` is a file that is open for writing."""
        self.before = before
        self._log = log
        self._measuring = measuring_settings(before)
        self.mode = before.mode
        self.touched = False
        """Whether anything was started or stopped."""

    def start(self, mode: str) -> None:
        """Start a mode with the settings of the one that ran. Raises: ModeFailed

        What ran before is taken down first, so that a PostGIS that is warm for hours is not compared with fresh ones.
        """
        if not self.touched and self.before.mode is not None:
            self.touched = True
            self._run("down", None, {"ISTHMUS_PROJECT": self.before.project, **self.before.settings})
        self.touched = True
        self.mode = None
        self._run("up", mode, self._measuring)
        self.mode = mode

    def restore(self) -> None:
        """Start what ran before as it ran, or take everything down. Raises: ModeFailed"""
        if not self.touched:
            return
        if self.before.mode is None:
            self._run("down", None, {"ISTHMUS_PROJECT": self.before.project})
        else:
            self._run("up", self.before.mode, {"ISTHMUS_PROJECT": self.before.project, **self.before.settings})
        self.mode, self.touched = self.before.mode, False

    def _run(self, script: str, mode: str | None, settings: Mapping[str, str]) -> None:
        words = ["env", *(f"{name}={value}" for name, value in settings.items()), str(ROOT / "scripts" / script)]
        self._log.write(f"\n$ scripts/{script} {mode or ''}\n")
        self._log.flush()
        began = self._log.tell()
        done = patiently([*words, *([mode] if mode else [])], self._log)
        if done != 0:
            raise ModeFailed(
                f"scripts/{script} {mode or ''}".rstrip() + f" failed: {last_line(self._log.name, began)}",
                hint=f"all it said is in {self._log.name}",
            )


def patiently(words: list[str], log: IO[str]) -> int:
    """The exit code of a command in a session of its own, which Ctrl-C does not reach.

    An interrupt that comes meanwhile is raised when the command has ended: containers that are half started cannot be
    taken down for sure.
    """
    process = subprocess.Popen(  # noqa: S603
        words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    interrupted = False
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            interrupted = True
            continue
        if interrupted:
            raise KeyboardInterrupt
        return code


def last_line(path: str, began: int) -> str:
    """The last line that a script wrote to the log, without its name."""
    with Path(path).open(encoding="utf-8", errors="replace") as log:
        log.seek(began)
        lines = [line.strip() for line in log if line.strip()]
    return lines[-1].removeprefix("up: ").removeprefix("down: ") if lines else "it said nothing"


def measuring_settings(before: Before) -> dict[str, str]:
    """The settings of the stack that runs, as far as every mode can have them."""
    settings = {"ISTHMUS_PROJECT": before.project, **before.settings, **WITHOUT_DISK}
    if not settings.get("ISTHMUS_DB_HOST_PORT"):
        settings.pop("ISTHMUS_DB_HOST_PORT", None)
    if settings.get("ISTHMUS_PORT") == "0":
        settings["ISTHMUS_PORT"] = str(free_port(settings.get("ISTHMUS_BIND") or "127.0.0.1"))
    return settings


def free_port(address: str) -> int:
    """A port that is free now: host mode cannot ask the engine for one."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


@contextmanager
def log_of(data_dir: Path) -> Generator[IO[str]]:
    """The log of the comparison on the data volume, which also keeps a second one out. Raises: BenchmarkRuns"""
    folder = data_dir / "var" / "log"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "compare.log"

    def opened(name: str, flags: int) -> int:
        return os.open(name, (flags | os.O_NOFOLLOW) & ~os.O_TRUNC, 0o644)

    with open(path, "w", encoding="utf-8", opener=opened) as log:  # noqa: PTH123 - Path.open takes no opener
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BenchmarkRuns("modes of this stack are being compared already", hint="wait for it") from error
        log.truncate()
        yield log


@contextmanager
def interruptible() -> Generator[None]:
    """A request to end (Ctrl-C, kill, a closed terminal) interrupts once; further ones do not disturb the way back.

    From then on this process is silent of errors that nobody can catch: of an answer of HTTP that was half made, for
    one, which complains with a traceback when it is let go of.
    """

    def interrupt(*_: object) -> None:
        ignore_interrupts()
        sys.unraisablehook = lambda _: None
        raise KeyboardInterrupt

    kept = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def ignore_interrupts() -> None:
    """From now to the end of `interruptible`."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
