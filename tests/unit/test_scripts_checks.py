"""The checks before a start: ports, space, packages, Python, sources of Debian. Other programs are stand-ins."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.clone import Clone, make_clone

TAKEN = 'load_settings; check_port "$ISTHMUS_PORT" "$ISTHMUS_BIND" ISTHMUS_PORT; echo free'


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone on a machine without a Docker engine."""
    made = make_clone(tmp_path)
    made.fake("docker", "exit 1")
    return made


@contextmanager
def listening(address: str = "127.0.0.1") -> Iterator[int]:
    """A port that this process listens on."""
    with socket.socket() as taken:
        taken.bind((address, 0))
        taken.listen()
        yield taken.getsockname()[1]


def engine(clone: Clone, *, containers: str = "", pid: int = 1, data: str = "") -> None:
    """A stand-in for docker: the containers that run, their first process, and the owner of the volume."""
    log = clone.root / "docker.log"
    clone.fake(
        "docker",
        f"""echo "$@" >>{log}
case "$1 $2" in
  "version --format") echo 27 ;;
  "ps -q") printf '%s' '{containers}' ;;
  "inspect -f") echo {pid} ;;
  "volume inspect") echo {data} ;;
esac""",
    )


def own_name() -> str:
    """What the system calls this process."""
    return Path("/proc/self/comm").read_text().strip()


def test_a_free_port_is_free(clone: Clone):
    with listening() as port:
        pass
    assert clone.says(TAKEN, ISTHMUS_PORT=str(port)) == "free"


def test_port_zero_asks_nothing(clone: Clone):
    clone.fake("python3", "exit 1")
    assert clone.says(TAKEN, ISTHMUS_PORT="0") == "free"


def test_a_taken_port_names_the_process_and_offers_the_next_port(clone: Clone):
    with listening() as port:
        line = clone.refuses(TAKEN, ISTHMUS_PORT=str(port))
    assert line == (
        f"port {port} is taken (by {own_name()}, process {os.getpid()}): stop it, or choose another one,"
        f" for example ISTHMUS_PORT={port + 1} ./scripts/up"
    )


@pytest.mark.parametrize(("port", "other"), [(65535, 65534), (65534, 65535), (80, 81)])
def test_the_port_that_is_offered_instead_is_one_that_exists(clone: Clone, port: int, other: int):
    clone.fake("python3", "echo 0 unknown; exit 1")
    line = clone.refuses(TAKEN, ISTHMUS_PORT=str(port))
    assert f"ISTHMUS_PORT={other} " in line


def test_a_process_of_another_user_is_called_that(clone: Clone):
    clone.fake("python3", "echo 0 unknown; exit 1")
    assert "(by a process of another user)" in clone.refuses(TAKEN, ISTHMUS_PORT="8080")


def test_an_address_that_this_machine_does_not_have_is_told_with_the_systems_reason(clone: Clone):
    line = clone.refuses(TAKEN, ISTHMUS_BIND="192.0.2.7")
    assert line == (
        "cannot listen on 192.0.2.7 port 8080 (Cannot assign requested address): change ISTHMUS_BIND or ISTHMUS_PORT"
    )


def test_a_port_that_a_container_of_this_project_publishes_is_ours(clone: Clone):
    with listening() as port:
        engine(clone, containers="c0ffee", pid=1)
        assert clone.says(TAKEN, ISTHMUS_PORT=str(port)) == "free"
    asked = (clone.root / "docker.log").read_text()
    assert f"--filter publish={port} --filter label=com.docker.compose.project=isthmus" in asked


def test_a_port_that_a_child_of_a_containers_process_holds_is_ours(clone: Clone):
    log = clone.root / "docker.log"
    engine(clone, containers="c0ffee", pid=os.getppid())
    with listening() as port:
        assert clone.says(TAKEN, ISTHMUS_PORT=str(port)) == "free"
    assert "publish=" not in log.read_text(), "found by its process, before anything is asked about ports"


def test_a_port_is_not_ours_when_the_engine_knows_no_container(clone: Clone):
    engine(clone)
    with listening() as port:
        assert f"port {port} is taken" in clone.refuses(TAKEN, ISTHMUS_PORT=str(port))


@contextmanager
def native_process(clone: Clone) -> Iterator[int]:
    """A process that looks like the supervisor of the clone's data folder."""
    state = clone.root / "r"
    state.mkdir()
    mark = f"isthmus={state}"
    code = (
        "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    )
    words = [sys.executable, "-X", mark, "-c", code]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        (state / "supervisord.pid").write_text(f"{process.pid}\n")
        try:
            yield int(process.stdout.readline())
        finally:
            process.communicate("\n")


@pytest.mark.parametrize("containers", ["", "c0ffee"])
def test_a_port_of_native_mode_is_ours_whatever_runs_in_containers(clone: Clone, containers: str):
    engine(clone, containers=containers, pid=2**22)
    with native_process(clone) as port:
        state = f'native_state_dir() {{ printf %s "{clone.root}/r"; }}; '
        code = state + f'load_settings; our_processes; echo; port_is_ours {port} "$(native_pid)" && echo ours'
        ids = clone.says(code)
    assert ids.splitlines()[-1] == "ours"
    assert "publish=" not in (clone.root / "docker.log").read_text()


def test_the_pid_file_of_another_process_is_nobodys(clone: Clone):
    (clone.root / "data/var/run").mkdir(parents=True)
    (clone.root / "data/var/run/supervisord.pid").write_text(f"{os.getpid()}\n")
    state = f'native_state_dir() {{ printf %s "{clone.root}/data/var/run"; }}; '
    assert clone.says(state + "load_settings; native_pid; native_processes") == ""


def test_a_deep_data_folder_gets_its_sockets_elsewhere(clone: Clone):
    deep = "/srv/" + "x" * 80
    told = clone.says("load_settings; native_state_dir", ISTHMUS_DATA_DIR=deep)
    assert told.startswith("/tmp/isthmus-")
    assert len(told) < 30
    assert clone.says("load_settings; native_state_dir", ISTHMUS_DATA_DIR="/srv/maps") == "/srv/maps/var/run"


@pytest.mark.parametrize(("free", "enough"), [("300", True), ("299", False), ("0", False), ("5000000", True)])
def test_space_is_compared_with_what_is_needed(clone: Clone, free: str, enough: bool):
    clone.fake("df", f"echo Avail; echo ' {free}'")
    code = "check_space data 300 'the data folder'"
    if enough:
        assert clone.says(code) == ""
    else:
        assert clone.refuses(code) == f"no space: data has {free} MiB free, the data folder needs 300 MiB"


def test_real_space_of_a_real_folder_is_a_number_also_when_its_name_has_blanks(clone: Clone):
    (clone.root / "my maps").mkdir()
    assert clone.says("check_space 'my maps' 0 x; echo fine") == "fine"
    assert "my maps has " in clone.refuses("check_space 'my maps' 999999999999 x")


def test_the_disk_of_an_engine_on_another_machine_is_not_measured(clone: Clone):
    assert clone.says("check_space /no/such/folder 1000 'the database'; echo fine") == "fine"


def test_without_apt_the_packages_are_named_to_be_installed_by_hand(clone: Clone):
    clone.only("bash", "dirname", "sed", "cat", "id")
    told = clone.refuses("need_packages 'native mode' postgresql-17 libnss-wrapper")
    assert told == (
        "native mode needs postgresql-17 libnss-wrapper but this system has no apt-get: install them by hand"
    )


def test_a_normal_user_is_given_the_command_for_what_is_missing_only(clone: Clone):
    clone.be_user(1234)
    clone.fake("apt-get", "echo must not run >&2; exit 9")
    clone.fake("dpkg-query", 'case "$4" in b|c:*) exit 1 ;; d) echo config-files ;; *) printf installed ;; esac')
    told = clone.refuses("need_packages 'native mode' a b d")
    assert told == "native mode needs system packages: sudo apt-get install --no-install-recommends b d"


def test_nothing_is_asked_of_apt_when_nothing_is_missing(clone: Clone):
    clone.be_user(1234)
    clone.fake("apt-get", "echo must not run >&2; exit 9")
    clone.fake("dpkg-query", "printf installed")
    assert clone.says("need_packages 'native mode' a b; echo fine") == "fine"


def test_a_failing_apt_shows_its_words_and_what_could_not_be_installed(clone: Clone):
    clone.be_user(0)
    clone.fake("dpkg-query", "exit 1")
    clone.fake("apt-get", "echo 'E: no such package'; exit 100")
    done = clone.run("install_packages() { apt-get; }; need_packages x a b", TMPDIR=str(clone.root))
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "E: no such package"
    assert lines[-1] == "up: apt-get could not install: a b"
    assert "installing system packages: a b" in done.stdout


@pytest.mark.parametrize(("version", "fine"), [((3, 10), False), ((3, 11), True), ((3, 13), True)])
def test_python_must_be_new_enough(clone: Clone, version: tuple[int, int], fine: bool):
    answer = f'[ "$1" != -V ] || {{ echo Python {version[0]}.{version[1]}; exit; }}; exec {sys.executable} -c'
    clone.fake("python3", f'{answer} "import sys; sys.version_info = {(*version, 0)}; $2"')
    if fine:
        assert clone.says("system_python=/none; check_python; echo $python") == "python3"
    else:
        told = clone.refuses("system_python=/none; check_python")
        assert told == "Python 3.11 or later is needed, python3 is Python 3.10"


def test_the_python_of_the_system_is_taken_where_it_will_do(clone: Clone):
    clone.fake("python3", "exit 0")
    clone.fake("fine", "exit 0")
    clone.fake("old", "exit 1")
    clone.fake("split-off", '[ "$2" != "import ensurepip, venv" ]')
    told = [clone.says(f"system_python={name}; check_python; echo $python") for name in ("fine", "old", "split-off")]
    assert told == ["fine", "python3", "python3"]


def test_of_two_scripts_at_once_one_makes_the_environment(clone: Clone):
    (clone.root / "requirements.txt").touch()
    making = 'fill_venv() { sleep 1; echo made; mkdir -p "$venv/bin"; echo "exit 0" >"$venv/bin/python"'
    making += '; chmod +x "$venv/bin/python"; printf %s "$2" >"$1"; }; has_ensurepip() { true; }'
    told = clone.says(f"{making}; need_venv test requirements.txt & need_venv test requirements.txt; wait; echo ready")
    assert told.splitlines() == ["waiting for another script, which makes the Python environment", "made", "ready"]


def test_without_an_engine_a_mode_of_containers_says_what_to_do(clone: Clone):
    told = clone.refuses("need_engine host")
    assert told.startswith("mode host needs Docker, and no engine answers: ./scripts/up host --install-docker")
    assert "./scripts/up native needs none" in told


def test_a_project_of_another_data_folder_is_refused_when_it_was_chosen_and_avoided_when_not(clone: Clone):
    engine(clone, data="/srv/other")
    told = clone.refuses("load_settings; claim_project", ISTHMUS_PROJECT="mine")
    assert "project mine belongs to the data folder /srv/other" in told
    told = clone.says('load_settings; claim_project; echo "$ISTHMUS_PROJECT"')
    assert told.splitlines()[-1].startswith("isthmus-")
    engine(clone, data=str(clone.root / "data"))
    assert clone.says('load_settings; claim_project; echo "$ISTHMUS_PROJECT"') == "isthmus"


SOURCES = """deb http://deb.example.org/debian/ trixie main
deb http://deb.example.org/debian/ trixie main
deb http://deb.example.org/debian/ trixie contrib
deb https://sec.example.org/debian-security/ trixie-security main
deb http://deb.example.org/debian/ trixie-updates main
deb http://deb.example.org/debian/ bookworm main
deb http://deb.example.org/debian/ trixie-backports main
deb file:/srv/mirror trixie main
deb cdrom:[Debian]/ trixie main"""


def test_the_base_image_gets_the_network_sources_of_trixie_each_once(clone: Clone):
    clone.fake("apt-get", f"cat <<'X'\n{SOURCES}\nX")
    assert clone.says("debian_sources").splitlines() == [
        "deb http://deb.example.org/debian/ trixie main",
        "deb http://deb.example.org/debian/ trixie-updates main",
        "deb https://sec.example.org/debian-security/ trixie-security main",
    ]


def test_a_mirror_that_is_named_is_the_only_source(clone: Clone):
    clone.fake("apt-get", "exit 9")
    told = clone.says("debian_sources", ISTHMUS_DEBIAN_MIRROR="http://mirror.example.org/debian")
    assert told == "deb http://mirror.example.org/debian trixie main"


def test_a_machine_without_a_source_of_trixie_is_told_the_setting(clone: Clone):
    clone.fake("apt-get", "echo 'deb http://deb.example.org/debian/ bookworm main'")
    done = clone.run("step 'making it' bootstrap_base_image || die 'could not make it'", TMPDIR=str(clone.root))
    assert done.returncode == 1
    assert (
        done.stderr.splitlines()[0] == "this machine has no network source of Debian trixie: set ISTHMUS_DEBIAN_MIRROR"
    )


def test_the_image_takes_over_only_what_apt_needs_to_reach_its_sources(clone: Clone):
    lines = ['Acquire::http::Proxy "http://p:1";', 'APT::Architecture "amd64";', 'Acquire::Retries "3";']
    clone.fake("apt-config", "\n".join(f"echo '{line}'" for line in lines))
    assert clone.says("apt_options").splitlines() == [lines[0], lines[2]]
    clone.fake("apt-config", "echo 'APT::Architecture \"amd64\";'")
    assert clone.says("apt_options; echo fine") == "fine"


def test_a_step_that_fails_shows_the_end_of_its_output_and_where_the_whole_log_is(clone: Clone):
    code = "log_file=$PWD/up.log; echo earlier >\"$log_file\"; step 'doing it' bash -c 'echo one; echo two >&2; exit 7'"
    done = clone.run(code)
    assert (done.returncode, done.stdout) == (7, "doing it ...\n")
    assert done.stderr.splitlines()[:2] == ["one", "two"]
    assert f"the whole log is in {clone.root}/up.log" in done.stderr.splitlines()[2]
    assert "earlier" not in done.stderr


def test_a_step_that_works_leaves_no_log_of_its_own(clone: Clone):
    told = clone.says("step 'doing it' echo hidden", TMPDIR=str(clone.root / "data"))
    assert told == "doing it ..."
    assert list((clone.root / "data").iterdir()) == []


def test_socket_path_that_no_client_could_use_is_refused_before_the_start(clone: Clone):
    long = clone.run(f"load_settings; check_socket /{'x' * 110}/api.sock; echo fine")
    assert long.returncode == 1
    assert "107 is the most" in long.stderr
    assert "ISTHMUS_RUN_DIR=" in long.stderr
    assert clone.run(f"load_settings; check_socket /{'x' * 97}/api.sock; echo fine").stdout == "fine\n"


def test_number_that_a_killed_engine_left_behind_is_forgotten(clone: Clone):
    file = clone.root / "engine.pid"
    file.write_text(str(os.getpid()))
    clone.run(f"drop_stale_pid dockerd {file}")
    assert not file.exists(), "the process of that number is no engine"
    name = Path(f"/proc/{os.getpid()}/comm").read_text().strip()
    file.write_text(str(os.getpid()))
    clone.run(f"drop_stale_pid {name} {file}; drop_stale_pid dockerd {clone.root}/none")
    assert file.exists(), "the engine runs"


def test_environment_that_is_a_link_is_not_emptied(clone: Clone):
    """`python3 -m venv --clear` goes where a link leads: to the packages of another clone."""
    theirs = clone.root / "theirs"
    (theirs / "bin").mkdir(parents=True)
    (clone.root / ".venv").symlink_to(theirs)
    (theirs / "bin/python").write_text("#!/bin/sh\necho of another version\n")
    (theirs / "bin/python").chmod(0o755)
    (clone.root / "requirements.txt").touch()
    told = clone.refuses("need_venv tests requirements.txt")
    assert told == f".venv is a link to {theirs}, which another Python made: remove the link, and it is made here"
    assert (theirs / "bin/python").exists()
