"""How wide a text will be, without a font: by the widths of DejaVu Sans, wider than what most systems have instead.

So a text takes the room that was measured for it, or less, whatever font draws it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum  # sum() of floats rounds otherwise since Python 3.12

SANS_HUNDREDTHS = {
    28: "'Ijl iJ,.·",
    36: "/:;\\|f-t",
    42: "()[]r!",
    52: '"*_`sz?c',
    62: "LFkvxyPTYaoe",
    66: "ESbdghnpquK0123456789${}",
    72: "AVBRXZCU",
    80: "HNDG&OQ",
    86: "wM#+<=>^~→",
    100: "%mW@…",
}
ADVANCE = {
    character: hundredths / 100 for hundredths, characters in SANS_HUNDREDTHS.items() for character in characters
}
PATHS_AFTER = ("", "rw ", "ro ")
MONO, UNKNOWN, BOLDER = 0.605, 1.0, 1.15


@dataclass(frozen=True, slots=True)
class Style:
    """How a text looks: its size and line height in units of the picture."""

    size: float
    mono: bool = False
    bold: bool = False

    @property
    def height(self) -> float:
        """The height of a line."""
        return round(self.size * 1.4, 1)


STYLES = {
    "title": Style(17, bold=True),
    "name": Style(13, bold=True),
    "strong": Style(11, mono=True, bold=True),
    "data": Style(10.5, mono=True),
    "text": Style(11),
    "small": Style(9.5),
    "warn": Style(10, bold=True),
}


def width(text: str, style: str) -> float:
    """The room that a line of text takes at most."""
    look = STYLES[style]
    if look.mono:
        advance = fsum(MONO if ord(character) < 0x1100 or character in "…→" else UNKNOWN for character in text)
    else:
        advance = fsum(ADVANCE.get(character, UNKNOWN) for character in text) * (BOLDER if look.bold else 1)
    return round(advance * look.size, 2)


def shorten(text: str, style: str, room: float) -> str:
    """The text or, where it does not fit, the last folders of a path, or beginning and end: ends tell most apart."""
    room += 0.05  # what was measured may come back a rounding smaller
    if width(text, style) <= room:
        return text
    rights, _, path = text.partition("/")
    parts = path.split("/") if rights in PATHS_AFTER else []
    tails = [f"{rights}…/{'/'.join(parts[start:])}" for start in range(1, len(parts))]
    fitting = [tail for tail in tails if width(tail, style) <= room]
    if fitting:
        return fitting[0]
    for kept in range(len(text) - 1, 0, -1):
        head = kept * 2 // 5
        shorter = f"{text[:head]}…{text[len(text) - (kept - head) :]}"
        if width(shorter, style) <= room:
            return shorter
    return "…"
