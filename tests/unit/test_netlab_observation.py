"""What the lab makes of recorded answers of real engines, one recording a mode."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from netlab.errors import BadRecording, NoStack
from netlab.model.observation import Listener, Observation, Publication
from netlab.model.wiring import cables, carriers, is_of_stack, namespaces
from netlab.observe.recording import choose_project, dump, load, without_secrets
from netlab.parse.host import parse_address, parse_hosts
from netlab.parse.observation import parse
from netlab.report.observation import observation_json, observation_text

RECORDINGS = Path(__file__).parents[1] / "data/netlab"
MODES = ("bridge", "host", "container", "none")


def seen_in(mode: str) -> Observation:
    return parse(load(RECORDINGS / f"{mode}.json"))


def kinds(mode: str) -> list[tuple[str, list[str]]]:
    return [(one.kind, [container.service for container in one.containers]) for one in namespaces(seen_in(mode))]


@pytest.mark.parametrize("mode", MODES)
def test_mode_project_and_folder_come_from_the_labels(mode: str) -> None:
    seen = seen_in(mode)
    assert (seen.mode, seen.project, seen.data_dir) == (mode, "isthmus", "/srv/isthmus/data")
    assert seen.unseen == ()


def test_namespaces_are_known_by_their_inodes() -> None:
    assert kinds("bridge") == [("own", ["api"]), ("own", ["loader"]), ("own", ["postgis"])]
    assert kinds("host") == [("host", ["api-host", "loader-host", "postgis-host"])]
    assert kinds("container") == [("shared", ["net", "api-container", "loader-container", "postgis-container"])]
    assert kinds("none") == [("isolated", ["api-none"]), ("isolated", ["loader-none"]), ("isolated", ["postgis-none"])]


def test_each_container_of_a_bridge_has_a_cable_into_it() -> None:
    seen = seen_in("bridge")
    (network,) = [one for one in seen.networks if one.name == "isthmus_default"]
    found = cables(seen)
    assert len(found) == 3
    for cable in found:
        assert cable.host_end is not None
        assert cable.host_end.kind == "veth"
        assert cable.host_end.bridge == network.bridge
        assert cable.host_end.peer_index == cable.card.index
        assert cable.card.addresses[0].startswith("172.18.0.")


def test_a_shared_namespace_has_one_cable_and_host_and_none_have_none() -> None:
    (cable,) = cables(seen_in("container"))
    assert cable.container.service == "net"
    assert cables(seen_in("host")) == cables(seen_in("none")) == ()


def test_a_card_of_the_host_that_only_has_the_same_number_is_no_cables_end() -> None:
    seen = seen_in("bridge")
    strangers = tuple(dataclasses.replace(one, peer_index=9999) for one in seen.host.interfaces)
    elsewhere = dataclasses.replace(seen, host=dataclasses.replace(seen.host, interfaces=strangers))
    assert [cable.host_end for cable in cables(elsewhere)] == [None, None, None]


def test_a_swarms_tasks_have_cables_into_overlays_and_into_the_bridge_that_leads_out() -> None:
    seen = seen_in("swarm")
    assert (seen.mode, seen.engine.swarm) == ("swarm", True)
    assert [one.driver for one in seen.networks if one.name.startswith("isthmus-swarm_")] == ["overlay", "overlay"]
    found = cables(seen)
    ways = {(one.network or "").removeprefix("isthmus-swarm_") for one in found if "_api.1." in one.container.name}
    assert ways == {"back", "front", "docker_gwbridge"}
    for cable in found:
        assert (cable.host_end is not None) == (cable.network == "docker_gwbridge"), "an overlay has its own namespace"
        assert cable.card.addresses, cable


def test_a_published_port_is_carried_by_a_rule_and_a_proxy() -> None:
    seen = seen_in("bridge")
    (api,) = [one for one in seen.containers if one.service == "api"]
    assert api.published == (Publication("127.0.0.1", 18100, 8080),)
    carried = carriers(api.published[0], api, seen)
    assert carried.rule is not None
    assert f"{carried.rule.container_address}/16" in api.interfaces[1].addresses
    assert carried.proxy is not None
    assert carried.proxy.container_port == 8080


def test_a_rule_of_another_port_carries_nothing() -> None:
    seen = seen_in("bridge")
    (api,) = [one for one in seen.containers if one.service == "api"]
    carried = carriers(Publication("127.0.0.1", 18101, 8080), api, seen)
    assert (carried.rule, carried.proxy) == (None, None)


def test_in_host_mode_the_hosts_sockets_are_the_stacks() -> None:
    seen = seen_in("host")
    ours = [one for one in seen.host.listeners if is_of_stack(one, seen)]
    assert [one.text for one in ours] == ["127.0.0.1:18100", "127.0.0.1:55432"]
    assert [(one.process or "").split()[0] for one in ours] == ["python3", "postgres"]


def test_in_mode_none_only_sockets_of_files_listen() -> None:
    listeners = [one.text for namespace in namespaces(seen_in("none")) for one in namespace.listeners]
    assert listeners == ["/run/isthmus/api.sock", "/run/isthmus-pg/.s.PGSQL.5432"]


def test_links_and_storage_are_told() -> None:
    api = next(one for one in seen_in("bridge").containers if one.service == "api")
    assert api.attachments[0].links == (("postgis", "isthmus-postgis-1"),)
    mounts = {mount.target: mount for mount in api.mounts}
    assert not mounts["/data"].writable
    assert mounts["/data"].source == "/srv/isthmus/data"
    assert mounts["/tiles"].volume == "isthmus_tiles"
    assert mounts["/run/secrets/reader_password"].rights is not None
    assert mounts["/run/secrets/reader_password"].rights.mode == "-rw-------"


@pytest.mark.parametrize("mode", MODES)
def test_the_text_names_every_container_cable_and_port(mode: str) -> None:
    seen = seen_in(mode)
    text = observation_text(seen)
    names = [container.name for container in seen.containers]
    names += [cable.host_end.name for cable in cables(seen) if cable.host_end]
    names += [port for one in seen.containers for port in ([f":{p.host_port} published" for p in one.published])]
    assert [name for name in names if name not in text] == []


@pytest.mark.parametrize("mode", MODES)
def test_json_has_what_follows_from_the_answers_too(mode: str) -> None:
    values = json.loads(json.dumps(observation_json(seen_in(mode))))
    assert len(values["namespaces"]) == len(namespaces(seen_in(mode)))
    assert [one["host_interface"] for one in values["cables"]] == [
        one.host_end.name for one in cables(seen_in(mode)) if one.host_end
    ]


def test_without_root_the_text_says_what_is_missing() -> None:
    recording = load(RECORDINGS / "bridge.json")
    host = {**recording.host, "nat": None, "nat_error": "Permission denied (you must be root)", "root": False}
    seen = parse(dataclasses.replace(recording, host=host))
    assert "the firewall's rules (NAT): Permission denied (you must be root). sudo ./scripts" in observation_text(seen)


def test_an_engine_in_another_machine_has_no_cables_here() -> None:
    recording = load(RECORDINGS / "bridge.json")
    seen = parse(dataclasses.replace(recording, engine={**recording.engine, "local": False}))
    assert {cable.host_end for cable in cables(seen)} == {None}
    assert "the engine runs in another machine" in observation_text(seen)


def test_no_password_is_recorded() -> None:
    entries = [
        "ISTHMUS_DB_PASSWORD=x",
        "PGPASSWORD=x",
        "ISTHMUS_LISTEN=0.0.0.0:8080",
        "PG_ENV_SECRET=x",
        "PG_PORT=tcp://1",
    ]
    kept = without_secrets({"Config": {"Env": entries}})["Config"]["Env"]
    assert kept == ["ISTHMUS_LISTEN=0.0.0.0:8080", "PG_PORT=tcp://1"]


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    first = load(RECORDINGS / "none.json")
    (tmp_path / "again.json").write_text(dump(first))
    assert load(tmp_path / "again.json") == first
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(BadRecording, match="other.json is not a recording"):
        load(tmp_path / "other.json")


def test_the_kernels_addresses_are_read() -> None:
    assert parse_address("0100007F") == "127.0.0.1"
    assert parse_address("00000000000000000000000001000000") == "::1"
    assert parse_address("0000000000000000FFFF0000040012AC") == "172.18.0.4"
    assert Listener("::", 5432).text == "[::]:5432"


def test_the_hosts_file_is_read_without_what_every_container_has() -> None:
    text = "127.0.0.1\tlocalhost\n::1 localhost ip6-localhost\nff02::1 ip6-allnodes\n172.17.0.2 postgis 5f0c # x\n\n"
    assert parse_hosts(text) == (("postgis", "172.17.0.2"), ("5f0c", "172.17.0.2"))


class TestWhichStack:
    ours = ("isthmus", "bridge", "/srv/isthmus/data")
    other = ("isthmus-1", "host", "/srv/other/data")

    def test_the_project_of_the_settings_wins(self) -> None:
        assert choose_project([self.ours, self.other], ("isthmus", Path("/x")), None) == "isthmus"

    def test_then_the_data_folder(self) -> None:
        assert choose_project([self.ours, self.other], ("x", Path("/srv/other/data")), "host") == "isthmus-1"

    def test_the_one_that_was_named_wins_over_all(self) -> None:
        own = ("isthmus", Path("/srv/isthmus/data"))
        assert choose_project([self.ours, self.other], own, None, "isthmus-1") == "isthmus-1"

    def test_no_other_is_looked_at_when_the_one_that_was_named_does_not_run(self) -> None:
        with pytest.raises(NoStack, match="no stack isthmus-2 runs") as raised:
            choose_project([self.other], ("isthmus-1", Path("/x")), None, "isthmus-2")
        assert raised.value.hint == "those that run: isthmus-1"

    def test_then_the_only_one_that_runs(self) -> None:
        assert choose_project([self.other], ("x", Path("/x")), None) == "isthmus-1"

    @pytest.mark.parametrize(
        ("stacks", "mode", "message"),
        [
            ([], None, "no stack of Isthmus runs"),
            ([ours, other], None, "several stacks run: isthmus, isthmus-1"),
            ([ours], "host", "isthmus runs in mode bridge, not host"),
        ],
    )
    def test_otherwise_it_says_what_to_do(self, stacks: list[tuple[str, str, str]], mode: str, message: str) -> None:
        with pytest.raises(NoStack, match=message) as raised:
            choose_project(stacks, ("x", Path("/x")), mode)
        assert raised.value.hint
