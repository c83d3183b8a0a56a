"""How the tests break a running stack by hand, and ask `isthmus net check` what it found."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.stack import ROOT, SUFFIX, Stack, output, run, wait_for

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root changes the firewall, mounts and owners")


ILL = ("part-runs", "loader")


@dataclass(frozen=True, slots=True)
class Report:
    """What the check said."""

    exit_code: int
    promises: list[dict[str, str]]
    printed: str
    said: str

    def of(self, verdict: str) -> set[tuple[str, str]]:
        """(code, subject without the project) of the promises with a verdict."""
        return {(one["code"], part_of(one["subject"])) for one in self.promises if one["verdict"] == verdict}

    @property
    def broken(self) -> set[tuple[str, str]]:
        """(code, subject) of what is broken, but for a loader that is still ill of the test before.

        Its health check comes every ten seconds, which no test here waits for.
        """
        return {one for one in self.of("broken") if one != ILL}

    def one(self, code: str, subject: str) -> dict[str, str]:
        """A promise that is not kept."""
        fitting = [one for one in self.promises if (one["code"], part_of(one["subject"])) == (code, subject)]
        (found,) = [one for one in fitting if one["verdict"] != "kept"]
        return found


def part_of(subject: str) -> str:
    """`api` of `isthmus-1234abcd-api-host-1`; other subjects as they are."""
    for part in ("postgis", "loader", "api", "net"):
        if f"-{part}-" in subject:
            return part
    return subject


def net_check(stack: Stack, *arguments: str) -> Report:
    """`isthmus net check --json`, or another command with the same output."""
    return reported(run(ROOT / "scripts/isthmus", *(arguments or ("net", "check")), "--json", env=stack.environment))


def net_check_as_user(stack: Stack) -> Report:
    """The same as a user of the group docker, whom the machine may not even have a name for.

    The system's Python with the packages of .venv: the interpreter of .venv may lie in a folder of root's.
    """
    group = Path("/var/run/docker.sock").stat().st_gid
    user = ("setpriv", "--reuid", "4321", "--regid", "4321", "--groups", str(group), "--")
    packages = next((ROOT / ".venv/lib").glob("python3*/site-packages"))
    environment = stack.environment | {
        "PYTHONPATH": f"{ROOT / 'services'}:{packages}",
        "ISTHMUS_PROJECT": stack.project,
    }
    return reported(run(*user, "/usr/bin/python3", "-m", "netlab", "check", "--json", env=environment))


def reported(done: subprocess.CompletedProcess[str]) -> Report:
    """A finished check."""
    promises = json.loads(done.stdout)["promises"] if done.stdout else []
    assert promises or done.returncode, done.stderr
    return Report(done.returncode, promises, done.stdout, done.stderr)


def wait_kept(stack: Stack) -> Report:
    """The report as soon as nothing is broken."""
    reports: list[Report] = []

    def kept() -> bool:
        reports.append(net_check(stack))
        return not reports[-1].broken

    wait_for(kept, 40, "everything is kept again")
    return reports[-1]


def mend(promise: dict[str, str], stack: Stack) -> None:
    """Does what the promise's fix says, word by word."""
    for command in promise["fix"].splitlines()[0].split("; "):
        output("bash", "-c", command.removeprefix("sudo "), cwd=ROOT, env=stack.environment)


@contextmanager
def owned_by_root(path: Path) -> Iterator[None]:
    """A folder of the services', given to root while the block runs."""
    before = path.stat()
    os.chown(path, 0, 0)
    try:
        yield
    finally:
        os.chown(path, before.st_uid, before.st_gid)


@contextmanager
def read_only(stack: Stack, name: str, target: str) -> Iterator[None]:
    """A mount of a running container, covered by itself read-only while the block runs: files are open in it."""
    inside = ("nsenter", "-t", str(stack.inspect(name)["State"]["Pid"]), "-m")
    output(*inside, "mount", "--bind", target, target)
    try:
        output(*inside, "mount", "-o", "remount,bind,ro", target)
        yield
    finally:
        output(*inside, "umount", target)


@contextmanager
def moved_away(path: Path) -> Iterator[None]:
    """A folder that has another name while the block runs."""
    away = path.rename(path.with_name(f"{path.name}.away"))
    try:
        yield
    finally:
        shutil.rmtree(path, ignore_errors=True)
        away.rename(path)


@contextmanager
def running(stack: Stack, name: str, *options: str, command: str = "sleep 300") -> Iterator[str]:
    """A container of the API's image, run by hand, while the block runs."""
    name = f"{stack.project}-{name}"
    started = output("docker", "run", "-d", "--init", "--name", name, *options, "isthmus-api:local", *command.split())
    try:
        yield name
    finally:
        run("docker", "rm", "-f", started)


@contextmanager
def paused(stack: Stack, name: str) -> Iterator[None]:
    """A service's container, paused while the block runs."""
    container = stack.container(name)
    # the kernel freezes nothing of what waits for a disk at that moment
    wait_for(lambda: run("docker", "pause", container).returncode == 0, 10, f"Docker pauses {name}")
    try:
        yield
    finally:
        output("docker", "unpause", container)


def of_project(stack: Stack) -> list[str]:
    """The label that an image which Compose built for the project lends to every container that is run of it."""
    return ["--label", f"com.docker.compose.project={stack.project}"]


def as_service(stack: Stack, service: str) -> list[str]:
    """Options that make a container one of the project's, as Compose labels it."""
    labels = {"project": stack.project, "service": service, "config-hash": "0", "oneoff": "False"}
    return [word for name, value in labels.items() for word in ("--label", f"com.docker.compose.{name}={value}")]


@contextmanager
def network(stack: Stack) -> Iterator[str]:
    """Another network, while the block runs."""
    name = f"{stack.project}-elsewhere"
    output("docker", "network", "create", name)
    try:
        yield name
    finally:
        output("docker", "network", "rm", name)


def delete_rule(port: int) -> None:
    """Takes the NAT rule of a published port out of the firewall."""
    (rule,) = [one for one in output("iptables-save", "-t", "nat").splitlines() if f"--dport {port} -j DNAT" in one]
    output("iptables", "-t", "nat", "-D", *shlex.split(rule)[1:])


def proxy_of(port: int) -> int:
    """The process id of the docker-proxy of a published port."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"docker-proxy") and str(port).encode() in words:
            return int(process.name)
    raise AssertionError(f"no docker-proxy has port {port}")


def made_otherwise(stack: Stack, name: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Makes a service's container anew from Compose's own configuration, of which `change` alters the service."""
    compose = ("docker", "compose", "-p", stack.project)
    variables = {"ISTHMUS_UID": "10001", "ISTHMUS_GID": "10001"} if os.getuid() == 0 else {}
    environment = stack.environment | variables | {"ISTHMUS_RUN_DIR": str(stack.data / "var/run")}
    profile = ("--profile", stack.mode)
    model = json.loads(output(*compose, *profile, "config", "--format", "json", cwd=ROOT, env=environment))
    service = name + SUFFIX[stack.mode]
    change(model["services"][service])
    output(
        *compose, "-f", "-", *profile, "up", "-d", "--no-deps", "--no-build", service, cwd=ROOT, input=json.dumps(model)
    )


class Greeter(socketserver.TCPServer):
    """Accepts connections and closes them. Its address can be used again at once."""

    allow_reuse_address = True


@contextmanager
def listener(address: str, port: int) -> Iterator[None]:
    """Somebody who accepts connections at an address of this host while the block runs."""
    with Greeter((address, port), socketserver.BaseRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def outer_address() -> str:
    """An address of this host that is not loopback."""
    for card in json.loads(output("ip", "-j", "-4", "address")):
        for one in card["addr_info"]:
            if one["scope"] == "global" and not card["ifname"].startswith(("br-", "docker")):
                return str(one["local"])
    raise AssertionError("this host has no address but loopback")
