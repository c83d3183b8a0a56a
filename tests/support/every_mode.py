"""What is true of Isthmus in every mode: inherited by the test classes of tests/stack."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from support.browser import chromium, drawn, open_map
from support.lesson import TeachesTheLesson
from support.stack import Answer, Stack, output, run, tcp_to_unix, wait_for

SERVICES = ("postgis", "api", "loader")
SOON_S = 15
"""Five on a machine that has nothing else to do; other tests run beside these."""


@contextmanager
def requests_in_the_background(stack: Stack, path: str) -> Iterator[list[Answer]]:
    """Asks again and again, twenty times a second, while the block runs. Refused connections are not answers."""
    answers: list[Answer] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.05):
            try:
                answers.append(stack.get(path))
            except OSError:
                continue

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    yield answers
    stop.set()
    thread.join(15)


@contextmanager
def first_to_lock(path: Path) -> Iterator[None]:
    """Gets PostgreSQL's lock as soon as its holder dies, and keeps it while the block runs.

    A restart takes about a second, which requests simply wait for. The entrypoint waits ten seconds for the
    lock, so the outage lasts as long as the block, and then it starts as it would have.
    """
    holder = subprocess.Popen(["flock", path, "cat"], stdin=subprocess.PIPE)
    waits = re.compile(rf"-> FLOCK +ADVISORY +WRITE {holder.pid} ")
    try:
        wait_for(lambda: waits.search(Path("/proc/locks").read_text()), 10, "flock waits for the lock")
        yield
    finally:
        with suppress(subprocess.TimeoutExpired):
            holder.communicate(timeout=5)
        holder.kill()  # where a backend kept the lock for a while, the next PostgreSQL may have it first
        holder.wait(20)


class ServesFiles:
    """Files of the data folder are features, tiles and pages."""

    mode: ClassVar[str]

    def test_a_dropped_file_is_a_collection_soon(self, stack: Stack) -> None:
        name = f"fresh_{self.mode}"
        started = time.monotonic()
        stack.drop_points(name, 12)
        wait_for(lambda: stack.serves(name, 12), SOON_S, f"{name} is served")
        assert time.monotonic() - started > 0.01, "the clock of this test is broken"

    def test_a_replaced_file_is_swapped_in_and_a_removed_one_withdrawn(self, stack: Stack) -> None:
        name = f"changing_{self.mode}"
        stack.drop_points(name, 5)
        wait_for(lambda: stack.serves(name, 5), SOON_S, "the first content")
        stack.drop_points(name, 7)
        wait_for(lambda: stack.serves(name, 7), SOON_S, "the second content")
        (stack.data / f"{name}.geojson").unlink()
        wait_for(lambda: stack.withdrawn(name), SOON_S, "it is withdrawn")

    def test_features_are_written_to_files_of_every_format(self, stack: Stack, points: str) -> None:
        for f in ("gpkg", "fgb", "parquet", "shp", "kml"):
            answer = stack.get(f"/collections/{points}/items?f={f}")
            assert answer.status == 200, answer.body
            assert answer.headers["accept-ranges"] == "bytes"

    def test_ogrinfo_reads_the_features(self, stack: Stack, points: str) -> None:
        with self.tcp_port(stack) as port:
            seen = output("ogrinfo", "-ro", "-so", f"OAPIF:http://127.0.0.1:{port}", points)
        assert "Feature Count: 40" in seen
        assert "Geometry: Point" in seen

    def test_maplibre_draws_every_feature(self, stack: Stack, points: str) -> None:
        with self.tcp_port(stack) as port, chromium() as browser:
            page = browser.new_page(base_url=f"http://127.0.0.1:{port}")
            open_map(page, f"/map?collections={points}")
            assert drawn(page) == {points: 40}

    def test_links_lead_back_to_where_the_client_asked(self, stack: Stack, points: str) -> None:
        with self.tcp_port(stack) as port:
            body = output("curl", "-sf", f"http://127.0.0.1:{port}/collections/{points}?f=json")
        assert f"http://127.0.0.1:{port}/collections/{points}/items" in body

    def test_tiles_and_pages_are_served(self, stack: Stack, points: str) -> None:
        tile = stack.get(f"/collections/{points}/tiles/WebMercatorQuad/0/0/0")
        assert tile.status == 200
        assert tile.body
        page = stack.get("/", Accept="text/html")
        assert page.headers["content-type"].startswith("text/html")
        assert stack.get("/map", Accept="text/html").status == 200

    def test_low_zooms_are_there_before_anybody_asks(self, stack: Stack) -> None:
        name = f"rendered_{self.mode}"
        stack.drop_points(name, 30)

        def tiles_of_all() -> list[dict[str, Any]]:
            lines = stack.told("loader")
            loaded = [number for number, line in enumerate(lines) if name in line.get("collections", ())]
            return [line for line in lines[loaded[0] :] if line["event"] == "rendered"] if loaded else []

        wait_for(tiles_of_all, 30, "the loader tells of rendered tiles")
        assert tiles_of_all()[0]["made"] > 0
        answer = stack.get("/tiles/WebMercatorQuad/2/1/2")
        assert answer.status == 200
        assert answer.headers["server-timing"].startswith("cache;desc=hit"), "it was made for us"

    def test_the_command_line_lists_the_collection(self, stack: Stack, points: str) -> None:
        listed = stack.script("isthmus", "list")
        assert listed.returncode == 0, listed.stderr
        assert points in listed.stdout

    def test_tiles_are_seeded_exported_and_served_out_of_the_file(self, stack: Stack, points: str) -> None:
        seeded = stack.script("isthmus", "seed", points, "--zoom", "0-3")
        assert seeded.stdout.startswith(f"seeded {points} ("), seeded.stderr
        target = stack.data / f"tiles_{self.mode}.pmtiles"
        exported = stack.script("isthmus", "export", points, "--pmtiles", str(target), "--zoom", "0-3")
        assert exported.returncode == 0, exported.stderr
        tile = "tiles/WebMercatorQuad/0/0/0"
        wait_for(lambda: stack.status(f"/collections/{target.stem}/{tile}") == 200, SOON_S, "the file is served")
        assert stack.get(f"/collections/{target.stem}/{tile}").body == stack.get(f"/collections/{points}/{tile}").body
        target.unlink()
        wait_for(lambda: stack.status(f"/collections/{target.stem}") == 404, SOON_S, "it is gone")

    def test_killing_postgresql_gives_503_and_then_recovery(self, stack: Stack, points: str) -> None:
        path = f"/collections/{points}/items?limit=1&f=jsonfg"  # GeoJSON would be kept, and outlive PostgreSQL
        killed = self.postmaster(stack)
        with requests_in_the_background(stack, path) as answers:
            with first_to_lock(self.lock_file(stack)):
                os.kill(killed, signal.SIGKILL)
                wait_for(lambda: any(answer.status == 503 for answer in answers), 9, "a 503")
            wait_for(lambda: answers[-1].status == 200, 60, "the API recovers by itself")
        assert {answer.status for answer in answers} == {200, 503}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in answers if answer.status == 503)
        assert self.postmaster(stack) != killed

    @contextmanager
    def tcp_port(self, stack: Stack) -> Iterator[int]:
        """A TCP port of the API; in mode none a forwarder to its socket."""
        if stack.mode != "none":
            yield stack.port
            return
        with tcp_to_unix(stack.socket) as port:
            yield port

    def postmaster(self, stack: Stack) -> int:
        """The process id of PostgreSQL on the host."""
        raise NotImplementedError

    def lock_file(self, stack: Stack) -> Path:
        """The file that PostgreSQL locks, as the host sees it."""
        raise NotImplementedError


class InContainers(ServesFiles, TeachesTheLesson):
    """What is true of the containers in all of Docker's modes."""

    def postmaster(self, stack: Stack) -> int:
        return int(stack.inspect("postgis")["State"]["Pid"])

    def lock_file(self, stack: Stack) -> Path:
        volume = output("docker", "volume", "inspect", "-f", "{{.Mountpoint}}", f"{stack.project}_pgdata")
        return Path(volume) / "17.lock"

    def test_containers_have_no_rights_beyond_their_work(self, stack: Stack) -> None:
        for name in SERVICES:
            facts = stack.inspect(name)
            host = facts["HostConfig"]
            assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", facts["Config"]["User"]), "not root"
            assert host["ReadonlyRootfs"], name
            assert host["CapDrop"] == ["ALL"], name
            assert "no-new-privileges:true" in host["SecurityOpt"], name
            assert host["PidsLimit"] > 0, name
            assert host["Memory"] > 0, name
            assert host["LogConfig"]["Config"]["max-size"], name
            assert "CapEff:\t0000000000000000" in stack.execute(name, "cat", "/proc/1/status").stdout, name

    def test_the_root_file_system_is_read_only(self, stack: Stack) -> None:
        for name in SERVICES:
            assert "Read-only file system" in stack.execute(name, "touch", "/opt/x").stderr, name

    def test_the_api_sees_neither_the_owners_password_nor_a_writable_data_folder(self, stack: Stack) -> None:
        assert stack.execute("api", "ls", "/run/secrets").stdout.split() == ["reader_password"]
        assert "Read-only file system" in stack.execute("api", "touch", "/data/x").stderr
        assert stack.execute("loader", "touch", "/data/var/x").returncode == 0

    def test_secrets_are_for_their_owner_only(self, stack: Stack) -> None:
        folder = stack.folder / "secrets"
        assert folder.stat().st_mode & 0o777 == 0o700
        for secret in folder.iterdir():
            assert secret.stat().st_mode & 0o777 == 0o600, secret
            assert len(secret.read_text().strip()) >= 24, secret

    def test_no_secret_is_in_the_environment_or_the_command(self, stack: Stack) -> None:
        passwords = [secret.read_text().strip() for secret in (stack.folder / "secrets").iterdir()]
        for name in SERVICES:
            facts = str(stack.inspect(name))
            assert not any(password in facts for password in passwords), name

    def test_published_ports_are_on_loopback_and_never_the_databases(self, stack: Stack) -> None:
        for target, bindings in self.published(stack):
            assert target == "8080/tcp"
            assert {binding["HostIp"] for binding in bindings} == {"127.0.0.1"}

    def published(self, stack: Stack) -> list[tuple[str, Any]]:
        """(target port, bindings) of every published port of every container of the project."""
        ids = output("docker", "ps", "-q", "--filter", f"label=com.docker.compose.project={stack.project}").split()
        ports = [output("docker", "inspect", "-f", "{{json .HostConfig.PortBindings}}", one) for one in ids]
        return [pair for one in ports for pair in (json.loads(one) or {}).items()]

    def test_a_second_server_cannot_open_the_same_volume(self, stack: Stack) -> None:
        secrets = f"{stack.folder}/secrets:/run/secrets:ro"
        user = stack.inspect("postgis")["Config"]["User"]
        second = run(
            *("docker", "run", "--rm", "--network", "none", "--user", user, "-e", "ISTHMUS_PG_LOCK_WAIT_S=1"),
            *("-e", "ISTHMUS_OWNER_PASSWORD_FILE=/run/secrets/owner_password", "-v", secrets),
            *("-e", "ISTHMUS_READER_PASSWORD_FILE=/run/secrets/reader_password"),
            *("-e", "ISTHMUS_PG_SOCKET_DIR=/tmp", "-v", f"{stack.project}_pgdata:/var/lib/postgresql/data"),
            "isthmus-postgis:local",
        )
        assert second.returncode == 73
        assert "another PostgreSQL holds" in second.stderr
        assert stack.status("/health/ready") == 200

    def test_every_container_restarts_on_its_own(self, stack: Stack, points: str) -> None:
        for name in SERVICES:
            output("docker", "restart", stack.container(name))
            wait_for(lambda: stack.status("/health/ready") == 200, 60, f"ready after a restart of {name}")
        assert stack.matched(points) == 40
        stack.drop_points(f"later_{self.mode}", 3)
        wait_for(lambda: stack.serves(f"later_{self.mode}", 3), 30, "the loader still watches")

    def test_a_second_up_is_fast_and_changes_nothing(self, stack: Stack) -> None:
        before = [stack.container(name) for name in SERVICES]
        started = time.monotonic()
        printed = stack.up(self.mode)
        assert time.monotonic() - started < 2 * SOON_S
        assert [stack.container(name) for name in SERVICES] == before
        assert f"mode {self.mode}" in printed
        assert str(stack.data) in printed
