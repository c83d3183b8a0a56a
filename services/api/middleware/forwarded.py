"""The header `Forwarded`, in which proxies say how a request came to them (RFC 7239)."""

from __future__ import annotations

import re

PIECE = re.compile(
    r"""[ \t]*(?:(?P<name>[\w!#$%&'*+.^`|~-]+)=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s,;"\\]+))"""
    r"""(?=[ \t]*(?:[;,]|$))|;|(?P<comma>,)|$)""",
    re.ASCII,
)
"""A parameter, or what stands between two. Unquoted values may hold colons, which the standard wants quoted."""


def parse_forwarded(text: str) -> dict[str, str]:
    """The parameters of the last element, that of the nearest proxy, by their names in small letters.

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
