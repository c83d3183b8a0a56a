"""What the server is told to listen on."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.server.serve import Listen, parse_listen


@pytest.mark.parametrize(
    ("listen", "place"),
    [
        ("127.0.0.1:8080", Listen("127.0.0.1", 8080)),
        ("0.0.0.0:80", Listen("0.0.0.0", 80)),
        ("::1:8080", Listen("::1", 8080)),
        (":::8080", Listen("::", 8080)),
        ("[2001:db8::7]:8080", Listen("2001:db8::7", 8080)),
        ("unix:/run/a:b/api.sock", Listen(socket=Path("/run/a:b/api.sock"))),
    ],
)
def test_every_address_that_the_launcher_gives_is_understood(listen: str, place: Listen):
    assert parse_listen(listen) == place
