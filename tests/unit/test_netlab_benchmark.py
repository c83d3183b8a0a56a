"""What the comparison of modes makes of measurements: made-up rounds whose answer is known."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from netlab.benchmark.model.path_seen import RequestPath, path_of
from netlab.benchmark.model.workloads import Target, job_of, positions, tile_at, tile_bounds, workloads
from netlab.benchmark.report.page import report_html
from netlab.benchmark.report.report import Machine, Report, report_json
from netlab.benchmark.report.text import report_text
from netlab.benchmark.run import begin_with, switches, turns
from netlab.benchmark.run_mode import processes_cpu_ns, visit_of
from netlab.benchmark.stats.differences import ratio_of
from netlab.benchmark.stats.measures import OF_REQUESTS, RPS, Cpu, Plan, Slice, by_round, spread
from netlab.benchmark.switch_mode import before_of, measuring_settings, own_project, refuse_native
from netlab.errors import NativeRuns, NoStack
from netlab.observe.recording import load
from netlab.parse.observation import parse

RECORDINGS = Path(__file__).parents[1] / "data/netlab"
MODES = ("bridge", "host", "container", "none")
TARGET = Target("cities", 24_000, 4_000_000, (5, 13, 20), 4_900)
KINDS = workloads(TARGET, salt=7)
PROXIED = RequestPath("127.0.0.1:8080", "docker-proxy", "veth", veth=True, nat_rule=True, proxies=(7,))
DIRECT = RequestPath("127.0.0.1:8080", "loopback", "loopback")
SOCKET = RequestPath("unix:/run/api.sock", "unix socket", "unix socket")


def made_up(
    mode: str,
    rps: float,
    *,
    seed: int = 1,
    rounds: int = 3,
    wobble: float = 0.02,
    drift: float = 0.0,
    proxy_us: float = 0.0,
    workload: str = "cached-tile",
) -> list[Slice]:
    """Rounds of a mode: a rate with noise, and a drift of the machine that all modes share."""
    chance = random.Random(f"{mode} {seed} {workload}")
    found: list[Slice] = []
    for number in range(1, rounds + 1):
        speed = (1 + drift) ** number
        for half in (0, 1):
            requests = int(rps * speed * chance.uniform(1 - wobble, 1 + wobble))
            cpu = Cpu(
                client_ns=requests * 20_000,
                proxy_ns=int(requests * proxy_us * 1000),
                containers_ns={"api": requests * 60_000, "postgis": 1000},
            )
            found.append(Slice(mode, workload, number, half, requests, 1.0, requests * 4900, 500.0, 2000.0, cpu))
    return found


def report_of(slices: list[Slice], paths: dict[str, RequestPath]) -> Report:
    """A report of one workload in the modes of `paths`."""
    return Report(
        taken_at="2026-11-25T12:00:00+00:00",
        project="isthmus",
        command="isthmus net compare",
        machine=Machine(2, "6.18", "26.1.5"),
        target=TARGET,
        plan=Plan(1.0, 8),
        rounds=3,
        orders=turns(tuple(paths), 3),
        modes=tuple(paths),
        workloads=tuple(kind for kind in KINDS if kind.name in {one.workload for one in slices}),
        paths=paths,
        slices=tuple(slices),
    )


def whole_report(**more: float) -> Report:
    """Bridge, host and none in all workloads, host twice as fast as bridge."""
    slices = [
        one
        for kind in KINDS
        for mode, rps, proxy_us in (("bridge", 5000, 25.0), ("host", 10_000, 0.0), ("none", 5000, 0.0))
        for one in made_up(mode, rps, proxy_us=proxy_us, workload=kind.name, **more)  # type: ignore[arg-type]
    ]
    return report_of(slices, {"bridge": PROXIED, "host": DIRECT, "none": SOCKET})


# --- when a difference is one


@given(seed=st.integers(0, 10**6), drift=st.floats(-0.3, 0.5), ratio=st.floats(2, 5), rounds=st.integers(3, 9))
def test_twice_the_speed_is_found_whatever_the_drift(seed: int, drift: float, ratio: float, rounds: int) -> None:
    slow = made_up("bridge", 5000, seed=seed, drift=drift, rounds=rounds, wobble=0.08)
    fast = made_up("host", 5000 * ratio, seed=seed, drift=drift, rounds=rounds, wobble=0.08)
    found = ratio_of(fast, slow, RPS)
    assert found is not None
    assert found.exceeds_noise
    assert found.ratio == pytest.approx(ratio, rel=0.25)
    assert found.low <= found.ratio <= found.high


def test_equal_modes_are_told_apart_by_chance_at_most_in_one_of_twenty() -> None:
    runs = [
        ratio_of(made_up("a", 9000, seed=n, wobble=0.1), made_up("b", 9000, seed=n, wobble=0.1), RPS)
        for n in range(400)
    ]
    mistakes = sum(one is not None and one.exceeds_noise for one in runs)
    assert mistakes <= 20


@given(seed=st.integers(0, 10**6))
def test_a_mode_does_not_differ_from_itself(seed: int) -> None:
    slices = made_up("bridge", 5000, seed=seed)
    found = ratio_of(slices, slices, RPS)
    assert found is not None
    assert not found.exceeds_noise
    assert (found.ratio, found.low, found.high) == (1, 1, 1)


@given(seed=st.integers(0, 10**6), ratio=st.floats(1.2, 4))
def test_the_other_way_round_is_the_reciprocal(seed: int, ratio: float) -> None:
    one, other = made_up("a", 5000, seed=seed), made_up("b", 5000 * ratio, seed=seed)
    there, back = ratio_of(one, other, RPS), ratio_of(other, one, RPS)
    assert there is not None
    assert back is not None
    assert there.ratio * back.ratio == pytest.approx(1)
    assert there.low * back.high == pytest.approx(1)
    assert there.exceeds_noise == back.exceeds_noise


def test_halves_that_differ_as_much_as_the_modes_are_noise() -> None:
    def wild(mode: str, rps: int) -> list[Slice]:
        steady = made_up(mode, rps, wobble=0)
        return [
            Slice(mode, one.workload, one.round, one.half, one.requests * (1 + one.half), 1.0, 0, None, None, one.cpu)
            for one in steady
        ]

    found = ratio_of(wild("host", 6000), wild("bridge", 5000), RPS)
    assert found is not None
    assert found.low > 1
    assert found.noise == pytest.approx(2, rel=0.01)
    assert not found.exceeds_noise


def test_one_round_has_no_difference_and_no_answer_no_value() -> None:
    assert ratio_of(made_up("a", 9000, rounds=1), made_up("b", 1000, rounds=1), RPS) is None
    silent = [
        Slice("a", "items", 1, half, 0, 1.0, 0, None, None, Cpu(), {"Connection refused": 200}) for half in (0, 1)
    ]
    assert by_round(silent, RPS) == {}
    assert by_round(silent, OF_REQUESTS.cpu) == {}
    assert spread([]) is None


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=9))
def test_the_median_lies_between_lowest_and_highest(values: list[float]) -> None:
    found = spread(values)
    assert found is not None
    assert found.low <= found.median <= found.high
    assert found.rounds == tuple(values)


# --- in which order


@given(st.lists(st.sampled_from(MODES), min_size=2, max_size=4, unique=True), st.integers(1, 12))
def test_every_round_has_every_mode_once_and_begins_where_the_last_ended(modes: list[str], rounds: int) -> None:
    orders = turns(modes, rounds)
    assert len(orders) == rounds
    assert all(sorted(order) == sorted(modes) for order in orders)
    assert all(one[-1] == other[0] for one, other in zip(orders, orders[1:], strict=False))


def test_no_mode_is_always_first_and_a_steady_drift_meets_two_rounds_alike() -> None:
    first, second, third = turns(MODES, 3)
    assert second == first[::-1]
    assert third not in (first, second)
    places = {mode: first.index(mode) + 4 + second.index(mode) for mode in MODES}
    assert len(set(places.values())) == 1


def test_switches_count_the_way_back() -> None:
    assert switches((("bridge", "host"), ("host", "bridge")), "bridge") == 2
    assert switches((("bridge", "host"),), None) == 3
    assert begin_with(MODES, "container") == ("container", "none", "bridge", "host")
    assert begin_with(MODES, None) == begin_with(MODES, "swarm") == MODES


# --- what is asked


@given(st.integers(0, 14), st.floats(-180, 179.999), st.floats(-85, 85))
def test_a_tile_holds_the_place_that_it_was_found_by(zoom: int, longitude: float, latitude: float) -> None:
    west, south, east, north = tile_bounds(zoom, *tile_at(zoom, longitude, latitude))
    assert west - 1e-9 <= longitude <= east + 1e-9
    assert south - 1e-9 <= latitude <= north + 1e-9


def test_no_two_cold_tiles_are_the_same_and_their_box_lies_in_the_tile() -> None:
    cold = next(kind for kind in KINDS if kind.expected == "rendered")
    jobs = [job_of(cold, "h:1", seconds=0.1, connections=8, slice_number=number) for number in range(1, 5)]
    requests = [request for job in jobs for request in job.requests()]
    assert len(requests) == len(set(requests)) == sum(job.most for job in jobs)
    west, south, east, north = tile_bounds(*TARGET.tile)
    for request in requests[::97]:
        box = [float(part) for part in request.split(b"bbox=")[1].split(b" ")[0].split(b",")]
        assert west < box[0] < box[2] <= east + 1e-6
        assert south - 1e-6 <= box[1] < box[3] < north


def test_an_export_has_one_connection_and_is_cut_off() -> None:
    jobs = {kind.name: job_of(kind, "h:1", seconds=1, connections=8, slice_number=1) for kind in KINDS}
    assert [name for name, job in jobs.items() if job.cut] == ["export"]
    assert (jobs["export"].connections, jobs["items"].connections) == (1, 8)
    assert [name for name, job in jobs.items() if not job.keep_alive] == ["connect"]
    assert "Connection: close" in jobs["connect"].request


def test_positions_lie_at_any_depth() -> None:
    assert list(positions([1, 2, 3])) == [(1, 2)]
    assert list(positions([[[1, 2], [3, 4]], [[5, 6]]])) == [(1, 2), (3, 4), (5, 6)]
    assert list(positions([])) == []


# --- what is known of the modes


@pytest.mark.parametrize(
    ("mode", "client", "database", "veth"),
    [
        ("bridge", "docker-proxy", "veth", True),
        ("host", "loopback", "loopback", False),
        ("container", "docker-proxy", "loopback", True),
        ("none", "unix socket", "unix socket", False),
    ],
)
def test_the_way_in_each_mode_is_what_was_seen(mode: str, client: str, database: str, veth: bool) -> None:
    way = path_of(parse(load(RECORDINGS / f"{mode}.json")))
    assert (way.client, way.database, way.veth) == (client, database, veth)
    assert bool(way.proxies) == way.nat_rule == (client == "docker-proxy")
    assert way.address == ("unix:/srv/isthmus/data/var/run/api.sock" if mode == "none" else "127.0.0.1:18100")


@pytest.mark.parametrize("mode", MODES)
def test_only_the_containers_that_serve_count(mode: str) -> None:
    seen = parse(load(RECORDINGS / f"{mode}.json"))
    visit = visit_of(seen, path_of(seen), 1)
    assert sorted(service for service, _ in visit.containers) == ["api", "postgis"]


def test_without_a_proxy_the_rule_carries_clients() -> None:
    recording = load(RECORDINGS / "bridge.json")
    recording.host["proxies"] = []
    way = path_of(parse(recording))
    assert (way.client, way.proxies, way.nat_rule) == ("NAT", (), True)


def test_a_stack_whose_api_does_not_run_has_no_way() -> None:
    recording = load(RECORDINGS / "host.json")
    recording.containers[:] = [one for one in recording.containers if "api" not in one["Name"]]
    with pytest.raises(NoStack, match="no running api"):
        path_of(parse(recording))


@pytest.mark.parametrize("mode", MODES)
def test_the_settings_it_ran_with_are_read_from_the_containers(mode: str) -> None:
    before = before_of(load(RECORDINGS / f"{mode}.json").containers, "isthmus")
    assert (before.mode, before.project) == (mode, "isthmus")
    assert before.settings["ISTHMUS_DATA_DIR"] == "/srv/isthmus/data"
    assert before.settings["ISTHMUS_SECRETS_DIR"] == "/srv/isthmus/secrets"
    assert before.settings["ISTHMUS_UID"] == "10001"
    assert before.settings["ISTHMUS_PUBLIC_URL"] == ""
    if mode == "none":
        assert before.settings["ISTHMUS_RUN_DIR"] == "/srv/isthmus/data/var/run"
    else:
        assert (before.settings["ISTHMUS_BIND"], before.settings["ISTHMUS_PORT"]) == ("127.0.0.1", "18100")


def test_a_free_port_stays_one_and_is_chosen_for_the_modes_that_need_it() -> None:
    containers = load(RECORDINGS / "bridge.json").containers
    for one in containers:
        for bound in (one["HostConfig"]["PortBindings"] or {}).values():
            bound[0]["HostPort"] = ""
    before = before_of(containers, "isthmus")
    assert before.settings["ISTHMUS_PORT"] == "0"
    chosen = measuring_settings(before)
    assert int(chosen["ISTHMUS_PORT"]) > 0
    assert chosen["ISTHMUS_TILES_MB"] == "0"
    assert "ISTHMUS_DB_HOST_PORT" not in chosen


def test_stopped_containers_are_none_that_ran() -> None:
    containers = load(RECORDINGS / "bridge.json").containers
    for one in containers:
        one["State"]["Running"] = False
    assert before_of(containers, "isthmus").mode is None


def test_other_stacks_are_left_alone() -> None:
    stacks = [("theirs", "bridge", "/srv/theirs"), ("ours", "host", "/srv/ours")]
    assert own_project(stacks, "ours", Path("/elsewhere")) == "ours"
    assert own_project(stacks, "isthmus", Path("/srv/ours")) == "ours"
    assert own_project(stacks, "isthmus", Path("/srv/new")) is None
    assert own_project([("ours-swarm", "swarm", "/srv/ours")], "ours-swarm", Path("/srv/ours")) is None


def test_native_mode_is_not_stopped(tmp_path: Path) -> None:
    (tmp_path / "77").mkdir()
    (tmp_path / "77/cmdline").write_bytes(b"postgres\0-D\0/srv/data/var/pg/17\0")
    refuse_native(Path("/srv/other"), tmp_path)
    with pytest.raises(NativeRuns, match="native mode runs with /srv/data"):
        refuse_native(Path("/srv/data"), tmp_path)


def test_cpu_of_processes_is_that_of_all_their_threads_also_of_those_that_ended() -> None:
    before_ns = processes_cpu_ns([os.getpid()])
    with ThreadPoolExecutor(1) as threads:
        threads.submit(lambda: sum(range(3_000_000))).result()
    own_ns = time.thread_time_ns()
    assert processes_cpu_ns([os.getpid()]) >= before_ns + 1_000_000
    assert processes_cpu_ns([os.getpid()]) >= own_ns
    with subprocess.Popen(["true"]) as child:
        child.wait()
    assert processes_cpu_ns([child.pid]) == 0


# --- what is said


def test_docker_proxy_is_a_cause_only_where_it_is_and_with_what_it_took() -> None:
    slices = made_up("bridge", 5000, proxy_us=25) + made_up("host", 10_000)
    (found,) = report_of(slices, {"bridge": PROXIED, "host": DIRECT}).findings
    assert found.matters
    assert "host has 1.97 times the requests a second" in found.text
    assert "25 µs of CPU a request, 24% of all" in found.text
    assert "PostGIS" not in found.text  # a kept tile does not ask it


def test_a_proxy_that_took_nothing_is_not_blamed() -> None:
    slices = made_up("bridge", 5000, proxy_us=0.1) + made_up("host", 10_000)
    (found,) = report_of(slices, {"bridge": PROXIED, "host": DIRECT}).findings
    assert "took only 0.1 µs of CPU a request" in found.text


def test_the_same_way_in_both_has_no_cause() -> None:
    slices = made_up("bridge", 5000) + made_up("host", 10_000)
    (found,) = report_of(slices, {"bridge": DIRECT, "host": DIRECT}).findings
    assert found.because == ("the lab sees the same path in both, so it does not know the cause",)


def test_the_way_to_the_database_matters_where_it_is_asked() -> None:
    slices = made_up("bridge", 500, workload="items") + made_up("host", 1000, workload="items")
    (found,) = report_of(slices, {"bridge": PROXIED, "host": DIRECT}).findings
    assert "asks PostGIS through the bridge and a veth pair each in bridge, over loopback in host" in found.text


def test_advice_follows_from_the_figures() -> None:
    faster, others, proxy = whole_report().advice
    assert "host is 2.0 times as fast as bridge" in faster
    assert "NAT rule" in others
    assert "25 µs of CPU for a request" in proxy
    even = report_of(
        [one for kind in KINDS for mode in ("bridge", "host") for one in made_up(mode, 5000, workload=kind.name)],
        {"bridge": DIRECT, "host": DIRECT},
    )
    assert even.advice == ("No mode is faster than bridge beyond the noise: choose by isolation, stay with bridge",)


def test_errors_and_wrong_tiles_are_told() -> None:
    good = made_up("bridge", 5000) + made_up("host", 5000)
    cpu = Cpu()
    bad = Slice("host", "cached-tile", 3, 1, 90, 1.0, 1, 1.0, 1.0, cpu, {"status 503": 2}, wrong=5)
    report = report_of([*good, bad], {"bridge": PROXIED, "host": DIRECT})
    assert any("2 x status 503" in note for note in report.notes)
    assert any("5 of" in note for note in report.notes)
    assert "2 errors" in report_text(report)
    assert not report.failed


def test_a_mode_without_an_answer_fails_the_report() -> None:
    silent = [Slice("host", "cached-tile", 1, half, 0, 0, 0, None, None, Cpu(), {"refused": 9}) for half in (0, 1)]
    report = report_of([*made_up("bridge", 5000), *silent], {"bridge": PROXIED, "host": DIRECT})
    assert report.failed
    assert "18 errors" in report_text(report)
    assert "no answer" in report_html(report)


def test_small_data_busy_machine_and_few_rounds_are_told() -> None:
    notes = " ".join(whole_report(rounds=2).notes)
    assert "about 4.0 MB" in notes
    assert "fewer than 3 rounds" not in notes  # the report says 3
    slices = [
        Slice(**{name: getattr(one, name) for name in Slice.__slots__} | {"other_cpus": 1.2})
        for one in made_up("bridge", 5000) + made_up("host", 5000)
    ]
    assert "1.2 of 2 CPUs" in " ".join(report_of(slices, {"bridge": PROXIED, "host": DIRECT}).notes)


def test_json_has_what_the_api_shows() -> None:
    report = json.loads(json.dumps(report_json(whole_report())))
    assert report["modes"] == ["bridge", "host", "none"]
    assert len(report["results"]) == 15
    first = report["results"][0]
    assert (first["mode"], first["workload"]) == ("bridge", "cached-tile")
    assert first["rps"] == pytest.approx(5000, rel=0.03)
    assert first["spread"]["rps"]["low"] <= first["rps"] <= first["spread"]["rps"]["high"]
    assert {"p50_ms", "p99_ms", "bytes_per_s", "cpu_us_per_request", "proxy_cpu_us_per_request"} <= first.keys()
    assert {one["mode"] for one in report["findings"]} == {"host", "none"}
    assert report["rounds"] == 3
    assert report["advice"]


class Tags(HTMLParser):
    """The tags and the addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.plots = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        self.plots += tag == "svg"
        if tag not in ("meta", "line", "circle", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("line", "circle", "rect"):
            assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_nobody() -> None:
    page = report_html(whole_report())
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert tags.addresses == []
    assert tags.plots == 5
    assert "url(" not in page
    assert "@import" not in page
    assert "prefers-color-scheme: dark" in page
    assert "isthmus net compare" in page


def test_the_page_begins_with_its_plots_and_says_a_cause_once() -> None:
    report = whole_report()
    page, text = report_html(report), report_text(report)
    assert page.index("<svg") < page.index("<h2>")
    causes = {cause for one in report.findings if one.matters for cause in one.because}
    assert len(causes) >= 4
    for cause in causes:
        words = " ".join(cause.split()[3:])
        assert page.count(words.replace("'", "&#x27;")) == 1
        assert " ".join(text.split()).count(words) == 1


def test_names_of_collections_are_no_markup() -> None:
    report = whole_report()
    hostile = Target("<script>x</script>", 1, 1, (0, 0, 0), 1)
    page = report_html(Report(**{name: getattr(report, name) for name in Report.__slots__} | {"target": hostile}))
    assert "<script>" not in page


HALF_MADE = """
import os, signal
from contextlib import suppress
from netlab.benchmark.switch_mode import interruptible

class Answer:
    def __init__(self):
        os.kill(os.getpid(), signal.SIGINT)
        self.file = None

    def __del__(self):
        self.file.close()

with suppress(KeyboardInterrupt), interruptible():
    Answer()
print("ended")
"""
"""What Ctrl-C may meet in the middle: http.client.HTTPResponse is such a class."""


@pytest.mark.parametrize(("text", "says"), [(HALF_MADE, False), (HALF_MADE.replace(", interruptible()", ""), True)])
def test_an_interrupt_leaves_no_traceback_of_what_it_met_half_made(text: str, says: bool) -> None:
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == "ended\n"
    assert ("Traceback" in done.stderr) is says
