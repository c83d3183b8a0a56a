"""A stack that the stack tests start by `scripts/up` in a folder of its own, and how they look at it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from core.api_client import connection, exchange

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
MODES_IN_DOCKER = ("bridge", "host", "container", "none")
SUFFIX = {"bridge": "", "host": "-host", "container": "-container", "none": "-none"}


def run(*command: str | Path, timeout_s: float = 420, **more: Any) -> subprocess.CompletedProcess[str]:
    """A finished command with its output as text. Never raises for an exit code: tests look at it."""
    words = [str(word) for word in command]
    return subprocess.run(words, text=True, capture_output=True, timeout=timeout_s, check=False, **more)


def output(*command: str | Path, **more: Any) -> str:
    """Standard output of a command that must succeed."""
    done = run(*command, **more)
    assert done.returncode == 0, f"{command} exited {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def free_port() -> int:
    """A TCP port that is free on loopback now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(look: Callable[[], T], seconds: float, what: str) -> T:
    """The first true answer of `look`. Raises AssertionError with the last answer after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        answer = look()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}; last seen: {answer!r}"
        time.sleep(0.1)


def engine_answers() -> bool:
    """Whether a Docker engine can be asked."""
    return shutil.which("docker") is not None and run("docker", "version", timeout_s=20).returncode == 0


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Forward(socketserver.BaseRequestHandler):
    """One TCP connection, carried to a unix socket: for clients such as ogrinfo that only speak TCP."""

    def handle(self) -> None:
        path = self.server.unix_socket  # type: ignore[attr-defined]
        with socket.socket(socket.AF_UNIX) as inner:
            inner.connect(str(path))
            back = threading.Thread(target=copy, args=(inner, self.request), daemon=True)
            back.start()
            copy(self.request, inner)
            back.join(10)


def copy(source: socket.socket, target: socket.socket) -> None:
    """Bytes from one socket to the other until the first ends."""
    try:
        while block := source.recv(65536):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@contextmanager
def tcp_to_unix(path: Path) -> Iterator[int]:
    """A loopback port that leads to a unix socket."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Forward) as server:
        server.daemon_threads = True
        server.unix_socket = path  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


@dataclass(slots=True)
class Stack:
    """A data folder, secrets and a port of its own; so also a project of its own (see scripts/lib/settings.sh)."""

    folder: Path
    port: int = field(default_factory=free_port)
    db_port: int = field(default_factory=free_port)
    mode: str = ""
    more: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def environment(self) -> dict[str, str]:
        """Settings for the scripts. Empty values keep a developer's .env out."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ISTHMUS_", "COMPOSE_"))}
        return kept | {
            "ISTHMUS_DATA_DIR": str(self.data),
            "ISTHMUS_SECRETS_DIR": str(self.folder / "secrets"),
            "ISTHMUS_PORT": str(self.port),
            "ISTHMUS_BIND": "127.0.0.1",
            "ISTHMUS_PROJECT": "",
            "ISTHMUS_RUN_DIR": "",
            "ISTHMUS_DB_HOST_PORT": str(self.db_port) if self.mode == "host" else "",
            **self.more,
        }

    @property
    def project(self) -> str:
        """The compose project, as `up` remembered it."""
        return (self.data / "var/project").read_text().strip()

    @property
    def socket(self) -> Path:
        """The API's socket in mode none."""
        return self.data / "var/run/api.sock"

    def script(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs scripts/NAME with this stack's settings."""
        return run(ROOT / "scripts" / name, *arguments, env=self.environment)

    def up(self, mode: str, *arguments: str) -> str:
        """Starts a mode and returns what `up` printed. Fails the test when it does not start."""
        self.mode = mode
        done = self.script("up", mode, *arguments)
        assert done.returncode == 0, f"up {mode} exited {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def down(self, *arguments: str) -> str:
        """Stops it."""
        done = self.script("down", *arguments)
        assert done.returncode == 0, f"down exited {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def get(self, path: str, timeout_s: float = 60, **headers: str) -> Answer:
        """GET over the port, or over the socket in mode none. Raises OSError when nobody listens."""
        address = f"unix:{self.socket}" if self.mode == "none" else f"127.0.0.1:{self.port}"
        with closing(connection(address, timeout_s)) as client:
            return Answer(*exchange(client, path, headers))

    def status(self, path: str) -> int:
        """The status of GET path; 0 when nobody listens."""
        try:
            return self.get(path, timeout_s=10).status
        except (OSError, http.client.HTTPException):
            return 0

    def wait_ready(self, seconds: float = 60) -> None:
        """Until the API reaches the database."""
        wait_for(lambda: self.status("/health/ready") == 200, seconds, "/health/ready answers 200")

    def container(self, name: str) -> str:
        """The id of a service's container: `api`, `postgis`, `loader` or `net`."""
        service = name if name == "net" else name + SUFFIX[self.mode]
        filters = [f"label=com.docker.compose.project={self.project}", f"label=com.docker.compose.service={service}"]
        found = output("docker", "ps", "-aq", "--no-trunc", "--filter", filters[0], "--filter", filters[1])
        assert found, f"no container of {service} in {self.project}"
        return found

    def inspect(self, name: str) -> Any:
        """docker inspect of a service's container."""
        return json.loads(output("docker", "inspect", self.container(name)))[0]

    def execute(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        """docker exec in a service's container; once more where the engine could not begin it (seen of runc)."""
        done = run("docker", "exec", self.container(name), *command)
        if "waiting for init preliminary setup" in done.stdout + done.stderr:
            return run("docker", "exec", self.container(name), *command)
        return done

    def sql(self, statement: str) -> str:
        """The answer of a statement of the owner's, asked inside the PostGIS container."""
        code = 'PGPASSWORD=$(cat /run/secrets/owner_password) exec psql -XAtqc "$1" -h "$2" -p "$3" isthmus $4'
        settings = dict(entry.split("=", 1) for entry in self.inspect("postgis")["Config"]["Env"])
        host = "127.0.0.1" if settings.get("ISTHMUS_PG_LISTEN") else settings["ISTHMUS_PG_SOCKET_DIR"]
        done = self.execute(
            "postgis", "bash", "-c", code, "sql", statement, host, settings.get("PGPORT", "5432"), "isthmus_owner"
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def told(self, name: str) -> list[dict[str, Any]]:
        """The lines of JSON in a service's log."""
        native = self.data / f"var/log/{name}.log"
        log = native.read_text() if self.mode == "native" else output("docker", "logs", self.container(name))
        return [json.loads(line) for line in log.splitlines() if line.startswith("{")]

    def drop_points(self, name: str, count: int) -> None:
        """Puts a GeoJSON file of points into the data folder in one step, as a careful copy does."""
        features = [
            {"type": "Feature", "properties": {"n": n}, "geometry": {"type": "Point", "coordinates": [n % 170, n % 80]}}
            for n in range(count)
        ]
        aside = self.folder / f"{name}.part"
        aside.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        aside.chmod(0o644)
        aside.rename(self.data / f"{name}.geojson")

    def serves(self, name: str, count: int) -> bool:
        """Whether every API worker serves the collection with so many features: six answers in a row."""
        return all(self.matched(name) == count for _ in range(6))

    def withdrawn(self, name: str) -> bool:
        """Whether no API worker serves the collection any more: six answers in a row."""
        return all(self.status(f"/collections/{name}") == 404 for _ in range(6))

    def matched(self, name: str) -> int | None:
        """How many features a collection has; None while it is not served."""
        answer = self.get(f"/collections/{name}/items?limit=1&f=json")
        return int(answer.json()["numberMatched"]) if answer.status == 200 else None


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not yet collected by its parent does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextmanager
def new_stack() -> Iterator[Stack]:
    """A stack that is not running yet, and that is taken down and deleted in the end."""
    folder = Path(tempfile.mkdtemp(prefix="isthmus-"))  # short: the sockets' paths are limited to 107 bytes
    folder.chmod(0o755)
    (folder / "data").mkdir()
    stack = Stack(folder)
    try:
        yield stack
    finally:
        stack.more = {}
        stack.down("--volumes")
        shutil.rmtree(folder)
