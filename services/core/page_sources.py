"""What `ISTHMUS_BASEMAP` may say: which backdrop the maps have, and which other servers it comes from."""

from __future__ import annotations

import re
from typing import NamedTuple

SHIPPED = "natural-earth"
OFF = "off"
HOST = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]+)?")
ADDRESS = re.compile(rf"({HOST.pattern})?(/[^\s\"'<>;,]*)")


class Basemap(NamedTuple):
    """The backdrop of the maps.

    address: SHIPPED, OFF, or the address of a MapLibre style or of pictures ({z}, {x}, {y}); one that begins with a
    slash is of this server
    hosts: the other servers that a page may ask for it, as Content-Security-Policy names them
    """

    address: str
    hosts: tuple[str, ...]


def parse_basemap(text: str) -> Basemap | None:
    """The backdrop that a setting names; None for a setting that names none."""
    address, *hosts = text.split() or [SHIPPED]
    if any(HOST.fullmatch(host) is None for host in hosts):
        return None
    if address in (SHIPPED, OFF):
        return None if hosts else Basemap(address, ())
    found = ADDRESS.fullmatch(address)
    if found is None:
        return None
    return Basemap(address, tuple(dict.fromkeys([*([found[1]] if found[1] else []), *hosts])))
