"""What gunicorn is told to listen on."""

from __future__ import annotations

import pytest
from gunicorn.util import parse_address

from api.gunicorn_conf import bracketed


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("::1:8080", ("::1", 8080)),
        (":::8080", ("::", 8080)),
        ("[2001:db8::7]:8080", ("2001:db8::7", 8080)),
        ("unix:/run/a:b/api.sock", "/run/a:b/api.sock"),
    ],
)
def test_every_address_that_the_launcher_gives_is_one_that_gunicorn_understands(
    listen: str, address: tuple[str, int] | str
):
    assert parse_address(bracketed(listen)) == address
