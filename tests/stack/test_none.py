"""Mode none: no network; files and sockets in shared folders are the only way in and out."""

from __future__ import annotations

from pathlib import Path

from support.every_mode import InContainers
from support.net_promises import NonePromises
from support.stack import Stack, output


class TestNone(InContainers, NonePromises):
    mode = "none"

    def test_there_is_only_loopback(self, stack: Stack) -> None:
        for name in ("api", "postgis", "loader"):
            assert stack.inspect(name)["HostConfig"]["NetworkMode"] == "none"
            assert stack.execute(name, "ls", "/sys/class/net").stdout.split() == ["lo"]

    def test_nothing_is_published(self, stack: Stack) -> None:
        assert self.published(stack) == []

    def test_nobody_listens_on_tcp(self, stack: Stack) -> None:
        assert stack.sql("SHOW listen_addresses") == ""
        for name in ("api", "postgis"):
            pid = stack.inspect(name)["State"]["Pid"]
            for table in ("tcp", "tcp6"):
                lines = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
                assert [line for line in lines if line.split()[3] == "0A"] == []

    def test_curl_reaches_the_api_by_its_socket(self, stack: Stack) -> None:
        assert stack.socket.is_socket()
        assert '"ready"' in output("curl", "-sf", "--unix-socket", stack.socket, "http://localhost/health/ready")

    def test_up_prints_the_curl_that_works(self, stack: Stack) -> None:
        assert f"curl --unix-socket {stack.socket} http://localhost/" in stack.up("none")
