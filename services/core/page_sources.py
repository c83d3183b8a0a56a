"""Other servers that pages have to do with: those that the basemap comes from, and those whose pages may frame ours."""

from __future__ import annotations

import re
from typing import NamedTuple

SHIPPED = "natural-earth"
OFF = "off"
ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]+)?")
ADDRESS = re.compile(rf"({ORIGIN.pattern})?(/[^\s\"'<>;,]*)")


class Basemap(NamedTuple):
    """The basemap, which lies under every map.

    address: SHIPPED, OFF, or the address of a MapLibre style or of pictures ({z}, {x}, {y}); one that begins with a
    slash is of this server
    hosts: the other servers that a page may ask for it, as Content-Security-Policy names them
    """

    address: str
    hosts: tuple[str, ...]


def parse_basemap(text: str) -> Basemap | None:
    """The basemap that a setting names; None for a setting that names none."""
    address, *hosts = text.split() or [SHIPPED]
    if any(ORIGIN.fullmatch(host) is None for host in hosts):
        return None
    if address in (SHIPPED, OFF):
        return None if hosts else Basemap(address, ())
    found = ADDRESS.fullmatch(address)
    if found is None:
        return None
    return Basemap(address, tuple(dict.fromkeys([*([found[1]] if found[1] else []), *hosts])))


def parse_frame_ancestors(text: str) -> str | None:
    """Who may frame pages, as Content-Security-Policy says it; None for a setting that names something else."""
    words = text.split() or ["none"]
    if any(word not in ("self", "none", "*") and ORIGIN.fullmatch(word) is None for word in words):
        return None
    return " ".join(f"'{word}'" if word in ("self", "none") else word for word in words)
