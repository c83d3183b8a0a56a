"""What settings put into headers: `Cache-Control` of an answer (RFC 9111, 5.2.2; RFC 5861; RFC 8246), and the other
servers that the Content-Security-Policy of a page names: where the basemap comes from, and who may frame the page.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from core.errors import suggestion

FLAGS = (
    "public",
    "private",
    "no-cache",
    "no-store",
    "no-transform",
    "must-revalidate",
    "proxy-revalidate",
    "must-understand",
    "immutable",
)
SECONDS = ("max-age", "s-maxage", "stale-while-revalidate", "stale-if-error")
LONGEST_S = 2**31
"""What a cache counts at least to (RFC 9111, 1.2.2)."""
SHIPPED = "natural-earth"
OFF = "off"
ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]+)?")
ADDRESS = re.compile(rf"({ORIGIN.pattern})?(/[^\s\"'<>;,]*)")


def cache_control_mistake(text: str) -> str | None:
    """What is wrong with the value of a Cache-Control header, and what to write; None when it can be sent."""
    seen: set[str] = set()
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if name not in FLAGS + SECONDS:
            return suggestion(name, FLAGS + SECONDS) or f"it takes {', '.join(FLAGS)}, or seconds, as in max-age=3600"
        whole = value.isascii() and value.isdecimal() and len(value) <= 10 and int(value) <= LONGEST_S
        if name in SECONDS and not whole:
            return f"'{name}' takes seconds, as in {name}=3600"
        if name in FLAGS and equals:
            return f"'{name}' takes no value"
        if name in seen:
            return f"'{name}' is there twice"
        seen.add(name)
    return "public and private exclude each other" if {"public", "private"} <= seen else None


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
