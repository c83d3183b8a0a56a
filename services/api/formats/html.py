"""Pages for people, from the templates."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from api.http.links import GEOJSON, HTML, JSON, MVT, Links
from api.http.problems import PROBLEM_JSON, problem_response
from api.http.request import Request
from api.http.response import ApiResponse, Headers
from core.headers import OFF, Basemap, parse_basemap, parse_frame_ancestors
from core.settings import Settings

HTML_UTF8 = f"{HTML}; charset=utf-8"

OF_PROGRAMS = (PROBLEM_JSON, JSON, GEOJSON, MVT)
"""What a client that is no browser wants as much as HTML, or more."""


POLICY = (
    "default-src 'none'; script-src {own}; style-src {own}; img-src {own}{maps} data: blob:; connect-src {own}{maps};"
    " worker-src {own} blob:; form-action {own}; base-uri 'none'; frame-ancestors {frames}"
)
"""What a page may load, and who may frame it: nothing of other servers but those of the basemap, no script or style
that stands in the page. MapLibre's pictures and workers are blobs.
"""


@dataclass(frozen=True, slots=True)
class HtmlPages:
    """Fills templates. `fill`: gives the text of a template with values. It needs no request."""

    fill: Callable[[str, Mapping[str, Any]], str]
    settings: Settings

    @property
    def basemap(self) -> Basemap:
        """The basemap of the settings, which were checked when they were read."""
        return parse_basemap(self.settings.basemap) or Basemap(OFF, ())

    @property
    def framed_by(self) -> str:
        """Who may frame pages."""
        return parse_frame_ancestors(self.settings.frame_ancestors) or "'none'"

    def render(self, template: str, links: Links, *, title: str, **values: Any) -> bytes:
        """A page. `links`: from where the client stands; `values`: what the template shows."""
        ours = {"settings": self.settings, "basemap": self.basemap.address, "framed_by": self.framed_by}
        return self.fill(template, {"title": title, "links": links, **ours, **values}).encode()

    def headers(self, links: Links) -> Headers:
        """The headers of every page. Its scripts come from the address that links have, which may be another than
        that the browser asked.
        """
        origin = "/".join(links.base.split("/")[:3]) if "://" in links.base else ""
        own, maps = f"'self' {origin}".strip(), "".join(f" {host}" for host in self.basemap.hosts)
        return [
            ("Content-Type", HTML_UTF8),
            ("Content-Security-Policy", POLICY.format(own=own, maps=maps, frames=self.framed_by)),
            ("Referrer-Policy", "same-origin"),
        ]

    def problem(self, error: Exception, request: Request) -> ApiResponse:
        """The response to a request that meets an error: a page for browsers, a problem document for others."""
        response = problem_response(error, request)
        if not isinstance(response.body, bytes) or response.header("Content-Type") != PROBLEM_JSON:
            return response  # a redirection
        if not wants_page(request.args.get("f", ""), request.accept):
            return response
        document = json.loads(response.body)
        body = self.render("problem.html", request.links, title=document["title"], problem=document)
        return ApiResponse(response.status, response.headers, body).replacing(*self.headers(request.links))


@lru_cache(maxsize=1000)
def wants_page(f: str, accept: str) -> bool:
    """Whether a client would rather have HTML. The parameter `f` counts first, where it names HTML or some JSON."""
    if f == "html" or "json" in f:
        return f == "html"
    wanted = parse_accept_header(accept, MIMEAccept)
    return wanted.quality(HTML) > max(map(wanted.quality, OF_PROGRAMS))
