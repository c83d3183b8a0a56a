"""Promises of the modes, broken by hand in real Docker, found by `isthmus net check`, and mended by its own words.

Inherited by the test classes of tests/stack, so that no mode has to be started once more.
"""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from typing import Any, ClassVar

from support.net_check import (
    as_service,
    delete_rule,
    listener,
    made_otherwise,
    mend,
    moved_away,
    needs_root,
    net_check,
    net_check_as_user,
    network,
    of_project,
    outer_address,
    owned_by_root,
    paused,
    proxy_of,
    read_only,
    running,
    wait_kept,
)
from support.stack import ROOT, Stack, output


class KeepsPromises:
    """What is found whatever the mode."""

    mode: ClassVar[str]
    has_the_port: ClassVar[str] = "api"

    def test_a_stack_as_up_starts_it_keeps_every_promise(self, stack: Stack) -> None:
        report = wait_kept(stack)
        assert report.exit_code == 0
        rule = {("port-rule", self.has_the_port)} if self.mode in ("bridge", "container") else set()
        assert report.of("unseen") == (set() if os.getuid() == 0 else rule)
        assert len(report.promises) > 25
        assert (stack.data / "var/network/check.json").read_text() == report.printed
        assert list(stack.data.glob("**/.isthmus-check*")) == []

    @needs_root
    def test_storage_that_fails_and_a_paused_container_are_found(self, stack: Stack) -> None:
        with paused(stack, "loader"), read_only(stack, "api", "/tiles"), moved_away(stack.data):
            report = net_check(stack)
        assert report.exit_code == 1
        followed = {("api-answers", "API")} if self.mode == "none" else set()  # its socket was in that folder
        assert report.of("broken") - followed == {
            ("storage-written", "api"),
            ("same-folder", "api"),
            ("same-folder", "loader"),
            ("part-runs", "loader"),
        }
        assert (
            report.one("part-runs", "loader")["fix"] == f"docker unpause {report.one('part-runs', 'loader')['subject']}"
        )
        assert report.one("storage-written", "api")["seen"] == "read-only file system"

    def test_another_mode_than_the_one_that_runs_is_refused(self, stack: Stack) -> None:
        other = "none" if self.mode != "none" else "host"
        report = net_check(stack, "net", "check", other)
        assert report.exit_code == 1
        assert f"runs in mode {self.mode}, not {other}" in report.said


class BridgePromises(KeepsPromises):
    """What is found in bridge mode."""

    def test_strangers_and_other_networks_are_found(self, stack: Stack) -> None:
        ours = f"{stack.project}_default"
        with ExitStack() as broken:
            elsewhere = broken.enter_context(network(stack))
            guest = broken.enter_context(running(stack, "guest", "--network", ours))
            broken.enter_context(running(stack, "open", *of_project(stack), "-p", "0.0.0.0::8080"))
            moved = broken.enter_context(running(stack, "moved", *as_service(stack, "api"), "--network", "host"))
            output("docker", "network", "connect", elsewhere, stack.container("postgis"))
            report = net_check(stack)
            mend(report.one("no-other-network", "postgis"), stack)
        assert report.broken >= {
            ("only-ours", f"network {ours}"),
            ("copies-private", "this host"),
            ("no-other-network", "postgis"),
            ("own-namespace", moved),
            ("in-network", moved),
        }
        assert report.one("only-ours", f"network {ours}")["seen"] == guest

    @needs_root
    def test_a_rule_a_proxy_and_rights_that_are_gone_are_found_and_mended(self, stack: Stack) -> None:
        delete_rule(stack.port)
        os.kill(proxy_of(stack.port), signal.SIGKILL)
        with owned_by_root(stack.data / "var"):
            report = net_check(stack)
            mend(report.one("storage-written", "loader"), stack)
            mend(report.one("port-rule", "api"), stack)
            wait_kept(stack)
        assert report.broken == {
            ("port-rule", "api"),
            ("port-proxy", "api"),
            ("api-answers", "API"),
            ("storage-written", "loader"),
        }

    def test_a_container_taken_out_of_the_network_is_found_and_mended(self, stack: Stack) -> None:
        output("docker", "network", "disconnect", f"{stack.project}_default", stack.container("api"))
        report = net_check(stack)
        mend(report.one("in-network", "api"), stack)
        assert report.broken >= {("in-network", "api"), ("veth-pair", "api"), ("name-resolves", "loader")}
        wait_kept(stack)
        output("docker", "rm", "-f", stack.container("api"))  # its card came back as eth1, and with fewer links
        stack.up("bridge")

    @needs_root
    def test_a_bridge_that_is_down_is_found_and_mended(self, stack: Stack) -> None:
        bridge = "br-" + output("docker", "network", "inspect", "-f", "{{.Id}}", f"{stack.project}_default")[:12]
        output("ip", "link", "set", bridge, "down")
        report = net_check(stack)
        mend(report.one("bridge-up", f"network {stack.project}_default"), stack)
        assert report.broken >= {("part-reached", "api"), ("api-answers", "API")}
        wait_kept(stack)

    @needs_root
    def test_a_user_of_the_group_docker_sees_all_but_the_firewall(self, stack: Stack) -> None:
        report = net_check_as_user(stack)
        assert (report.exit_code, report.broken) == (0, set())
        assert report.of("unseen") == {("port-rule", "api")}
        assert "check.json is not kept" in report.said


class HostPromises(KeepsPromises):
    """What is found in host mode."""

    def test_a_way_for_others_to_the_database_is_found(self, stack: Stack) -> None:
        with listener(outer_address(), stack.db_port):
            report = net_check(stack)
        assert report.broken == {("database-socket", "postgis"), ("database-refuses", stack.project)}

    def test_a_database_that_listens_on_every_address_is_found_and_mended(self, stack: Stack) -> None:
        def everywhere(service: dict[str, Any]) -> None:
            service["environment"]["ISTHMUS_PG_LISTEN"] = "0.0.0.0"

        made_otherwise(stack, "postgis", everywhere)
        stack.wait_ready()
        report = net_check(stack, "doctor")
        stack.up("host")
        assert report.broken >= {("database-socket", "postgis"), ("database-refuses", stack.project)}
        assert ("settings-current", "postgis") in report.of("warning")
        wait_kept(stack)


class ContainerPromises(KeepsPromises):
    """What is found in container mode."""

    has_the_port = "net"

    @needs_root
    def test_a_lost_rule_and_then_the_holders_restart_are_found_and_mended(self, stack: Stack) -> None:
        delete_rule(stack.port)
        os.kill(proxy_of(stack.port), signal.SIGKILL)
        with running(stack, "guest", "--network", f"container:{stack.container('net')}"):
            report = net_check(stack)
        assert report.broken == {
            ("port-rule", "net"),
            ("port-proxy", "net"),
            ("api-answers", "API"),
            ("no-guests", stack.project),
        }
        restart, up = report.one("port-rule", "net")["fix"].split("; ")
        output(*restart.split())
        left = net_check(stack)
        joiners = ("postgis", "api", "loader")
        assert left.broken >= {(code, part) for part in joiners for code in ("one-namespace", "has-card")}
        assert ("port-rule", "net") not in left.broken
        output(*up.split(), cwd=ROOT, env=stack.environment)
        wait_kept(stack)


class NonePromises(KeepsPromises):
    """What is found in mode none."""

    @needs_root
    def test_a_card_in_the_isolated_namespace_is_found(self, stack: Stack) -> None:
        pid = str(stack.inspect("api")["State"]["Pid"])
        output("ip", "link", "add", "isthmus-t0", "type", "veth", "peer", "name", "isthmus-t1", "netns", pid)
        try:
            report = net_check(stack)
        finally:
            output("ip", "link", "del", "isthmus-t0")
        assert report.broken == {("only-loopback", "api")}
        assert "isthmus-t1" in report.one("only-loopback", "api")["seen"]

    def test_a_volume_made_read_only_and_a_network_given_are_found_and_mended(self, stack: Stack) -> None:
        def changed(service: dict[str, Any]) -> None:
            next(one for one in service["volumes"] if one["target"] == "/spool")["read_only"] = True
            service["network_mode"] = "bridge"

        made_otherwise(stack, "api", changed)
        stack.wait_ready()
        report = net_check(stack)
        stack.up("none")
        assert report.broken == {("mount-mode", "api"), ("storage-written", "api"), ("only-loopback", "api")}
        wait_kept(stack)
