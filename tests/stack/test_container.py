"""Container mode: one namespace, held by a container that sleeps, joined by the others."""

from __future__ import annotations

from pathlib import Path

from support.every_mode import InContainers
from support.net_promises import ContainerPromises
from support.stack import Stack, output, wait_for

EVERYONE = ("net", "postgis", "api", "loader")


class TestContainer(InContainers, ContainerPromises):
    mode = "container"

    def test_all_share_one_namespace_that_is_not_the_hosts(self, stack: Stack) -> None:
        found = {stack.execute(name, "readlink", "/proc/1/ns/net").stdout.strip() for name in EVERYONE}
        assert len(found) == 1
        assert found != {str(Path("/proc/self/ns/net").readlink())}

    def test_the_joiners_name_the_holder_and_show_no_network(self, stack: Stack) -> None:
        for name in ("postgis", "api", "loader"):
            facts = stack.inspect(name)
            assert facts["HostConfig"]["NetworkMode"] == f"container:{stack.container('net')}"
            assert facts["NetworkSettings"]["Networks"] == {}

    def test_the_holder_publishes_the_port(self, stack: Stack) -> None:
        assert stack.inspect("net")["NetworkSettings"]["Ports"]["8080/tcp"] == [
            {"HostIp": "127.0.0.1", "HostPort": str(stack.port)}
        ]

    def test_the_api_meets_postgresql_on_the_shared_loopback(self, stack: Stack) -> None:
        code = "import socket; socket.create_connection(('127.0.0.1', 5432), 3).close()"
        assert stack.execute("api", "python", "-c", code).returncode == 0
        assert stack.sql("SHOW listen_addresses") == "127.0.0.1"

    def test_after_a_restart_of_the_holder_the_others_are_ill_and_up_heals_them(self, stack: Stack) -> None:
        output("docker", "restart", stack.container("net"))
        for name in ("api", "postgis"):
            wait_for(
                lambda name=name: stack.inspect(name)["State"]["Health"]["Status"] == "unhealthy", 60, f"{name} is ill"
            )
        assert "eth0 is gone" in stack.inspect("api")["State"]["Health"]["Log"][-1]["Output"]
        stack.up("container")
        assert stack.status("/health/ready") == 200
