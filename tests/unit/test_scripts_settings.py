"""The scripts' settings, secrets, folders and last lines, each function of scripts/lib by itself."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from support.clone import Clone, make_clone


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone with an empty data folder and no .env."""
    return make_clone(tmp_path)


def setting(clone: Clone, name: str, **environment: str) -> str:
    """A variable after load_settings, as a program that the scripts start sees it."""
    return clone.says(f"load_settings; printenv {name} || printf 'not exported'", **environment)


def mode(path: Path) -> str:
    """The permission bits, in octal."""
    return oct(stat.S_IMODE(path.stat().st_mode))[2:]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ISTHMUS_PORT", "8080"),
        ("ISTHMUS_BIND", "127.0.0.1"),
        ("ISTHMUS_DB_HOST_PORT", "55432"),
        ("ISTHMUS_PROJECT", "isthmus"),
        ("ISTHMUS_DATA_DIR", "{root}/data"),
        ("ISTHMUS_SECRETS_DIR", "{root}/secrets"),
        ("ISTHMUS_RUN_DIR", "{root}/data/var/run"),
        ("db_port_chosen", ""),
        ("project_chosen", ""),
    ],
)
def test_without_any_setting_the_defaults_hold(clone: Clone, name: str, value: str):
    assert setting(clone, name) == value.format(root=clone.root)


def test_dotenv_replaces_a_default_and_the_environment_replaces_dotenv(clone: Clone):
    clone.dotenv("ISTHMUS_PORT=8085\nISTHMUS_TITLE=Maps of mine\n")
    assert setting(clone, "ISTHMUS_PORT") == "8085"
    assert setting(clone, "ISTHMUS_TITLE") == "Maps of mine"
    assert setting(clone, "ISTHMUS_PORT", ISTHMUS_PORT="9000") == "9000"


def test_an_empty_variable_of_the_environment_keeps_dotenv_out(clone: Clone):
    clone.dotenv("ISTHMUS_PORT=8085\n")
    assert setting(clone, "ISTHMUS_PORT", ISTHMUS_PORT="") == "8080"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("ISTHMUS_TITLE=plain", "plain"),
        ("ISTHMUS_TITLE=two words  ", "two words"),
        ("ISTHMUS_TITLE= after a blank", "after a blank"),
        ('ISTHMUS_TITLE= "quoted after a blank"', "quoted after a blank"),
        ("ISTHMUS_TITLE=a#b", "a#b"),
        ("ISTHMUS_TITLE=a # comment", "a"),
        ("ISTHMUS_TITLE=# comment", "# comment"),
        ("ISTHMUS_TITLE= # comment", ""),
        ("ISTHMUS_TITLE='a # b' # comment", "a # b"),
        ('ISTHMUS_TITLE="it\'s"', "it's"),
        ("ISTHMUS_TITLE='$HOME `id` $(id)'", "$HOME `id` $(id)"),
        ("ISTHMUS_TITLE=a=b=c", "a=b=c"),
        ("\texport ISTHMUS_TITLE=x", "x"),
        ("ISTHMUS_TITLE=", ""),
        ("ISTHMUS_TITLE=windows\r", "windows"),
        ("ISTHMUS_TITLE=Zürich 京都", "Zürich 京都"),
    ],
)
def test_a_line_of_dotenv_gives_its_value(clone: Clone, line: str, value: str):
    clone.dotenv(f"# first\n\n   # second\n{line}")
    assert setting(clone, "ISTHMUS_TITLE") == value


@pytest.mark.parametrize(
    "line", ["ISTHMUS_BIND 127.0.0.1", "ISTHMUS_PORT", "=8080", "1SETTING=x", "ISTHMUS-PORT=1", "[section]"]
)
def test_a_malformed_line_is_shown_with_its_number(clone: Clone, line: str):
    clone.dotenv(f"# settings\n\nISTHMUS_PORT=8085\n{line}\n")
    assert clone.refuses("load_settings") == f"{clone.root}/.env line 4 is not NAME=VALUE: {line}"


@pytest.mark.parametrize("line", ["ISTHMUS_TITLE='open", 'ISTHMUS_TITLE="open', "ISTHMUS_TITLE='other\""])
def test_a_quote_that_is_not_closed_is_shown_with_its_number(clone: Clone, line: str):
    clone.dotenv(f"A=1\n{line}\n")
    assert clone.refuses("load_settings") == f"{clone.root}/.env line 2: a quote is not closed: {line}"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ISTHMUS_PORT", "eighty", "a number from 0 to 65535"),
        ("ISTHMUS_PORT", "65536", "a number from 0 to 65535"),
        ("ISTHMUS_PORT", "-1", "a number from 0 to 65535"),
        ("ISTHMUS_PORT", "8080 ", "a number from 0 to 65535"),
        ("ISTHMUS_PORT", "18446744073709551617", "a number from 0 to 65535"),
        ("ISTHMUS_DB_HOST_PORT", "0", "a number from 1 to 65535"),
        ("ISTHMUS_UID", "0", "a number from 1 to 4000000"),
        ("ISTHMUS_GID", "a", "a number from 1 to 4000000"),
        ("ISTHMUS_PROJECT", "Not Ok", "small letters"),
        ("ISTHMUS_PROJECT", "-x", "small letters"),
        ("ISTHMUS_BIND", "localhost", "an IP address"),
        ("ISTHMUS_BIND", "127.0.0.1; id", "an IP address"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(clone: Clone, name: str, value: str, says: str):
    line = clone.refuses("load_settings", **{name: value})
    assert line.startswith(f"{name} must be ")
    assert says in line
    assert line.endswith(f"not '{value}'")


@pytest.mark.parametrize(("given", "value"), [("08080", "8080"), ("0", "0"), ("00", "0"), ("65535", "65535")])
def test_a_number_with_zeros_before_it_is_the_same_number(clone: Clone, given: str, value: str):
    assert setting(clone, "ISTHMUS_PORT", ISTHMUS_PORT=given) == value


@pytest.mark.parametrize(("port", "variant"), [("55432", "db-port"), ("", "")])
def test_postgresql_is_published_only_where_its_port_is_set_whatever_the_calling_script_had(
    clone: Clone, port: str, variant: str
):
    before = {"ISTHMUS_BRIDGE_VARIANT": "db-port", "db_port_chosen": "yes"}
    assert setting(clone, "ISTHMUS_BRIDGE_VARIANT", ISTHMUS_DB_HOST_PORT=port, **before) == variant


def test_relative_folders_are_relative_to_the_clone_wherever_the_script_is_called_from(clone: Clone):
    asked = 'cd /; load_settings; printf \'%s %s\' "$ISTHMUS_DATA_DIR" "$ISTHMUS_SECRETS_DIR"'
    told = clone.says(asked, ISTHMUS_DATA_DIR="../maps/./x", ISTHMUS_SECRETS_DIR="/srv/../keys")
    assert told == f"{clone.root.parent}/maps/x /keys"


def test_another_data_folder_is_another_project_and_always_the_same_one(clone: Clone, tmp_path: Path):
    folder = tmp_path / "other"
    name = setting(clone, "ISTHMUS_PROJECT", ISTHMUS_DATA_DIR=str(folder))
    assert name == f"isthmus-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    assert setting(clone, "ISTHMUS_PROJECT", ISTHMUS_DATA_DIR="other") == name


def test_a_project_that_the_data_folder_remembers_is_taken_unless_one_is_given(clone: Clone):
    (clone.root / "data/var").mkdir()
    (clone.root / "data/var/project").write_text("isthmus-remembered\n")
    assert setting(clone, "ISTHMUS_PROJECT") == "isthmus-remembered"
    assert setting(clone, "ISTHMUS_PROJECT", ISTHMUS_PROJECT="mine") == "mine"
    assert setting(clone, "project_chosen", ISTHMUS_PROJECT="mine") == "yes"


def test_a_chosen_project_is_not_remembered_and_a_derived_one_is(clone: Clone):
    (clone.root / "data/var").mkdir()
    clone.says("load_settings; remember_project", ISTHMUS_PROJECT="mine")
    assert not (clone.root / "data/var/project").exists()
    clone.says("load_settings; remember_project")
    assert (clone.root / "data/var/project").read_text() == "isthmus\n"


@pytest.mark.parametrize(("uid", "services"), [(0, "10001 10001"), (1234, "1234 1234")])
def test_services_run_as_the_caller_unless_that_is_root(clone: Clone, uid: int, services: str):
    clone.be_user(uid)
    assert clone.says('load_settings; printf "%s %s" "$ISTHMUS_UID" "$ISTHMUS_GID"') == services
    assert setting(clone, "ISTHMUS_UID", ISTHMUS_UID="77") == "77"


def test_a_normal_users_id_is_written_to_dotenv_once_and_on_a_line_of_its_own(clone: Clone):
    clone.be_user(1234)
    clone.dotenv("ISTHMUS_PORT=8085")
    told = clone.says("load_settings; remember_user; remember_user")
    assert told == "the services run as you: wrote ISTHMUS_UID=1234 and ISTHMUS_GID=1234 to .env"
    assert (clone.root / ".env").read_text() == "ISTHMUS_PORT=8085\nISTHMUS_UID=1234\nISTHMUS_GID=1234\n"
    assert setting(clone, "ISTHMUS_PORT") == "8085"


def test_a_normal_users_id_makes_a_dotenv_where_there_is_none(clone: Clone):
    clone.be_user(1234)
    clone.says("load_settings; remember_user")
    assert (clone.root / ".env").read_text() == "ISTHMUS_UID=1234\nISTHMUS_GID=1234\n"


def test_roots_id_is_written_nowhere(clone: Clone):
    clone.be_user(0)
    assert clone.says("load_settings; remember_user") == ""
    assert not (clone.root / ".env").exists()


def test_secrets_are_random_and_for_nobody_else(clone: Clone):
    clone.says("umask 000; load_settings; make_secrets")
    folder = clone.root / "secrets"
    words = [(folder / name).read_text().strip() for name in ("owner_password", "reader_password")]
    assert [len(word) for word in words] == [32, 32]
    assert words[0] != words[1]
    assert (mode(folder), mode(folder / "owner_password"), mode(folder / "reader_password")) == ("700", "600", "600")


def test_secrets_are_made_once_and_their_mode_is_put_right(clone: Clone):
    clone.says("load_settings; make_secrets")
    secret = clone.root / "secrets/owner_password"
    before = secret.read_text()
    secret.chmod(0o644)
    clone.says("load_settings; make_secrets")
    assert secret.read_text() == before
    assert mode(secret) == "600"


def test_an_empty_secret_is_filled_and_the_other_one_is_left_alone(clone: Clone):
    folder = clone.root / "elsewhere/keys"
    folder.mkdir(parents=True)
    (folder / "owner_password").write_text("mine\n")
    (folder / "reader_password").touch()
    clone.says("load_settings; make_secrets", ISTHMUS_SECRETS_DIR="elsewhere/keys")
    assert (folder / "owner_password").read_text() == "mine\n"
    assert len((folder / "reader_password").read_text()) == 33


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_secrets_and_folders_made_by_root_belong_to_the_services(clone: Clone):
    clone.says("load_settings; make_data_folders; make_secrets", ISTHMUS_UID="4321", ISTHMUS_GID="4322")
    made = [
        "secrets",
        "secrets/owner_password",
        *(f"data/var{name}" for name in ("", "/reports", "/run", "/log", "/pg")),
    ]
    owners = {name: ((clone.root / name).stat().st_uid, (clone.root / name).stat().st_gid) for name in made}
    assert owners == dict.fromkeys(made, (4321, 4322))
    assert (clone.root / "data").stat().st_uid == 0, "the user's own folder stays the user's"


def test_a_missing_data_folder_is_made_and_a_file_in_its_place_is_refused(clone: Clone):
    clone.says("load_settings; check_data_dir", ISTHMUS_DATA_DIR="deep/er/maps")
    assert (clone.root / "deep/er/maps").is_dir()
    (clone.root / "file").touch()
    told = clone.refuses("load_settings; check_data_dir", ISTHMUS_DATA_DIR="file")
    assert told == f"ISTHMUS_DATA_DIR is not a folder: {clone.root}/file"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_data_folder_that_is_closed_to_the_services_is_opened_to_their_group_alone(clone: Clone):
    data = clone.root / "data"
    data.chmod(0o700)
    told = clone.says("load_settings; check_data_dir; check_data_dir")
    assert told == "the data folder was closed to the services (user 10001): its group may now read it"
    assert (mode(data), data.stat().st_gid, data.stat().st_uid) == ("750", 10001, 0)


@pytest.mark.parametrize(
    ("bits", "uid", "gid", "readable"),
    [
        ("755", 7, 7, True),
        ("700", 7, 7, False),
        ("700", 10001, 7, True),
        ("300", 10001, 7, False),
        ("750", 7, 10001, True),
        ("705", 7, 10001, False),
        ("1777", 7, 7, True),
        ("754", 7, 7, False),
    ],
)
def test_a_folders_mode_tells_whether_the_services_may_read_it(
    clone: Clone, bits: str, uid: int, gid: int, readable: bool
):
    clone.fake("stat", f"echo {bits} {uid} {gid}")
    told = clone.says(
        "load_settings; if readable_to_services data; then echo yes; else echo no; fi",
        ISTHMUS_UID="10001",
        ISTHMUS_GID="10001",
    )
    assert told == ("yes" if readable else "no")


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("[::]:8080", "http://[::1]:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("::1:8080", "http://[::1]:8080"),
        (":::8080", "http://[::1]:8080"),
        ("192.0.2.7:8080", "http://192.0.2.7:8080"),
        ("unix:/run/isthmus/api.sock", "http://localhost"),
    ],
)
def test_the_address_is_one_that_a_client_of_this_machine_can_call(clone: Clone, listen: str, url: str):
    assert clone.says(f"base_url {listen}") == url


def test_the_farewell_names_addresses_folder_and_how_to_stop(clone: Clone):
    told = clone.says("load_settings; farewell bridge 0.0.0.0:8085")
    assert "Isthmus runs in mode bridge and serves 0 collections." in told
    assert "http://127.0.0.1:8085/\n" in told
    assert "http://127.0.0.1:8085/map\n" in told
    assert "curl 'http://127.0.0.1:8085/collections/NAME/items?limit=2'" in told
    assert f"drop files in   {clone.root}/data\n" in told
    assert told.endswith("  stop            ./scripts/down")


def test_the_farewell_of_a_socket_shows_how_curl_calls_it(clone: Clone):
    told = clone.says("load_settings; farewell none unix:/x/api.sock")
    assert "curl --unix-socket /x/api.sock http://localhost/\n" in told
    assert "no network in this mode" in told


def test_the_farewell_gives_down_the_settings_that_find_this_stack(clone: Clone):
    (clone.root / "my maps").mkdir()
    told = clone.says("load_settings; farewell host 127.0.0.1:1", ISTHMUS_DATA_DIR="my maps")
    assert f"stop            ISTHMUS_DATA_DIR={clone.root}/my\\ maps ./scripts/down" in told
    told = clone.says("load_settings; farewell host 127.0.0.1:1", ISTHMUS_PROJECT="mine")
    assert "stop            ISTHMUS_PROJECT=mine ./scripts/down" in told


@pytest.mark.parametrize(
    ("files", "has"),
    [((), "no"), (("roads.gpkg",), "yes"), (("deep/er/x.shp",), "yes"), ((".gitkeep", "var/log/up.log"), "no")],
)
def test_only_files_outside_of_var_are_worth_waiting_for(clone: Clone, files: tuple[str, ...], has: str):
    for name in files:
        (clone.root / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (clone.root / "data" / name).touch()
    assert clone.says("load_settings; if has_files; then echo yes; else echo no; fi") == has
