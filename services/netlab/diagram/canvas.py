"""The canvas of a picture: where everything stands from left to right, and what was put down on it so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import fsum

from netlab.diagram.figure import Clients, Column, Plug, Unit
from netlab.diagram.scene import Block, Box, Line, Shape, Wire

HERE = Block("client", (Line("programs on this host", "small"),))
FRAME_PAD, COLUMN_GAP, UNIT_GAP, PLUG_GAP = 10.0, 10.0, 16.0, 10.0
MOST_PLUG, MOST_CARRIER, ASIDE = 190.0, 210.0, 26.0
"""ASIDE: room beside the clients of this host for the arrow of those outside."""


@dataclass(frozen=True, slots=True)
class Reach:
    """From where to where something goes, from left to right."""

    x: float
    width: float

    @property
    def right(self) -> float:
        """Its right end."""
        return self.x + self.width

    @property
    def middle(self) -> float:
        """Its middle."""
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Span:
    """A namespace, and its parts with their places."""

    unit: Unit
    reach: Reach
    columns: tuple[tuple[Column, Reach], ...]
    plugs: tuple[tuple[Plug, Reach], ...]
    carriers: tuple[tuple[Plug, Reach], ...]


def spans(units: Sequence[Unit], left: float) -> tuple[Span, ...]:
    """The namespaces beside each other."""
    count = sum(len(unit.columns) for unit in units)
    most = 220.0 if count <= 4 else 196.0 if count <= 7 else 172.0
    placed: list[Span] = []
    for unit in units:
        placed.append(span(unit, left, most))
        left = placed[-1].reach.right + UNIT_GAP
    return tuple(placed)


def span(unit: Unit, left: float, most: float) -> Span:
    """A namespace from `left` on: as wide as its containers, or its plugs and carriers where they need more."""
    widths = [column_width(one, most) for one in unit.columns]
    if unit.kind == "host":
        beside = [[plug_width(one, MOST_PLUG) for one in unit.plugs if one.column == at] for at in range(len(widths))]
        widths = [max(width, row_width(sockets)) for width, sockets in zip(widths, beside, strict=True)]
    wanted = fsum(widths) + COLUMN_GAP * (len(widths) - 1)
    plugs = [plug_width(one, MOST_PLUG) for one in unit.plugs]
    above = [plug_width(one, MOST_CARRIER) for one in unit.carriers]
    rows = [plugs, above] if unit.kind != "host" else [above]
    needed = max([wanted, min(unit.head.width, most) - FRAME_PAD, *(row_width(row) for row in rows)])
    columns = row(left + FRAME_PAD, [one + (needed - wanted) / len(widths) for one in widths], COLUMN_GAP)
    reach = Reach(left, needed + 2 * FRAME_PAD)
    over = centred(reach, plugs) if unit.kind != "host" else over_columns(unit, columns, plugs)
    return Span(
        unit,
        reach,
        columns=tuple(zip(unit.columns, columns, strict=True)),
        plugs=tuple(zip(unit.plugs, over, strict=True)),
        carriers=tuple(zip(unit.carriers, centred(reach, above), strict=True)),
    )


def over_columns(unit: Unit, columns: Sequence[Reach], widths: Sequence[float]) -> tuple[Reach, ...]:
    """Sockets over the containers that they belong to."""
    found: dict[int, Reach] = {}
    for index, reach in enumerate(columns):
        mine = [number for number, plug in enumerate(unit.plugs) if plug.column == index]
        found |= dict(zip(mine, centred(reach, [widths[number] for number in mine]), strict=True))
    return tuple(found[number] for number in range(len(unit.plugs)))


def column_width(column: Column, most: float) -> float:
    """As wide as its texts, but not wider than `most`; nor narrow as a stripe."""
    return min(most, max(column.card.width, *(chip.block.width for chip in column.chips), 140.0))


def plug_width(plug: Plug, most: float) -> float:
    """As wide as the longer of a cable's ends or what carries, but not wider than `most`; and as who comes in."""
    ends = [plug.block.width, plug.far.width if plug.far else 0.0]
    return max(min(most, max(ends)), client_width(plug.clients))


def client_width(clients: Clients) -> float:
    """The room of the clients over a socket or carrier."""
    return (HERE.width if clients.here else 0.0) + (ASIDE if clients.here and clients.outside else 0.0)


def row_width(widths: Sequence[float]) -> float:
    """The width of things beside each other."""
    return fsum(widths) + PLUG_GAP * max(0, len(widths) - 1)


def centred(reach: Reach, widths: Sequence[float]) -> tuple[Reach, ...]:
    """Things beside each other, in the middle of a reach."""
    return row(reach.middle - row_width(widths) / 2, widths, PLUG_GAP)


def row(left: float, widths: Sequence[float], gap: float) -> tuple[Reach, ...]:
    """Things beside each other from `left` on."""
    found: list[Reach] = []
    for width in widths:
        found.append(Reach(left, width))
        left += width + gap
    return tuple(found)


GUTTER, EDGE = 266.0, 34.0
"""GUTTER: the column at the left that says what a row is. EDGE: the room above the host."""


@dataclass(slots=True)
class Canvas:
    """What is placed so far. `inner` is where the host has its networks and lanes, `host` all of it, left to right.

    `outside` is the lower edge of the network outside, where arrows begin. `far_ends` are the ends of cables at the
    networks and `cards` the containers, by their x; `carried` what carries ports.
    """

    inner: Reach
    host: Reach
    outside: float = 0.0
    frames: list[Shape] = field(default_factory=list[Shape])
    wires: list[Wire] = field(default_factory=list[Wire])
    shapes: list[Shape] = field(default_factory=list[Shape])
    far_ends: dict[float, Box] = field(default_factory=dict[float, Box])
    cards: dict[float, Box] = field(default_factory=dict[float, Box])
    carried: list[tuple[Plug, Box]] = field(default_factory=list[tuple[Plug, Box]])

    @property
    def host_top(self) -> float:
        """The upper edge of the host."""
        return self.outside + EDGE

    @property
    def gutter(self) -> Reach:
        """The column that says what a row is."""
        return Reach(self.inner.x, GUTTER)

    def put(self, block: Block, reach: Reach, y: float, height: float | None = None) -> Box:
        """Place a block; returns its box."""
        return self.add(block.at(reach.x, y, reach.width, height))

    def put_amid(self, block: Block, reach: Reach, y: float, height: float) -> Box:
        """Place a block with its lines in the middle of a height."""
        return self.add(block.amid(reach.x, y, reach.width, height))

    def add(self, shape: Shape) -> Box:
        """Place a shape; returns its box."""
        self.shapes.append(shape)
        return shape.box

    def frame(self, kind: str, box: Box, title: str = "") -> None:
        """Place something behind everything."""
        self.frames.append(Shape(kind, box, title))

    def wire(self, kind: str, *points: tuple[float, float], title: str = "", arrow: bool = False) -> None:
        """Draw a line."""
        self.wires.append(Wire(kind, points, title, arrow))
