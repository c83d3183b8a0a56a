"""What `Cache-Control` may say of an answer (RFC 9111, 5.2.2; RFC 5861; RFC 8246)."""

from __future__ import annotations

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


def mistake_in(text: str) -> str | None:
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
