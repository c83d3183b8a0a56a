"""Where the parts of a picture are put down, and the measures that they keep."""

from __future__ import annotations

from dataclasses import dataclass, field

from netlab.diagram.figure import PortCarrier
from netlab.diagram.scene import Block, Box, Point, Shape, Wire
from netlab.diagram.spans import Reach

MARGIN, PAD, GUTTER, BESIDE = 20.0, 14.0, 266.0, 150.0
"""GUTTER: the column at the left that says what a row is. BESIDE: the room of other nodes at the right."""
EDGE, CLIENT_GAP, CARRIER_GAP, BAR_GAP, CABLE, LANE_GAP = 34.0, 18.0, 22.0, 14.0, 54.0, 6.0


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
    carried: list[tuple[PortCarrier, Box]] = field(default_factory=list[tuple[PortCarrier, Box]])

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
        self.wires.append(Wire(kind, tuple(Point(*one) for one in points), title, arrow))
