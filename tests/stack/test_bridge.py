"""Bridge mode: a private network, veth pairs, links and published ports, as docs/networking.md tells them."""

from __future__ import annotations

import ipaddress
import json
import signal
import subprocess
from pathlib import Path

import psycopg

from core.settings import load_settings
from netlab.cli.tutorial import PAGES
from netlab.tutorial.here import look_around
from netlab.tutorial.page import compare, parse_page
from netlab.tutorial.run import Watcher, run_demo
from support.every_mode import InContainers
from support.net_check import net_check
from support.net_promises import BridgePromises
from support.stack import ROOT, Stack, free_port, output, wait_for


def network_of(stack: Stack) -> tuple[str, str]:
    """(name of the project's network, address of the API's container in it)."""
    ((name, facts),) = stack.inspect("api")["NetworkSettings"]["Networks"].items()
    return name, facts["IPAddress"]


def left_by_demos(stack: Stack) -> list[str]:
    """Ids of containers, networks and volumes that are named as those of demos."""
    mine = ("-q", "--filter", f"name={stack.project}-lesson-")
    return [
        one for kind in ("ps -a", "network ls", "volume ls") for one in output("docker", *kind.split(), *mine).split()
    ]


class TestBridge(InContainers, BridgePromises):
    mode = "bridge"

    def test_the_api_has_a_private_address_on_the_projects_bridge(self, stack: Stack) -> None:
        name, address = network_of(stack)
        network = json.loads(output("docker", "network", "inspect", name))[0]
        assert network["Driver"] == "bridge"
        assert ipaddress.ip_address(address).is_private
        assert ipaddress.ip_address(address) in ipaddress.ip_network(network["IPAM"]["Config"][0]["Subnet"])

    def test_a_veth_pair_leads_from_the_container_into_the_bridge(self, stack: Stack) -> None:
        name, _ = network_of(stack)
        bridge = "br-" + output("docker", "network", "inspect", "-f", "{{.Id}}", name)[:12]
        peer = stack.execute("api", "cat", "/sys/class/net/eth0/iflink").stdout.strip()
        cards = {card.joinpath("ifindex").read_text().strip(): card for card in Path("/sys/class/net").iterdir()}
        assert cards[peer].name.startswith("veth")
        assert cards[peer].joinpath("master").resolve().name == bridge

    def test_the_link_gives_postgis_a_name(self, stack: Stack) -> None:
        assert stack.execute("api", "getent", "hosts", "postgis").returncode == 0
        links = stack.inspect("api")["NetworkSettings"]["Networks"][network_of(stack)[0]]["Links"]
        assert any(link.endswith(":postgis") for link in links)

    def test_every_container_has_a_namespace_of_its_own(self, stack: Stack) -> None:
        found = {stack.execute(name, "readlink", "/proc/1/ns/net").stdout for name in ("api", "postgis", "loader")}
        assert len(found | {str(Path("/proc/self/ns/net").readlink()) + "\n"}) == 4

    def test_a_demo_is_shown_as_a_session_with_this_stacks_names(self, stack: Stack) -> None:
        shown = stack.script("isthmus", "net", "demo", "namespaces", "--language", "zh")
        assert shown.returncode == 0, shown.stderr
        assert f"$ docker exec {stack.project}-api-1 ls /sys/class/net\neth0\nlo\n" in shown.stdout
        assert "四个编号" in shown.stdout, "the explanation"

    def test_a_demo_of_another_mode_says_how_to_get_there(self, stack: Stack) -> None:
        refused = stack.script("isthmus", "net", "demo", "host")
        assert refused.returncode == 1
        assert refused.stderr.splitlines() == [
            "isthmus net: host needs mode host, and the stack runs in mode bridge",
            "  ./scripts/up host",
        ]

    def test_a_demo_whose_page_says_something_else_is_told_and_leaves_nothing(self, stack: Stack) -> None:
        page = PAGES["en"].read_text(encoding="utf-8").replace("mtu:1400", "mtu:1401")
        mtu = next(demo for demo in parse_page(page) if demo.name == "mtu")
        words = look_around(load_settings(stack.environment), stack.project).words
        differences = compare(run_demo(mtu, words, Watcher()))
        assert [(one.page_shape[-4:], one.seen_shape[-4:]) for one in differences] == [("1401", "1400")]
        assert left_by_demos(stack) == []

    def test_ctrl_c_in_a_demo_leaves_nothing(self, stack: Stack) -> None:
        command = ["env", "--default-signal=INT", ROOT / "scripts/isthmus", "net", "demo", "links"]
        demo = subprocess.Popen(
            command, env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            wait_for(lambda: left_by_demos(stack), 60, "a container of the demo")
            demo.send_signal(signal.SIGINT)
            _, errors = demo.communicate(timeout=60)
        finally:
            demo.kill()
        assert demo.returncode == 130
        assert "interrupted" in errors
        assert left_by_demos(stack) == []


def test_an_open_port_and_a_wrong_public_address_are_found(home: Stack) -> None:
    home.more = {"ISTHMUS_BIND": "0.0.0.0", "ISTHMUS_PUBLIC_URL": "http://127.0.0.1:9/gis"}
    home.up("bridge")
    report = net_check(home)
    assert (report.exit_code, report.broken) == (1, {("port-private", "api"), ("public-url", "API")})
    accepted = net_check(home, "doctor", "--accept", "port-private", "--accept", "public-url")
    assert (accepted.exit_code, accepted.broken) == (0, set())
    home.more = {}
    assert ("settings-current", "api") in net_check(home, "doctor").of("warning")


def test_an_ephemeral_port_and_a_database_port_on_loopback(home: Stack) -> None:
    """The variants: ISTHMUS_PORT=0 lets the engine choose, ISTHMUS_DB_HOST_PORT opens PostgreSQL to QGIS."""
    db_port = free_port()
    home.more = {"ISTHMUS_PORT": "0", "ISTHMUS_DB_HOST_PORT": str(db_port)}
    printed = home.up("bridge")
    (bound,) = home.inspect("api")["NetworkSettings"]["Ports"]["8080/tcp"]
    low, high = (int(number) for number in Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert bound["HostIp"] == "127.0.0.1"
    assert low <= int(bound["HostPort"]) <= high
    assert f"http://127.0.0.1:{bound['HostPort']}/" in printed
    assert home.inspect("postgis")["NetworkSettings"]["Ports"]["5432/tcp"] == [
        {"HostIp": "127.0.0.1", "HostPort": str(db_port)}
    ]
    password = (home.folder / "secrets/reader_password").read_text().strip()
    with psycopg.connect(
        host="127.0.0.1", port=db_port, user="isthmus_reader", password=password, dbname="isthmus"
    ) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("isthmus_reader",)


def test_switching_modes_keeps_the_database(home: Stack) -> None:
    home.more = {}
    home.up("bridge")
    home.sql("CREATE TABLE IF NOT EXISTS data.kept (mode text)")
    home.sql("INSERT INTO data.kept VALUES ('bridge')")
    home.up("none")
    assert home.sql("SELECT mode FROM data.kept") == "bridge"
    home.sql("DROP TABLE data.kept")
    running = output("docker", "ps", "--filter", f"label=com.docker.compose.project={home.project}", "-q").split()
    assert len(running) == 3, "only the new mode's containers"
    wait_for(lambda: home.status("/health/ready") == 200, 20, "ready in the new mode")


def test_a_container_of_an_image_is_none_of_the_project_that_built_it(home: Stack) -> None:
    home.more = {}
    home.up("bridge")
    label = "com.docker.compose.project"
    for service in ("postgis", "api", "loader"):
        image = f"isthmus-{service}:local"
        assert output("docker", "image", "inspect", "-f", f'{{{{index .Config.Labels "{label}"}}}}', image) == ""
        stranger = output("docker", "create", image)
        try:
            ours = output("docker", "ps", "-aq", "--no-trunc", "--filter", f"label={label}={home.project}").split()
            assert stranger not in ours
        finally:
            output("docker", "rm", stranger)
