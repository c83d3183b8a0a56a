"""Promises of the modes, held against recordings of real engines of which one thing was changed."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from netlab.checks.findings import Finding, accepted, counts, in_order, report_json, report_text
from netlab.checks.run import CODES, judge
from netlab.cli.main import net
from netlab.model.observation import Attachment, Container, Interface, Listener, Observation, Publication
from netlab.model.probe_results import (
    ApiResponse,
    ConnectionProbe,
    FolderProbe,
    JoinAttempt,
    Neighbour,
    ProbeResults,
    PublicResponse,
    ResolvedName,
)
from netlab.model.roles import api_socket, db_targets, names_of, of_role, role_of, services_of, storage_of
from netlab.observe.recording import load
from netlab.parse.observation import parse
from netlab.probe.run import neighbours
from netlab.probe.tries import Trial, links_of, parse_trial

RECORDINGS = Path(__file__).parents[1] / "data/netlab"
MODES = ("bridge", "host", "container", "none")
PAGES = ("/health/ready", "/collections?f=json")


def seen_in(mode: str) -> Observation:
    return parse(load(RECORDINGS / f"{mode}.json"))


def tried_in(seen: Observation) -> ProbeResults:
    """What is tried in a stack in which all is well."""
    at = "unix:/srv/isthmus/data/var/run/api.sock" if seen.mode == "none" else "127.0.0.1:18100"
    base = "http://localhost" if seen.mode == "none" else f"http://{at}"
    links = (f"{base}/collections?f=json", f"{base}/collections/roads")
    return ProbeResults(
        pages=tuple(ApiResponse(at, path, 200, "answers 200", links if "coll" in path else ()) for path in PAGES),
        resolved=tuple(resolved(one, name, seen) for one in seen.containers for name in names_of(one)),
        reached=tuple(
            ConnectionProbe(one.name, to, True, "connected") for one in seen.containers for to in db_targets(one)
        ),
        touched=tuple(
            touched(one, need.probe, need.writable) for one in seen.containers for need in storage_of(one, seen.mode)
        ),
        joinings=tuple(
            JoinAttempt(one.name, True, "private (none) mode") for one in seen.containers if seen.mode == "none"
        ),
        knocks=(ConnectionProbe("", "192.0.2.2:55432", False, "connection refused"),) if seen.mode == "host" else (),
        firewall=firewall(seen),
        forwarding=True,
        folders={"/srv/isthmus/data": "1:2"},
        outdated=(),
    )


def resolved(container: Container, name: str, seen: Observation) -> ResolvedName:
    (target,) = [one for one in seen.containers if one.service == name]
    return ResolvedName(container.name, name, (target.attachments[0].address.partition("/")[0],))


def touched(container: Container, path: str, writable: bool) -> FolderProbe:
    owner, text = (container.user, "") if writable else ("", "Read-only file system")
    return FolderProbe(container.name, path, True, "1:2", owner, text)


def firewall(seen: Observation) -> tuple[str, ...]:
    accepts = [
        f"-t filter -A DOCKER -d {rule.container_address}/32 ! -i br -o br -p tcp -m tcp"
        f" --dport {rule.container_port} -j ACCEPT"
        for rule in seen.host.nat_rules or ()
    ]
    return ("-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER", *accepts)


def changed(seen: Observation, service: str, **values: Any) -> Observation:
    """The observation with other values of one container."""
    assert service in {one.service for one in seen.containers}
    containers = [replace(one, **values) if one.service == service else one for one in seen.containers]
    return replace(seen, containers=tuple(containers))


def part(seen: Observation, service: str) -> Container:
    (found,) = [one for one in seen.containers if one.service == service]
    return found


def broken(seen: Observation, tried: ProbeResults | None = None, verdict: str = "broken") -> set[str]:
    """The codes of the promises with a verdict, the doctor's among them."""
    promises = judge(seen, tried or tried_in(seen), advice=True)
    return {one.code for one in promises if one.verdict == verdict}


@pytest.mark.parametrize("mode", MODES)
def test_a_stack_in_which_all_is_well_keeps_every_promise(mode: str) -> None:
    promises = judge(seen_in(mode), tried_in(seen_in(mode)), advice=False)
    assert [one for one in promises if one.verdict != "kept"] == []
    assert len(promises) > 20


@pytest.mark.parametrize("mode", MODES)
def test_whatever_is_not_kept_comes_with_a_fix(mode: str) -> None:
    """Each value of the recording that a promise looks at is taken away, and somebody says what to do."""
    seen = seen_in(mode)
    bare = replace(seen, networks=(), host=replace(seen.host, interfaces=(), proxies=(), nat_rules=()))
    ill = tuple(replace(one, health="unhealthy", interfaces=(), mounts=()) for one in bare.containers)
    promises = judge(replace(bare, containers=ill), ProbeResults(), advice=True)
    assert {one.verdict for one in promises} > {"broken", "unseen"}
    assert [one for one in promises if one.verdict != "kept" and not one.fix] == []
    assert [one for one in promises if not (one.expected and one.seen and one.because)] == []


class TestParts:
    def test_a_missing_part_is_named(self) -> None:
        seen = seen_in("bridge")
        left = tuple(one for one in seen.containers if one.service != "loader")
        assert "part-runs" in broken(replace(seen, containers=left))

    @pytest.mark.parametrize(
        ("values", "fix"),
        [
            ({"state": "paused"}, "docker unpause isthmus-api-1"),
            ({"state": "exited", "health": None}, "docker start isthmus-api-1"),
            ({"health": "unhealthy"}, "docker logs --tail 30 isthmus-api-1"),
        ],
    )
    def test_a_part_that_does_not_run_comes_with_its_cure(self, values: dict[str, Any], fix: str) -> None:
        seen = changed(seen_in("bridge"), "api", **values)
        (found,) = [one for one in judge(seen, tried_in(seen), advice=False) if one.code == "part-runs" and one.fix]
        assert (found.verdict, found.subject) == ("broken", "isthmus-api-1")
        assert fix in found.fix

    def test_what_the_health_check_said_is_told(self) -> None:
        seen = changed(seen_in("bridge"), "api", health="unhealthy")
        tried = replace(tried_in(seen), words={"isthmus-api-1": "/health/ready answered 503"})
        (found,) = [one for one in judge(seen, tried, advice=False) if one.verdict == "broken"]
        assert "/health/ready answered 503" in found.because

    def test_a_start_that_goes_on_is_a_warning(self) -> None:
        assert broken(changed(seen_in("none"), "api-none", health="starting"), verdict="warning") == {"part-runs"}

    def test_a_container_of_another_mode_is_a_stray(self) -> None:
        seen = seen_in("bridge")
        other = replace(part(seen, "api"), service="api-none", name="isthmus-api-none-1")
        assert "part-known" in broken(replace(seen, containers=(*seen.containers, other)))


class TestNamespaces:
    def test_a_card_in_mode_none_breaks_isolation(self) -> None:
        eth0 = Interface("eth0", 9, "veth", "02:42:ac:11:00:02", 1500, up=True, peer_index=10)
        api = part(seen_in("none"), "api-none")
        assert broken(changed(seen_in("none"), "api-none", interfaces=(*api.interfaces, eth0))) == {"only-loopback"}

    def test_an_engine_that_plugs_isolated_containers_in_breaks_it_too(self) -> None:
        tried = replace(
            tried_in(seen_in("none")), joinings=(JoinAttempt("isthmus-api-none-1", False, "it was plugged in"),)
        )
        assert broken(seen_in("none"), tried) == {"joining-refused"}

    def test_a_namespace_of_its_own_breaks_host_mode(self) -> None:
        assert broken(changed(seen_in("host"), "api-host", namespace=4711)) == {"hosts-namespace"}

    def test_the_hosts_namespace_breaks_bridge_mode(self) -> None:
        seen = seen_in("bridge")
        moved = changed(seen, "api", namespace=seen.host.namespace, network_mode="host", attachments=(), interfaces=())
        assert {"own-namespace", "in-network", "veth-pair"} <= broken(moved, tried_in(seen))

    def test_a_second_address_may_be_the_one_that_the_port_leads_to(self) -> None:
        seen = seen_in("bridge")
        other = Attachment("a-first", "172.30.0.2/16", "172.30.0.1", "02:42:ac:1e:00:02")
        both = changed(seen, "api", attachments=(other, *part(seen, "api").attachments))
        assert {"port-rule", "port-proxy", "port-let-through"} & broken(both, tried_in(seen)) == set()

    def test_a_joiner_in_the_namespace_of_before_the_holders_restart_is_found(self) -> None:
        lo = [one for one in part(seen_in("container"), "net").interfaces if one.kind == "loopback"]
        seen = changed(seen_in("container"), "api-container", namespace=4711, interfaces=tuple(lo))
        promises = [one for one in judge(seen, tried_in(seen), advice=False) if one.verdict == "broken"]
        assert {one.code for one in promises} == {"one-namespace", "has-card"}
        assert {one.fix for one in promises} == {"./scripts/up container"}

    def test_an_inode_that_could_not_be_read_is_no_pass(self) -> None:
        assert "own-namespace" in broken(changed(seen_in("bridge"), "api", namespace=None), verdict="unseen")
        assert "only-loopback" in broken(changed(seen_in("none"), "api-none", interfaces=()), verdict="unseen")


class TestAddresses:
    def test_a_container_moved_to_another_network_is_found(self) -> None:
        other = (Attachment("elsewhere", "172.30.0.2/16", "172.30.0.1", "02:42:ac:1e:00:02"),)
        found = broken(changed(seen_in("bridge"), "api", attachments=other))
        assert "in-network" in found

    def test_a_second_network_is_a_warning_for_the_api_and_broken_for_the_database(self) -> None:
        other = Attachment("elsewhere", "172.30.0.2/16", "172.30.0.1", "02:42:ac:1e:00:02")
        for service, verdict in (("api", "warning"), ("postgis", "broken")):
            seen = seen_in("bridge")
            both = (*part(seen, service).attachments, other)
            assert "no-other-network" in broken(changed(seen, service, attachments=both), verdict=verdict)

    def test_a_guest_in_the_network_is_found(self) -> None:
        seen = seen_in("bridge")
        networks = [
            replace(one, members=(*one.members, "guest")) if one.name == "isthmus_default" else one
            for one in seen.networks
        ]
        (found,) = [
            one
            for one in judge(replace(seen, networks=tuple(networks)), tried_in(seen), advice=False)
            if one.verdict == "broken"
        ]
        assert (found.code, found.fix) == ("only-ours", "docker network disconnect isthmus_default guest")

    def test_a_public_range_is_found(self) -> None:
        seen = seen_in("bridge")
        networks = [replace(one, subnets=("203.0.113.0/24",)) for one in seen.networks]
        assert {"private-range", "in-network"} <= broken(replace(seen, networks=tuple(networks)))

    @pytest.mark.parametrize(("change", "code"), [({"up": False}, "bridge-up"), ({"addresses": ()}, "bridge-up")])
    def test_a_bridge_that_is_down_or_lost_its_address_is_found(self, change: dict[str, Any], code: str) -> None:
        assert code in broken(with_cards(seen_in("bridge"), "bridge", change))

    @pytest.mark.parametrize("change", [{"up": False}, {"bridge": None}, {"peer_index": 4711}])
    def test_a_cable_that_leads_nowhere_is_found(self, change: dict[str, Any]) -> None:
        assert "veth-pair" in broken(with_cards(seen_in("bridge"), "veth", change))

    def test_an_engine_elsewhere_shows_no_cables(self) -> None:
        seen = replace(seen_in("bridge"), engine=replace(seen_in("bridge").engine, hidden=True))
        assert "veth-pair" in broken(seen, verdict="unseen")


def with_cards(seen: Observation, kind: str, change: dict[str, Any]) -> Observation:
    cards = [replace(one, **change) if one.kind == kind else one for one in seen.host.interfaces]
    return replace(seen, host=replace(seen.host, interfaces=tuple(cards)))


class TestPorts:
    @pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.2"])
    def test_a_port_that_other_machines_reach_is_found(self, address: str) -> None:
        found = broken(changed(seen_in("bridge"), "api", published=(Publication(address, 18100, 8080),)))
        assert "port-private" in found

    def test_a_port_of_the_api_in_host_mode_too(self) -> None:
        settings = (("LISTEN", "0.0.0.0:18100"), *part(seen_in("host"), "api-host").settings)
        settings = tuple(dict([*part(seen_in("host"), "api-host").settings, settings[0]]).items())
        assert "port-private" in broken(changed(seen_in("host"), "api-host", settings=settings))

    def test_no_published_port_is_found(self) -> None:
        assert "port-published" in broken(changed(seen_in("container"), "net", published=()))

    def test_a_published_port_in_mode_none_is_found(self) -> None:
        found = broken(changed(seen_in("none"), "api-none", published=(Publication("127.0.0.1", 18100, 8080),)))
        assert "nothing-published" in found

    def test_a_deleted_rule_is_found(self) -> None:
        seen = seen_in("bridge")
        assert "port-rule" in broken(replace(seen, host=replace(seen.host, nat_rules=())))

    def test_a_rule_that_leads_to_an_old_address_is_found(self) -> None:
        seen = seen_in("bridge")
        rules = tuple(replace(one, container_address="172.18.0.99") for one in seen.host.nat_rules or ())
        assert "port-rule" in broken(replace(seen, host=replace(seen.host, nat_rules=rules)))

    @pytest.mark.parametrize("kept", [0, 1])
    def test_a_way_that_the_firewall_closes_is_found(self, kept: int) -> None:
        seen = seen_in("bridge")
        rules = firewall(seen)
        assert "port-let-through" in broken(seen, replace(tried_in(seen), firewall=rules[:1] if kept else rules[1:]))

    def test_a_proxy_that_is_gone_is_found(self) -> None:
        seen = seen_in("bridge")
        alone = replace(seen, host=replace(seen.host, proxies=()))
        (found,) = [one for one in judge(alone, tried_in(seen), advice=False) if one.verdict == "broken"]
        assert found.code == "port-proxy"
        assert "userland-proxy=false the kernel itself" in found.because
        assert found.fix.startswith("/etc/docker/daemon.json")
        silent = replace(tried_in(seen), pages=(ApiResponse("127.0.0.1:18100", PAGES[0], None, "connection refused"),))
        assert {"port-proxy", "api-answers"} <= broken(alone, silent)

    def test_without_root_rules_are_unseen_and_never_kept(self) -> None:
        seen = seen_in("bridge")
        user = replace(seen, host=replace(seen.host, nat_rules=None))
        tried = replace(tried_in(seen), firewall=None, missing={"firewall": "Permission denied (you must be root)"})
        (found,) = [one for one in judge(user, tried, advice=False) if one.verdict == "unseen"]
        assert (found.code, found.because) == ("port-rule", "Permission denied (you must be root)")
        assert not [
            one
            for one in judge(user, tried, advice=False)
            if one.code in ("port-rule", "port-let-through") and one != found
        ]

    def test_an_engine_that_keeps_its_rules_elsewhere_is_not_accused(self) -> None:
        seen = seen_in("bridge")
        elsewhere = replace(seen, host=replace(seen.host, nat_rules=()))
        tried = replace(tried_in(seen), firewall=None, missing={"firewall": "iptables-save shows no chain DOCKER"})
        assert broken(elsewhere, tried) == set()
        assert "port-rule" in broken(elsewhere, tried, "unseen")

    def test_a_port_that_somebody_else_has_is_named(self) -> None:
        seen = changed(seen_in("bridge"), "api", state="created", health=None, published=())
        wanted = (("isthmus-api-1", Publication("127.0.0.1", 18100, 8080)),)
        other = Neighbour("other", "", "running", "", published=(Publication("0.0.0.0", 18100, 80),))
        tried = replace(tried_in(seen), wanted=wanted, neighbours=(other,))
        (found,) = [one for one in judge(seen, tried, advice=True) if one.code == "port-free"]
        assert (found.seen, "ISTHMUS_PORT=18101" in found.fix) == ("container other", True)
        process = Listener("127.0.0.1", 18100, "python3 (4711)")
        seen = replace(seen, host=replace(seen.host, listeners=(process,)))
        (found,) = [one for one in judge(seen, replace(tried, neighbours=()), advice=True) if one.code == "port-free"]
        assert found.seen == "python3 (4711) at 127.0.0.1:18100"

    def test_another_program_at_the_localhost_of_ipv6_is_a_warning(self) -> None:
        seen = seen_in("bridge")
        listeners = (*seen.host.listeners, Listener("::1", 18100, "node (4711)"))
        there = replace(seen, host=replace(seen.host, listeners=listeners))
        assert "localhost-ours" in broken(there, verdict="warning")
        assert "localhost-ours" not in broken(seen, verdict="warning")

    def test_ports_of_others_that_stand_open_are_a_warning(self) -> None:
        other = Neighbour("other", "", "running", "", published=(Publication("0.0.0.0", 9999, 80),))
        tried = replace(tried_in(seen_in("none")), neighbours=(other,))
        assert broken(seen_in("none"), tried, "warning") == {"others-private"}


class TestDatabase:
    def test_a_published_port_of_the_database_is_found(self) -> None:
        seen = seen_in("bridge")
        assert "database-published" in broken(changed(seen, "postgis", published=(Publication("0.0.0.0", 5432, 5432),)))
        on_loopback = changed(seen, "postgis", published=(Publication("127.0.0.1", 5432, 5432),))
        assert "database-published" not in broken(on_loopback)

    def test_a_rule_of_somebodys_own_is_found(self) -> None:
        seen = seen_in("bridge")
        address = part(seen, "postgis").attachments[0].address.partition("/")[0]
        (rule,) = [one for one in seen.host.nat_rules or () if one.host_port == 18100]
        own = replace(rule, host_address="", container_address=address, container_port=5432)
        rules = (*(seen.host.nat_rules or ()), own)
        assert broken(replace(seen, host=replace(seen.host, nat_rules=rules))) == {"database-published"}

    def test_a_socket_on_every_address_is_found_in_host_and_container_mode(self) -> None:
        seen = seen_in("host")
        open_ = tuple(replace(one, address="0.0.0.0") if one.port == 55432 else one for one in seen.host.listeners)
        assert broken(replace(seen, host=replace(seen.host, listeners=open_))) == {"database-socket"}
        listeners = (Listener("0.0.0.0", 5432), Listener("0.0.0.0", 8080))
        assert broken(changed(seen_in("container"), "postgis-container", listeners=listeners)) == {"database-socket"}

    def test_any_tcp_socket_breaks_mode_none(self) -> None:
        assert broken(changed(seen_in("none"), "postgis-none", listeners=(Listener("127.0.0.1", 5432),))) == {
            "database-socket"
        }

    def test_a_connection_that_succeeds_is_found(self) -> None:
        seen = seen_in("host")
        knocks = (
            ConnectionProbe("", "192.0.2.2:55432", True, "connected"),
            ConnectionProbe("", "172.17.0.1:55432", False, "refused"),
        )
        (found,) = [
            one for one in judge(seen, replace(tried_in(seen), knocks=knocks), advice=False) if one.verdict == "broken"
        ]
        assert (found.code, found.seen) == ("database-refuses", "connected to 192.0.2.2:55432")


class TestReach:
    def test_a_name_that_leads_nowhere_or_to_another_is_found(self) -> None:
        seen = seen_in("bridge")
        for addresses in ((), ("172.18.0.99",)):
            tried = replace(tried_in(seen), resolved=(ResolvedName("isthmus-api-1", "postgis", addresses),))
            assert broken(seen, tried) == {"name-resolves"}

    def test_a_name_that_the_engine_forgot_comes_back_with_a_restart(self) -> None:
        """Seen in Docker 26 when a swarm was left: the container is in its network, and nobody finds it."""
        seen = seen_in("bridge")
        tried = replace(tried_in(seen), resolved=(ResolvedName("isthmus-api-1", "postgis", ()),))
        (found,) = [one for one in judge(seen, tried, advice=False) if one.verdict == "broken"]
        assert found.fix == "docker restart isthmus-postgis-1"
        gone = changed(seen, "postgis", state="exited", health=None)
        fixes = {one.code: one.fix for one in judge(gone, tried, advice=False)}
        assert fixes["name-resolves"] == "docker start isthmus-postgis-1"

    def test_a_connection_that_fails_is_found(self) -> None:
        tried = tried_in(seen_in("none"))
        refused = ConnectionProbe(
            "isthmus-api-none-1", "/run/isthmus-pg/.s.PGSQL.5432", False, "[Errno 111] Connection refused"
        )
        assert broken(seen_in("none"), replace(tried, reached=(refused,))) == {"part-reached"}

    @pytest.mark.parametrize("status", [None, 503])
    def test_an_api_that_does_not_answer_well_is_found(self, status: int | None) -> None:
        pages = (ApiResponse("127.0.0.1:18100", PAGES[0], status, "connection refused"),)
        assert broken(seen_in("host"), replace(tried_in(seen_in("host")), pages=pages)) == {"api-answers"}

    def test_a_socket_of_another_user_is_unseen(self) -> None:
        pages = (ApiResponse("unix:/srv/api.sock", PAGES[0], None, "permission denied"),)
        assert "api-answers" in broken(seen_in("none"), replace(tried_in(seen_in("none")), pages=pages), "unseen")

    def test_links_that_lead_elsewhere_are_found(self) -> None:
        pages = (ApiResponse("127.0.0.1:18100", PAGES[1], 200, "", ("http://127.0.0.1:8080/collections/roads",)),)
        assert broken(seen_in("host"), replace(tried_in(seen_in("host")), pages=pages)) == {"links-lead-back"}

    def test_links_of_side_cars_are_no_links_of_the_api(self) -> None:
        pages = (
            ApiResponse("127.0.0.1:18100", PAGES[1], 200, "", ("https://www.opendatacommons.org/licenses/odbl/",)),
        )
        assert broken(seen_in("host"), replace(tried_in(seen_in("host")), pages=pages)) == set()

    @pytest.mark.parametrize(("status", "text"), [(None, "connection refused"), (200, "answers 200")])
    def test_a_public_address_of_nobody_or_of_somebody_else_is_found(self, status: int | None, text: str) -> None:
        public = (PublicResponse("http://127.0.0.1:9", status, same=False, text=text),)
        (found,) = [
            one
            for one in judge(seen_in("host"), replace(tried_in(seen_in("host")), public=public), advice=False)
            if one.verdict == "broken"
        ]
        assert found.code == "public-url"
        assert text in found.seen
        assert "http://127.0.0.1:18100" in found.fix

    def test_a_container_that_could_not_be_looked_into_is_unseen(self) -> None:
        tried = replace(tried_in(seen_in("host")), missing={"isthmus-api-host-1": "exec: sh: not found"})
        assert broken(seen_in("host"), tried, "unseen") == {"part-looked-into"}


class TestStorage:
    def test_a_volume_made_read_only_is_found(self) -> None:
        seen = seen_in("bridge")
        mounts = tuple(replace(one, writable=False) for one in part(seen, "postgis").mounts)
        assert broken(changed(seen, "postgis", mounts=mounts)) == {"mount-mode"}

    def test_a_volume_mounted_anew_read_only_is_found_by_trying(self) -> None:
        seen = seen_in("bridge")
        tried = with_touch(tried_in(seen), "isthmus-api-1", "/tiles", owner="", text="Read-only file system")
        assert broken(seen, tried) == {"storage-written"}

    def test_a_folder_of_roots_is_found_with_the_chown(self) -> None:
        seen = seen_in("bridge")
        tried = with_touch(tried_in(seen), "isthmus-loader-1", "/data/var", owner="", text="Permission denied")
        (found,) = [one for one in judge(seen, tried, advice=False) if one.verdict == "broken"]
        assert (found.code, found.fix) == ("storage-written", "sudo chown -R 10001:10001 /srv/isthmus/data/var")

    def test_a_file_of_the_wrong_owner_is_found(self) -> None:
        seen = seen_in("bridge")
        assert broken(seen, with_touch(tried_in(seen), "isthmus-loader-1", "/data/var", owner="0:0")) == {
            "storage-written"
        }

    def test_an_api_that_can_write_the_data_is_found(self) -> None:
        seen = seen_in("bridge")
        assert broken(seen, with_touch(tried_in(seen), "isthmus-api-1", "/data", owner="10001:10001")) == {
            "storage-read"
        }

    def test_a_folder_that_was_moved_away_is_found(self) -> None:
        seen = seen_in("host")
        assert broken(seen, replace(tried_in(seen), gone=("/srv/isthmus/data",), folders={})) == {"same-folder"}
        assert broken(seen, replace(tried_in(seen), folders={"/srv/isthmus/data": "1:99"})) == {"same-folder"}

    def test_a_container_made_without_its_volume_is_found(self) -> None:
        assert "mounted" in broken(changed(seen_in("none"), "postgis-none", mounts=()))


def with_touch(tried: ProbeResults, container: str, path: str, **values: Any) -> ProbeResults:
    """What was tried, with another outcome in one folder."""
    touches = [
        replace(one, **values) if (one.container, one.path) == (container, path) else one for one in tried.touched
    ]
    assert touches != list(tried.touched)
    return replace(tried, touched=tuple(touches))


class TestCompany:
    def test_a_guest_in_a_namespace_is_found(self) -> None:
        seen = seen_in("container")
        guest = Neighbour("guest", "", "running", "", network_mode=f"container:{part(seen, 'net').id}")
        assert broken(seen, replace(tried_in(seen), neighbours=(guest,))) == {"no-guests"}

    @pytest.mark.parametrize("source", ["/srv/isthmus/data", "isthmus_pgdata"])
    def test_two_stacks_on_one_folder_or_volume_are_found(self, source: str) -> None:
        other = Neighbour("other-loader-1", "other", "running", "host", sources=(source,))
        found = judge(seen_in("bridge"), replace(tried_in(seen_in("bridge")), neighbours=(other,)), advice=False)
        assert [(one.code, one.fix) for one in found if one.verdict == "broken"] == [
            ("data-is-ours", "ISTHMUS_PROJECT=other ./scripts/down")
        ]

    def test_a_container_run_by_hand_of_the_stacks_image_is_found_when_its_port_stands_open(self) -> None:
        seen = seen_in("bridge")
        copy = Neighbour("by-hand", "isthmus", "running", "")
        published = replace(copy, published=(Publication("0.0.0.0", 9999, 8080),))
        assert broken(seen, replace(tried_in(seen), neighbours=(copy,))) == set()
        assert broken(seen, replace(tried_in(seen), neighbours=(published,))) == {"copies-private"}

    def test_neighbours_are_read_from_docker_ps(self) -> None:
        listing = {
            "Id": "1",
            "Names": ["/other"],
            "Labels": {"com.docker.compose.project": "theirs"},
            "State": "running",
            "Ports": [
                {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 9999, "Type": "tcp"},
                {"PrivatePort": 81, "Type": "tcp"},
            ],
            "HostConfig": {"NetworkMode": "theirs_default"},
            "NetworkSettings": {"Networks": {"theirs_default": {}}},
            "Mounts": [{"Type": "volume", "Name": "theirs_data", "Source": ""}, {"Type": "bind", "Source": "/srv/x"}],
        }
        (found,) = neighbours([listing, {**listing, "Id": "2"}], {"2"})
        assert found.published == (Publication("0.0.0.0", 9999, 80),)
        assert found.sources == ("theirs_data", "/srv/x")
        assert found.networks == ("theirs_default",)


class TestAdvice:
    def test_an_older_image_and_other_settings_are_warnings(self) -> None:
        seen = changed(seen_in("none"), "api-none", stale=True)
        tried = replace(tried_in(seen), outdated=("isthmus-loader-none-1",))
        assert broken(seen, tried, "warning") == {"image-current", "settings-current"}

    def test_settings_that_cannot_be_compared_are_unseen(self) -> None:
        tried = replace(
            tried_in(seen_in("none")), outdated=None, missing={"settings": "they were made from /srv/other"}
        )
        assert broken(seen_in("none"), tried, "unseen") == {"settings-current"}

    def test_packets_too_large_for_the_card_are_a_warning_with_the_line_to_change(self) -> None:
        seen = with_cards(seen_in("bridge"), "card", {"mtu": 1400})
        (found,) = [one for one in judge(seen, tried_in(seen), advice=True) if one.code == "mtu-fits"]
        assert (found.verdict, 'com.docker.network.driver.mtu: "1400"' in found.fix) == ("warning", True)
        fitting = with_cards(seen_in("bridge"), "card", {"mtu": 1500})
        assert "mtu-fits" not in broken(fitting, verdict="warning")

    @pytest.mark.parametrize(
        ("version", "rules", "warned"),
        [
            ("26.1.5+dfsg1", (), True),
            ("27.5.1", ("-t raw -A PREROUTING ! -i lo -d 127.0.0.0/8 -j DROP",), False),
            ("28.0.0", (), False),
            ("dev", (), True),  # a build of somebody's own tells no number
        ],
    )
    def test_an_engine_that_leaves_loopback_open_is_a_warning(
        self, version: str, rules: tuple[str, ...], warned: bool
    ) -> None:
        seen = seen_in("bridge")
        seen = replace(seen, engine=replace(seen.engine, version=version))
        tried = replace(tried_in(seen), firewall=(*firewall(seen), *rules))
        assert ("loopback-closed" in broken(seen, tried, "warning")) is warned

    def test_a_kernel_that_does_not_forward_is_a_warning(self) -> None:
        tried = replace(tried_in(seen_in("bridge")), forwarding=False)
        assert "kernel-forwards" in broken(seen_in("bridge"), tried, "warning")


def promise(code: str, verdict: Any, subject: str = "api") -> Finding:
    return Finding(code, subject, "does", "this", "that", "reason", verdict, "fix it" if verdict != "kept" else "")


class TestReport:
    promises = (promise("a", "kept"), promise("b", "broken", "net"), promise("c", "unseen"), promise("d", "warning"))

    def test_what_is_broken_comes_first(self) -> None:
        assert [one.code for one in in_order(self.promises)] == ["b", "d", "c", "a"]

    def test_the_text_can_be_read_without_colour_and_ends_with_counts(self) -> None:
        text = report_text(seen_in("none"), in_order(self.promises), quiet=False)
        assert [line.strip()[0] for line in text.splitlines() if line.startswith("  ") and line[2] in "✓✗!?"] == [
            "✗",
            "!",
            "?",
            "✓",
        ]
        assert text.splitlines()[-1] == "4 promises: 1 broken, 1 warning, 1 not seen, 1 kept"
        assert "fix       fix it" in text

    def test_quiet_shows_what_is_to_be_mended(self) -> None:
        text = report_text(seen_in("none"), self.promises, quiet=True)
        assert ("[b]" in text, "[d]" in text, "[c]" in text, "✓" in text) == (True, True, False, False)

    def test_every_promise_has_a_name_that_accept_takes(self) -> None:
        sources = [path.read_text() for path in (Path(__file__).parents[2] / "services/netlab/checks").glob("*.py")]
        written = {code for source in sources for code in re.findall(r'code="([a-z-]+)"', source)}
        assert {*written, "copies-private", "others-private"} == set(CODES)
        done = CliRunner().invoke(net, ["check", "--accept", "port-privat"])
        assert done.exit_code == 2
        assert "port-private" in done.output

    def test_a_promise_broken_knowingly_is_a_warning(self) -> None:
        verdicts = [one.verdict for one in accepted(self.promises, ["b"])]
        assert verdicts == ["kept", "warning", "unseen", "warning"]

    def test_json_holds_every_promise(self) -> None:
        values = json.loads(json.dumps(report_json(seen_in("none"), self.promises)))
        assert (values["project"], values["mode"], len(values["promises"])) == ("isthmus", "none", 4)
        assert values["counts"] == counts(self.promises) == {"broken": 1, "warning": 1, "unseen": 1, "kept": 1}
        assert set(values["promises"][0]) == {
            "code",
            "subject",
            "promise",
            "expected",
            "seen",
            "because",
            "verdict",
            "fix",
        }


class TestSwarm:
    """The recording was taken during a rolling update: three tasks of the API, and one that had ended."""

    def tried(self, seen: Observation) -> ProbeResults:
        replica = tuple(ResolvedName(one.name, "replica", ("10.0.1.6", "10.0.9.9")) for one in of_role("api", seen))
        return replace(tried_in(replace(seen, containers=())), resolved=replica, firewall=firewall(seen))

    def test_every_promise_is_kept_and_other_nodes_are_said_to_be_unseen(self) -> None:
        seen = seen_in("swarm")
        promises = judge(seen, self.tried(seen), advice=False)
        assert [(one.code, one.seen) for one in promises if one.verdict == "broken"] == []
        assert [one.code for one in promises if one.verdict == "unseen"] == ["tasks-here"]
        assert {"in-overlay", "port-rule", "port-proxy", "database-published"} <= {one.code for one in promises}

    def test_a_task_that_ended_is_history(self) -> None:
        seen = seen_in("swarm")
        (ended,) = [one.name for one in seen.containers if one.state == "exited"]
        assert ended not in {one.subject for one in judge(seen, self.tried(seen), advice=True)}

    def test_a_task_outside_the_overlay_networks_is_found(self) -> None:
        seen = seen_in("swarm")
        containers = [
            replace(one, attachments=()) if one.service.endswith("loader") else one for one in seen.containers
        ]
        alone = replace(seen, containers=tuple(containers))
        (found,) = [one for one in judge(alone, self.tried(alone), advice=False) if one.verdict == "broken"]
        assert (found.code, found.fix) == ("in-overlay", "./scripts/swarm up")

    def test_a_published_port_of_the_primary_is_found(self) -> None:
        seen = seen_in("swarm")
        port = (Publication("0.0.0.0", 5432, 5432),)
        containers = [
            replace(one, published=port) if one.service.endswith("primary") else one for one in seen.containers
        ]
        assert "database-published" in {
            one.code
            for one in judge(replace(seen, containers=tuple(containers)), self.tried(seen), advice=False)
            if one.verdict == "broken"
        }


class TestInside:
    def test_what_the_script_says_is_read(self) -> None:
        output = (
            "name\tpostgis\t172.18.0.2 \nname\tnobody\t\nconnect\tpostgis:5432\tconnected\n"
            "connect\tapi:8080\t[Errno 111] Connection refused\nfolder\t/data\tyes\t1:2\t\t"
            "mktemp: failed to create file via template ‘/data/.isthmus-check-XXXXXX’: Read-only file system\n"
            "folder\t/data/var\tyes\t1:3\t10001:10001\t\n"
        )
        names, connections, folders = parse_trial("api", output)
        assert [one.addresses for one in names] == [("172.18.0.2",), ()]
        assert [one.open for one in connections] == [True, False]
        assert [(one.owner, one.text) for one in folders] == [("", "Read-only file system"), ("10001:10001", "")]

    def test_names_with_odd_letters_stay_words_of_the_shell(self) -> None:
        assert "name 'a b;c'" in Trial(names=("a b;c",)).script
        assert Trial().empty

    def test_the_script_leaves_nothing_behind(self, tmp_path: Path) -> None:
        script = Trial(targets=(str(tmp_path / "no.sock"),), folders=(str(tmp_path),)).script
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        _, (connection,), (folder,) = parse_trial("here", done.stdout)
        assert (folder.readable, bool(folder.owner), connection.open) == (True, True, False)
        assert list(tmp_path.iterdir()) == []


class TestRoles:
    def test_services_and_images_tell_the_part(self) -> None:
        assert {role_of(one) for one in seen_in("container").containers} == {"net", "postgis", "api", "loader"}
        api = part(seen_in("bridge"), "api")
        assert role_of(replace(api, service="web")) == "api"
        assert role_of(replace(api, service="web", image="nginx")) is None
        assert services_of("container") == ("net", "postgis-container", "api-container", "loader-container")

    def test_targets_and_names_come_from_settings_and_links(self) -> None:
        loader = part(seen_in("bridge"), "loader")
        assert names_of(loader) == ("postgis", "api")
        assert list(db_targets(loader)) == ["postgis:5432"]
        assert list(db_targets(part(seen_in("none"), "api-none"))) == ["/run/isthmus-pg/.s.PGSQL.5432"]
        assert names_of(part(seen_in("host"), "loader-host")) == ()

    def test_the_socket_of_mode_none_has_a_path_on_the_host(self) -> None:
        assert api_socket(part(seen_in("none"), "api-none")) == "/srv/isthmus/data/var/run/api.sock"
        assert api_socket(part(seen_in("bridge"), "api")) is None

    def test_links_are_read_from_the_documents(self) -> None:
        body = b'{"links": [{"href": "a"}], "collections": [{"links": [{"href": "b"}, {}]}]}'
        assert links_of(body) == ("a", "b")
        assert links_of(b"<html>") == ()
