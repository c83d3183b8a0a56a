"""Settings from the environment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.errors import BadSetting
from core.settings import Settings, ignored, load_settings, render_docs, render_example, rows, variable

ROOT = Path(__file__).parents[2]

# What the scripts tell their own children and the compose files; nobody sets it by hand.
INTERNAL = {
    "ISTHMUS_BRIDGE_VARIANT",
    "ISTHMUS_EDGE_DIGEST",
    "ISTHMUS_INPUTS_API",
    "ISTHMUS_INPUTS_EDGE",
    "ISTHMUS_INPUTS_LOADER",
    "ISTHMUS_INPUTS_POSTGIS",
    "ISTHMUS_LOG_DIR",
    "ISTHMUS_ROOT",
    "ISTHMUS_SECRETS_DIGEST",
    "ISTHMUS_STACK",
    "ISTHMUS_STATE_DIR",
    "ISTHMUS_VENV",
}


def test_defaults_hold_without_any_variable():
    assert load_settings({}) == Settings()


def test_variables_are_read_with_their_types():
    settings = load_settings(
        {"ISTHMUS_PORT": "8081", "ISTHMUS_POOL_WAIT_S": "0.5", "ISTHMUS_DATA_DIR": "/data", "ISTHMUS_MODE": "none"}
    )
    assert (settings.port, settings.pool_wait_s, settings.data_dir, settings.mode) == (8081, 0.5, Path("/data"), "none")


def test_empty_variable_counts_as_unset():
    assert load_settings({"ISTHMUS_PORT": ""}).port == 8080


def test_password_comes_from_its_file(tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    assert load_settings({"ISTHMUS_DB_PASSWORD_FILE": str(secret)}).db_password == "s3cret"


def test_settings_of_earlier_versions_are_ignored_and_named():
    assert load_settings({"ISTHMUS_PIN_WORKERS": "perhaps"}) == Settings()
    assert [sentence.split()[0] for sentence in ignored({"ISTHMUS_PIN_WORKERS": "on"})] == ["ISTHMUS_PIN_WORKERS"]
    assert ignored({"ISTHMUS_PIN_WORKERS": ""}) == []


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("ISTHMUS_PORT", "http", "number"),
        ("ISTHMUS_POOL_WAIT_S", "soon", "number"),
        ("ISTHMUS_WORKERS", "0", "from 1"),
        ("ISTHMUS_MODE", "bridg", "'bridge'"),
        ("ISTHMUS_LOG_LEVEL", "loud", "debug, info"),
        ("ISTHMUS_CACHE_CONTROL", "max-age: 5", "max-age"),
        ("ISTHMUS_PUBLIC_URL", "maps.example.org", "http://"),
        ("ISTHMUS_TRUSTED_PROXIES", "10.0.0.0/8,proxy", "addresses"),
        ("ISTHMUS_DB_PASSWORD_FILE", "/no/such/file", "scripts/up"),
    ],
)
def test_value_that_does_not_fit_is_refused_by_name(name: str, value: str, hint: str):
    with pytest.raises(BadSetting) as caught:
        load_settings({name: value})
    assert caught.value.parameter == name
    assert hint in (caught.value.hint or "")


def test_docs_and_example_are_those_of_the_table():
    assert (ROOT / "docs/settings.md").read_text() == render_docs(), "run scripts/bless"
    assert (ROOT / ".env.example").read_text() == render_example(), "run scripts/bless"


def test_every_variable_that_a_script_or_a_compose_file_reads_is_documented():
    text = (ROOT / "docs/settings.md").read_text()
    names: set[str] = set()
    for path in [*(ROOT / "scripts").rglob("*"), *(ROOT / "compose").glob("*.yaml"), ROOT / "compose.yaml"]:
        if path.is_file() and "__pycache__" not in path.parts:
            names |= set(re.findall(r"\$\{(ISTHMUS_[A-Z_]+)", path.read_text()))
    assert {name for name in names - INTERNAL if f"`{name}`" not in text} == set()


def test_every_setting_has_a_meaning_and_is_documented_once():
    documented = [name for audience in ("operator", "service") for name, _, _ in rows(audience)]
    assert sorted(documented) == sorted(map(variable, Settings.__dataclass_fields__))
    assert all(meaning for audience in ("operator", "service") for _, _, meaning in rows(audience))


def test_trusted_proxies_may_be_a_socket():
    settings = Settings(trusted_proxies="10.0.0.0/8, unix")
    assert settings.trusts_socket()
    assert [str(network) for network in settings.proxy_networks()] == ["10.0.0.0/8"]
