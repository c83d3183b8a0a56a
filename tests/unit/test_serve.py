"""What gunicorn is told: its options come from the settings."""

from __future__ import annotations

import runpy
from typing import Any

import pytest

from api.serve import OPTIONS


def options(monkeypatch: pytest.MonkeyPatch, **settings: str) -> dict[str, Any]:
    """The names that gunicorn reads."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(OPTIONS))


@pytest.mark.parametrize(
    ("listen", "bind"),
    [
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("0.0.0.0:80", "0.0.0.0:80"),
        ("::1:8080", "[::1]:8080"),
        (":::8080", "[::]:8080"),
        ("[2001:db8::7]:8080", "[2001:db8::7]:8080"),
        ("unix:/run/a:b/api.sock", "unix:/run/a:b/api.sock"),
    ],
)
def test_every_address_that_the_launcher_gives_is_understood(monkeypatch: pytest.MonkeyPatch, listen: str, bind: str):
    assert options(monkeypatch, ISTHMUS_LISTEN=listen)["bind"] == bind


def test_settings_are_options(monkeypatch: pytest.MonkeyPatch):
    found = options(monkeypatch, ISTHMUS_WORKERS="3", ISTHMUS_THREADS="5", ISTHMUS_STOP_WITHIN_S="7")
    assert (found["workers"], found["threads"], found["graceful_timeout"]) == (3, 5, 7)
    assert found["accesslog"] is None
    assert options(monkeypatch, ISTHMUS_LOG_LEVEL="debug")["accesslog"] == "-"
    assert options(monkeypatch, ISTHMUS_WORKER_CLASS="gthread")["worker_class"] == "gthread"
