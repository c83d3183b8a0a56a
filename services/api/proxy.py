"""Believe X-Forwarded-* headers from trusted proxies only."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

from core.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


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
        app = self._forwarded if self.trusts(environ.get("REMOTE_ADDR", "")) else self._plain
        return app(environ, start_response)

    def trusts(self, peer: str) -> bool:
        """Whether a peer's headers are believed. A peer over a unix socket has no address."""
        if not self._networks and not self._trusts_socket:
            return False
        try:
            address = ip_address(peer)
        except ValueError:
            return self._trusts_socket
        return any(address in network for network in self._networks)
