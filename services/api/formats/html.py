"""Pages for people, from the templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from api.http.links import HTML, Links
from core.settings import Settings

HTML_UTF8 = f"{HTML}; charset=utf-8"


@dataclass(frozen=True, slots=True)
class HtmlPages:
    """Fills templates. `fill`: gives the text of a template with values. It needs no request."""

    fill: Callable[[str, Mapping[str, Any]], str]
    settings: Settings

    def render(self, template: str, links: Links, *, title: str, **values: Any) -> bytes:
        """A page. `links`: from where the client stands; `values`: what the template shows."""
        return self.fill(template, {"title": title, "links": links, "settings": self.settings, **values}).encode()
