"""What a picture is made of, placed: frames, wires, boxes with lines of text. Units are CSS pixels, y goes down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import fsum  # sum() of floats rounds otherwise since Python 3.12

PAD_X, PAD_Y, ICON = 8.0, 4.0, 22.0
WITH_ICON = ("shelf-bind", "shelf-volume", "shelf-tmpfs")


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.height

    @property
    def middle(self) -> float:
        """The x of its middle."""
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Label:
    """A line of text, as it fits. `baseline` is where its letters stand, `x` where it begins."""

    text: str
    style: str
    x: float
    baseline: float


@dataclass(frozen=True, slots=True)
class Shape:
    """A box with text. `kind` says how it looks, `title` is everything that it says, unshortened."""

    kind: str
    box: Box
    title: str = ""
    labels: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class Wire:
    """A line from point to point, with an arrow head at its end or without."""

    kind: str
    points: tuple[tuple[float, float], ...]
    title: str = ""
    arrow: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture. Frames are behind wires, wires behind shapes; only frames contain others."""

    width: float
    height: float
    title: str
    description: str
    frames: tuple[Shape, ...]
    wires: tuple[Wire, ...]
    shapes: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A text in a block, and its style."""

    text: str
    style: str = "data"


@dataclass(frozen=True, slots=True)
class Block:
    """A box that is not placed yet. `more` is said in its title alone."""

    kind: str
    lines: tuple[Line, ...]
    more: tuple[str, ...] = ()

    @property
    def width(self) -> float:
        """The width in which nothing is shortened."""
        return max((width(line.text, line.style) for line in self.lines), default=0) + 2 * PAD_X

    @property
    def height(self) -> float:
        """The height of its lines."""
        return fsum(STYLES[line.style].height for line in self.lines) + 2 * PAD_Y

    @property
    def title(self) -> str:
        """Everything it says."""
        return "\n".join((*(line.text for line in self.lines), *self.more))

    def at(self, x: float, y: float, across: float, down: float | None = None) -> Shape:
        """The block at a place, its lines shortened to `across`."""
        box = Box(x, y, across, self.height if down is None else down)
        room = across - 2 * PAD_X - (ICON if self.kind in WITH_ICON else 0)
        return Shape(self.kind, box, self.title, tuple(placed(self.lines, (x + PAD_X, y + PAD_Y), room)))

    def amid(self, x: float, y: float, across: float, down: float) -> Shape:
        """The same with its lines in the middle of `down`, the height of its box."""
        inside = self.at(x, y + (down - self.height) / 2, across)
        return replace(inside, box=Box(x, y, across, down))


def placed(lines: Sequence[Line], start: tuple[float, float], room: float) -> list[Label]:
    """The lines below each other, shortened to the room that there is."""
    labels: list[Label] = []
    x, y = start
    for line in lines:
        style = STYLES[line.style]
        text = shorten(line.text, line.style, room)
        labels.append(Label(text, line.style, x, round(y + style.size * 1.08, 2)))
        y += style.height
    return labels


# How wide a text will be, without a font: by the widths of DejaVu Sans, wider than what most systems have instead.
# So a text takes the room that was measured for it, or less, whatever font draws it.

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
