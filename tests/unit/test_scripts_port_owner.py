"""Who holds a port, asked of the system itself with real sockets."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from support.script_module import LIBRARY, script_module

port_owner = script_module("port_owner")
LISTENER = "import socket; s = socket.create_server(('{}', {})); print(s.getsockname()[1], flush=True); input()"


@contextmanager
def listening(address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A port that this process listens on."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family) as taken:
        yield taken.getsockname()[1]


@contextmanager
def another_process(address: str, port: int = 0) -> Iterator[tuple[int, int]]:
    """(process id, port) of another process that listens."""
    words = [sys.executable, "-c", LISTENER.format(address, port)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.communicate("\n")


def name_of(pid: int) -> str:
    """The name that the system gives a process."""
    return Path(f"/proc/{pid}/comm").read_text().strip()


def test_a_free_port_says_nothing(capsys: pytest.CaptureFixture[str]):
    with listening() as port:
        pass
    assert port_owner.main("127.0.0.1", port) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("asked", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("held", ["127.0.0.1", "0.0.0.0"])
def test_a_taken_port_is_told_with_its_process_also_across_the_wildcard(
    asked: str, held: str, capsys: pytest.CaptureFixture[str]
):
    with listening(held) as port:
        assert port_owner.main(asked, port) == 1
    assert capsys.readouterr().out == f"{os.getpid()} {name_of(os.getpid())}\n"


def test_a_port_held_over_ipv6_is_told_with_its_process(capsys: pytest.CaptureFixture[str]):
    with listening("::1") as port:
        assert port_owner.main("::1", port) == 1
        assert capsys.readouterr().out.split()[0] == str(os.getpid())
        port_owner.main("127.0.0.1", port)  # which somebody else may hold
        assert str(os.getpid()) not in capsys.readouterr().out.split()


def test_the_same_port_of_another_address_is_not_ours(capsys: pytest.CaptureFixture[str]):
    with listening("127.0.0.2") as port:
        port_owner.main("127.0.0.1", port)
        assert str(os.getpid()) not in capsys.readouterr().out.split()


def test_of_two_holders_of_a_port_the_one_that_is_in_the_way_is_named(capsys: pytest.CaptureFixture[str]):
    with listening("127.0.0.2") as port, another_process("127.0.0.1", port) as (pid, _):
        assert port_owner.main("127.0.0.1", port) == 1
        assert capsys.readouterr().out.split()[0] == str(pid)
        assert port_owner.main("127.0.0.2", port) == 1
        assert capsys.readouterr().out.split()[0] == str(os.getpid())


def test_what_a_process_closes_meanwhile_hides_nothing(capsys: pytest.CaptureFixture[str]):
    """Its list of what it has open holds the file that the list is read from, in the first place that is free."""
    with Path(os.devnull).open() as early, listening() as port:
        early.close()
        assert port_owner.main("127.0.0.1", port) == 1
    assert capsys.readouterr().out.split()[0] == str(os.getpid())


def test_a_connection_that_was_closed_a_moment_ago_does_not_hold_the_port():
    with listening() as port:
        pass
    with socket.create_server(("127.0.0.1", port)) as server, socket.create_connection(("127.0.0.1", port)):
        accepted, _ = server.accept()
        accepted.close()  # the side that closes first keeps the port in TIME_WAIT
    assert port_owner.main("127.0.0.1", port) == 0


def test_a_port_that_is_only_connected_from_has_no_owner():
    with listening() as port, socket.create_connection(("127.0.0.1", port)) as client:
        own = client.getsockname()[1]
        assert port_owner.listening_inodes("127.0.0.1", own) == set()
        assert port_owner.owner("127.0.0.1", own) == "0 unknown"


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_an_address_of_another_machine_is_told_with_the_systems_reason(
    address: str, capsys: pytest.CaptureFixture[str]
):
    assert port_owner.main(address, 8080) == 2
    assert capsys.readouterr().out == "Cannot assign requested address\n"


def test_a_machine_without_ipv6_is_told_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def refused(*_: object) -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))

    monkeypatch.setattr(port_owner.socket, "socket", refused)
    assert port_owner.main("::1", 8080) == 2
    assert capsys.readouterr().out == "Address family not supported by protocol\n"


@pytest.mark.skipif(sys.byteorder != "little", reason="the examples are of a little-endian machine")
@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0100007F", "127.0.0.1"),
        ("00000000", "0.0.0.0"),
        ("0B02000A", "10.0.2.11"),
        ("00000000000000000000000001000000", "::1"),
        ("B80D0120000000000000000007000000", "2001:db8::7"),
    ],
)
def test_the_systems_table_of_sockets_is_read_by_value(text: str, address: str):
    assert port_owner.parse_address(text) == ip_address(address)


def test_a_process_that_ended_has_no_sockets_and_no_name(tmp_path: Path):
    assert list(port_owner.open_sockets(tmp_path / "4242")) == []
    assert port_owner.name_of(tmp_path / "4242") == "ended"


def test_it_runs_by_itself_with_nothing_but_python(tmp_path: Path):
    with listening() as port:
        words = [sys.executable, "-I", "-S", str(LIBRARY / "port_owner.py"), "127.0.0.1", str(port)]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()[0], done.stderr) == (1, str(os.getpid()), "")
