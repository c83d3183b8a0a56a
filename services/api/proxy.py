"""Believe X-Forwarded-* headers from trusted proxies only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

from core.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


FORMS = {
    "HTTP_X_FORWARDED_PROTO": re.compile("https?"),
    "HTTP_X_FORWARDED_PREFIX": re.compile(r"/?|(/[\w.~!$&'()*+;=:@%-]+)+/?", re.ASCII),
}
"""What a scheme and a prefix look like; of several, separated by commas, the last is believed."""


class TrustedProxies:
    """WSGI layer that applies the forwarded scheme, host and prefix when the peer is a proxy from the settings."""

    def __init__(self, app: WSGIApplication, settings: Settings) -> None:
        """`settings.trusted_proxies` decides who is believed."""
        self._plain = app
        self._forwarded = ProxyFix(app, x_for=1, x_proto=1, x_host=1, x_prefix=1)
        self._networks = settings.proxy_networks()
        self._trusts_socket = settings.trusts_socket()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if not self.trusts(environ.get("REMOTE_ADDR", "")):
            return self._plain(environ, start_response)
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
        return any(address in network for network in self._networks)


def forget_absurd(environ: WSGIEnvironment) -> None:
    """Take out what no proxy says: it passed on what its client had made up, and links would begin with it."""
    for name, form in FORMS.items():
        said = environ.get(name, "").rpartition(",")[2].strip()
        if said and not form.fullmatch(said):
            del environ[name]
