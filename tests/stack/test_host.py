"""Host mode: no namespace of its own, no veth pair, no published ports."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from support.every_mode import InContainers
from support.net_promises import HostPromises
from support.stack import Stack


class TestHost(InContainers, HostPromises):
    mode = "host"

    def test_the_containers_are_in_the_hosts_own_namespace(self, stack: Stack) -> None:
        hosts = str(Path("/proc/self/ns/net").readlink())
        for name in ("api", "postgis", "loader"):
            assert stack.inspect(name)["HostConfig"]["NetworkMode"] == "host"
            assert stack.execute(name, "readlink", "/proc/1/ns/net").stdout.strip() == hosts

    def test_nothing_is_published_and_no_address_is_given(self, stack: Stack) -> None:
        assert self.published(stack) == []
        assert stack.inspect("api")["NetworkSettings"]["Networks"]["host"]["IPAddress"] == ""

    def test_the_container_has_the_hosts_name(self, stack: Stack) -> None:
        assert stack.inspect("api")["Config"]["Hostname"] == socket.gethostname()

    def test_postgresql_listens_on_loopback_only(self, stack: Stack) -> None:
        settings = dict(entry.split("=", 1) for entry in stack.inspect("postgis")["Config"]["Env"])
        port = int(settings["PGPORT"])
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
        for address in {str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)}:
            if not address.startswith("127."):
                with pytest.raises(OSError, match="refused"):
                    socket.create_connection((address, port), timeout=5)
        assert stack.sql("SHOW listen_addresses") == "127.0.0.1"
