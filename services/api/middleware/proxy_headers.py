"""Believe Forwarded and X-Forwarded-* headers from trusted proxies only.

A proxy that says X-Forwarded-For, -Host, -Port or -Proto says nothing in `Forwarded`, which most pass on as it came:
then that is what the client made up. For the same reason only the last of several values is believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

from core.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


PORT = "(?!0)[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
FORMS = {
    "HTTP_X_FORWARDED_PROTO": re.compile("https?"),
    "HTTP_X_FORWARDED_HOST": re.compile(rf"([\w.~-]+|\[[0-9a-f:.]+\])(?P<port>:({PORT}))?", re.ASCII | re.IGNORECASE),
    "HTTP_X_FORWARDED_PORT": re.compile(PORT),
    "HTTP_X_FORWARDED_PREFIX": re.compile(r"/?|(/[\w.~!$&'()*+;=:@%-]+)+/?", re.ASCII),
}
"""What proxies say, of several, separated by commas, the last."""

SAME = {"host": "HTTP_X_FORWARDED_HOST", "proto": "HTTP_X_FORWARDED_PROTO"}
"""What stands for a parameter of `Forwarded`. Who asked, `for`, makes no difference to any answer."""

PIECE = re.compile(
    r"""[ \t]*(?:(?P<name>[\w!#$%&'*+.^`|~-]+)=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s,;"\\]+))"""
    r"""(?=[ \t]*(?:[;,]|$))|;|(?P<comma>,)|$)""",
    re.ASCII,
)
"""A parameter of `Forwarded` (RFC 7239), or what stands between two. Unquoted values may hold colons, which the
standard wants quoted.
"""

OTHERS = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_PROTO")


class TrustedProxies:
    """WSGI layer that applies the forwarded scheme, host, port and prefix when the peer is a trusted proxy."""

    def __init__(self, app: WSGIApplication, settings: Settings) -> None:
        """`settings.trusted_proxies` decides who is believed."""
        self._plain = app
        self._forwarded = ProxyFix(app, x_for=1, x_proto=1, x_host=1, x_port=1, x_prefix=1)
        self._networks = settings.proxy_networks()
        self._trusts_socket = settings.trusts_socket()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if not self.trusts(environ.get("REMOTE_ADDR", "")):
            return self._plain(environ, start_response)
        read_forwarded(environ)
        forget_absurd(environ)
        return self._forwarded(environ, start_response)

    def trusts(self, peer: str) -> bool:
        """Whether a peer's headers are believed. A peer over a unix socket has no address."""
        if not self._networks and not self._trusts_socket:
            return False
        try:
            address = ip_address(peer)
        except ValueError:
            return self._trusts_socket
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return any((mapped or address) in network for network in self._networks)


def read_forwarded(environ: WSGIEnvironment) -> None:
    """Have the header `Forwarded` stand as X-Forwarded-*, where there is none of those."""
    if "HTTP_FORWARDED" not in environ or any(name in environ for name in OTHERS):
        return
    for name, value in parse_forwarded(environ["HTTP_FORWARDED"]).items():
        if name in SAME:
            environ[SAME[name]] = value.lower()


def parse_forwarded(text: str) -> dict[str, str]:
    """The parameters of the last element of `Forwarded`, that of the nearest proxy, by their names in small letters.

    None of a header that is malformed: nobody knows then where its last element begins.
    """
    element: dict[str, str] = {}
    is_over, place = False, 0
    while place < len(text):
        piece = PIECE.match(text, place)
        if piece is None:
            return {}
        place, name = piece.end(), (piece["name"] or "").lower()
        if name:
            element = {} if is_over else element
            if name in element:
                return {}
            element[name] = piece["plain"] or re.sub(r"\\(.)", r"\1", piece["quoted"])
        is_over = piece["comma"] is not None or (is_over and not name)
    return element


def forget_absurd(environ: WSGIEnvironment) -> None:
    """Take out what no proxy says: it passed on what its client had made up, and links would begin with it. And a port
    beside a host that has one: the proxy's own, behind another that maps ports.
    """
    said = {name: environ.get(name, "").rpartition(",")[2].strip() for name in FORMS}
    forms = {name: FORMS[name].fullmatch(value) for name, value in said.items() if value}
    host = forms.get("HTTP_X_FORWARDED_HOST")
    if host and host["port"]:
        forms["HTTP_X_FORWARDED_PORT"] = None
    for name, form in forms.items():
        if form is None:
            environ.pop(name, None)
