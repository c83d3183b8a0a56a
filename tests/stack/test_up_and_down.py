"""Starting, refusing to start, stopping: one clear line, and nothing half-started left behind."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from support.net_check import net_check, wait_kept
from support.stack import ROOT, Stack, new_stack, output, run


def refused(stack: Stack, *arguments: str, code: int = 1) -> str:
    """The one line that `up` printed when it refused. Nothing of the stack may be there afterwards."""
    done = stack.script("up", *arguments)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    assert not (stack.data / "var/run/supervisord.pid").exists()
    (line,) = done.stderr.strip().splitlines()
    return line


@pytest.mark.parametrize("mode", ["native", "bridge", "host"])
def test_a_taken_port_names_the_process_and_the_setting(idle: Stack, engine: None, mode: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", idle.port))
        taken.listen()
        line = refused(idle, mode)
    assert f"port {idle.port} is taken" in line
    assert f"process {os.getpid()}" in line
    assert "ISTHMUS_PORT=" in line


def test_a_taken_database_port_is_found_before_host_mode_starts(idle: Stack, engine: None) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        idle.more = {"ISTHMUS_DB_HOST_PORT": str(taken.getsockname()[1])}
        assert "ISTHMUS_DB_HOST_PORT=" in refused(idle, "host")


def test_an_unknown_mode_lists_the_known_ones(idle: Stack) -> None:
    assert "bridge, host, container, none or native" in refused(idle, "bridgee", code=2)


@pytest.mark.parametrize(
    ("name", "value"),
    [("ISTHMUS_PORT", "eighty"), ("ISTHMUS_PORT", "70000"), ("ISTHMUS_BIND", "x y"), ("ISTHMUS_PROJECT", "Not Ok")],
)
def test_a_setting_that_makes_no_sense_is_named(idle: Stack, name: str, value: str) -> None:
    idle.more = {name: value}
    line = refused(idle, "native")
    assert name in line
    assert value in line


def test_a_data_folder_that_is_a_file_is_refused(idle: Stack) -> None:
    file = idle.folder / "file"
    file.write_text("")
    idle.more = {"ISTHMUS_DATA_DIR": str(file)}
    assert f"not a folder: {file}" in refused(idle, "native")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_user_without_rights_on_the_data_folder_is_told(idle: Stack) -> None:
    drop = ("setpriv", "--reuid", "4321", "--regid", "4321", "--clear-groups")
    done = run(*drop, ROOT / "scripts/up", "native", env=idle.environment)
    assert done.returncode == 1
    assert f"no rights on the data folder {idle.data}" in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small file system")
def test_a_full_disk_is_found_before_the_start(idle: Stack) -> None:
    output("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", idle.data)
    try:
        line = refused(idle, "native")
    finally:
        output("umount", idle.data)
    assert "no space" in line
    assert "8 MiB free" in line


def test_a_malformed_line_of_dotenv_is_named_with_its_number(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / ".env").write_text("# settings\nISTHMUS_PORT=8085\nISTHMUS_BIND 127.0.0.1\n")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ISTHMUS_")}
    done = run(tmp_path / "scripts/up", "native", env=clean)
    assert done.returncode == 1
    assert ".env line 3 is not NAME=VALUE: ISTHMUS_BIND 127.0.0.1" in done.stderr


def title_of(env_file: Path, **environment: str) -> str:
    """ISTHMUS_TITLE as the scripts see it with this .env."""
    library = ROOT / "scripts/lib"
    code = '. "$0/say.sh"; . "$0/settings.sh"; read_env_file "$1"; printf %s "$ISTHMUS_TITLE"'
    return output("bash", "-c", code, library, env_file, env={"PATH": os.environ["PATH"], **environment})


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("ISTHMUS_TITLE=Two words", "Two words"),
        ("ISTHMUS_TITLE='a # b'  # comment", "a # b"),
        ("export ISTHMUS_TITLE=x # comment", "x"),
        ('  ISTHMUS_TITLE="q"', "q"),
        ("ISTHMUS_TITLE=", ""),
    ],
)
def test_dotenv_lines_are_read_as_compose_reads_them(tmp_path: Path, line: str, value: str) -> None:
    (tmp_path / ".env").write_text(line + "\n")
    assert title_of(tmp_path / ".env") == value.strip()


def test_the_environment_wins_over_dotenv(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ISTHMUS_TITLE=file\n")
    assert title_of(tmp_path / ".env", ISTHMUS_TITLE="shell") == "shell"


def test_plain_compose_without_secrets_says_which_file_is_missing(engine: None, idle: Stack) -> None:
    done = run(
        *("docker", "compose", "-p", "isthmus-nosecrets", "--profile", "none", "up", "-d", "--no-build"),
        cwd=ROOT,
        env=idle.environment | {"COMPOSE_PROJECT_NAME": "isthmus-nosecrets"},
    )
    run("docker", "compose", "-p", "isthmus-nosecrets", "--profile", "*", "down", "-v", cwd=ROOT, env=idle.environment)
    assert done.returncode != 0
    assert str(idle.folder / "secrets") in done.stderr


def test_plain_compose_works_after_up_has_made_the_secrets(home: Stack) -> None:
    home.more = {}
    home.up("none")
    project = home.project
    home.down()
    doctor = home.script("isthmus", "doctor", "--project", project)
    assert doctor.returncode == 1
    assert "isthmus net:" in doctor.stderr
    plain = home.environment | {"ISTHMUS_PROJECT": project, "ISTHMUS_RUN_DIR": ""}
    compose = ("docker", "compose", "--profile", "none")
    done = run(*compose, "up", "-d", "--wait", cwd=ROOT, env=plain)
    assert done.returncode == 0, done.stderr
    assert home.status("/health/ready") == 200
    assert wait_kept(home).exit_code == 0
    told = {code for code, _ in net_check(home, "doctor").of("warning")}
    assert "settings-current" not in told, "the settings are those of plain Compose"


def test_a_service_that_does_not_start_is_shown_and_everything_taken_down(idle: Stack, engine: None) -> None:
    idle.mode = "none"
    idle.more = {"ISTHMUS_LOG_LEVEL": "loud"}
    done = idle.script("up", "none")
    assert done.returncode == 1
    assert "ISTHMUS_LOG_LEVEL" in done.stderr, "the failing service's own words"
    assert "everything was taken down again" in done.stderr
    assert leftovers(idle) == ["volume"]


def leftovers(stack: Stack) -> list[str]:
    """Which kinds of things of the project docker still has."""
    mine = ("--filter", f"label=com.docker.compose.project={stack.project}", "-q")
    kinds = {"container": ("ps", "-a"), "network": ("network", "ls"), "volume": ("volume", "ls")}
    return [kind for kind, words in kinds.items() if output("docker", *words, *mine)]


def test_down_with_volumes_leaves_only_the_users_files(engine: None, idle: Stack) -> None:
    idle.drop_points("mine", 3)
    idle.up("bridge")
    project = idle.project
    assert idle.down() and idle.down(), "twice is fine"
    assert leftovers(idle) == ["volume"]
    idle.down("--volumes")
    (idle.data / "var/project").write_text(project)
    assert leftovers(idle) == []
    assert (idle.data / "mine.geojson").exists()
    assert not (idle.data / "var/pg").exists()


def test_two_stacks_in_containers_run_side_by_side(home: Stack) -> None:
    home.more = {}
    home.up("bridge")
    with new_stack() as other:
        other.up("bridge")
        assert other.project != home.project
        assert wait_kept(home).of("broken") == set(), "the other stack breaks no promise of this one"
        assert (other.status("/health/ready"), home.status("/health/ready")) == (200, 200)


def test_a_project_of_another_data_folder_is_refused(home: Stack, idle: Stack) -> None:
    home.more = {}
    home.up("bridge")
    idle.more = {"ISTHMUS_PROJECT": home.project}
    line = refused(idle, "bridge")
    assert f"belongs to the data folder {home.data}" in line


def test_help_tells_every_mode() -> None:
    told = subprocess.run([ROOT / "scripts/up", "--help"], check=True, capture_output=True, text=True).stdout
    for mode in ("bridge", "host", "container", "none", "native", "--install-docker"):
        assert mode in told
