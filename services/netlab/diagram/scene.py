"""What a picture is made of, placed: frames, wires, boxes with lines of text. Units are CSS pixels, y goes down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import fsum
from typing import NamedTuple

from netlab.diagram.text_width import STYLES, shorten, width

PAD_X, PAD_Y, ICON = 8.0, 4.0, 22.0
WITH_ICON = ("shelf-bind", "shelf-volume", "shelf-tmpfs")


class Point(NamedTuple):
    """A place."""

    x: float
    y: float


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

    @property
    def box(self) -> Box:
        """The room it takes."""
        size = STYLES[self.style].size
        return Box(self.x, self.baseline - size * 0.95, width(self.text, self.style), size * 1.2)


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
    points: tuple[Point, ...]
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
    more: tuple[str, ...] = field(default=())

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
        return Shape(self.kind, box, self.title, tuple(placed(self.lines, Point(x + PAD_X, y + PAD_Y), room)))

    def amid(self, x: float, y: float, across: float, down: float) -> Shape:
        """The same with its lines in the middle of `down`, the height of its box."""
        inside = self.at(x, y + (down - self.height) / 2, across)
        return replace(inside, box=Box(x, y, across, down))


def placed(lines: Sequence[Line], start: Point, room: float) -> list[Label]:
    """The lines below each other, shortened to the room that there is."""
    labels: list[Label] = []
    x, y = start
    for line in lines:
        style = STYLES[line.style]
        text = shorten(line.text, line.style, room)
        labels.append(Label(text, line.style, x, round(y + style.size * 1.08, 2)))
        y += style.height
    return labels
