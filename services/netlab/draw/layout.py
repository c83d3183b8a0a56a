"""A figure with everything in its place, from top to bottom in the order in which a packet meets it.

Outside, the host's edge, what carries ports, networks, cables, namespaces with their containers, storage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from netlab.draw.figure import Bar, Clients, Figure
from netlab.draw.scene import Block, Box, Line, Point, Scene, Shape, Wire
from netlab.draw.spans import ASIDE, HERE, Reach, Span, spans

MARGIN, PAD, GUTTER, BESIDE = 20.0, 14.0, 266.0, 150.0
OUTSIDE = Block("outside", (Line("the network outside: other machines", "text"),))
NODES = Block("outside", (Line("other nodes", "text"), Line("VXLAN, UDP 4789", "small")))
STORAGE = Block("heading", (Line("Storage of the host", "name"),))
CLIENT_GAP, WAY_GAP, BAR_GAP, CABLE, LANE_GAP = 18.0, 22.0, 14.0, 54.0, 6.0


@dataclass(slots=True)
class Canvas:
    """What is placed so far. `inner` is where the host has its networks and lanes, `host` all of it, left to right."""

    inner: Reach
    host: Reach
    frames: list[Shape] = field(default_factory=list[Shape])
    wires: list[Wire] = field(default_factory=list[Wire])
    shapes: list[Shape] = field(default_factory=list[Shape])

    def put(self, block: Block, reach: Reach, y: float, height: float | None = None) -> Box:
        """Place a block; returns its box."""
        return self.add(block.at(reach.x, y, reach.width, height))

    def put_amid(self, block: Block, reach: Reach, y: float, height: float) -> Box:
        """Place a block with its lines in the middle of a height."""
        return self.add(block.amid(reach.x, y, reach.width, height))

    def add(self, shape: Shape) -> Box:
        """Place a shape; returns its box."""
        self.shapes.append(shape)
        return self.shapes[-1].box

    def frame(self, kind: str, box: Box, title: str = "") -> None:
        """Place something behind everything."""
        self.frames.append(Shape(kind, box, title))

    def wire(self, kind: str, *points: tuple[float, float], title: str = "", arrow: bool = False) -> None:
        """Draw a line."""
        self.wires.append(Wire(kind, tuple(Point(*one) for one in points), title, arrow))


def layout(figure: Figure) -> Scene:
    """The picture."""
    left = MARGIN + PAD
    placed = spans(figure.units, left + GUTTER + PAD)
    right = max((one.reach.right for one in placed), default=left + GUTTER + 320)
    inside = HERE.width + 2 * PAD if any(one.socket for one in figure.shelves) else 0
    canvas = Canvas(Reach(left, right - left), Reach(MARGIN, right - left + 2 * PAD + inside))
    y = put_outside(canvas, figure)
    host_top = y
    y = put_ways(canvas, placed, y + PAD)
    y = max(y, put_host(canvas, figure, host_top))
    bars = put_bars(canvas, figure, placed, y + WAY_GAP)
    y = units_top(figure, bars, host_top)
    connect(canvas, placed, bars)
    bottom, cards = put_units(canvas, placed, y)
    put_legend(canvas, figure, y + 8)
    y = put_storage(canvas, figure, placed, cards, bottom)
    canvas.frame("host", Box(MARGIN, host_top, canvas.host.width, y - host_top), figure.host.title)
    y = put_notes(canvas, figure, y)
    width = canvas.host.right + MARGIN + (BESIDE if any(one.overlay for one in figure.bars) else 0)
    frames = tuple(sorted(canvas.frames, key=lambda one: one.kind != "host"))
    words = (figure.title, figure.description)
    return Scene(round(width), round(y + MARGIN), *words, frames, tuple(canvas.wires), tuple(canvas.shapes))


def units_top(figure: Figure, bars: Sequence[Box], host_top: float) -> float:
    """Where the namespaces begin: a cable's length below the networks, and below those that nothing is plugged into."""
    least = [box.bottom + (CABLE if bar.used else PAD) for bar, box in zip(figure.bars, bars, strict=True)]
    return max([host_top + 2 * CABLE, *least])


def put_outside(canvas: Canvas, figure: Figure) -> float:
    """The title and what is outside of the host, with a cable to its cards. Returns where the host begins."""
    title = Block("title", (Line(figure.title, "title"), Line(figure.subtitle, "small")))
    y = canvas.put(title, Reach(MARGIN - 8, canvas.host.width), MARGIN - 6).bottom + 10
    y = canvas.put(OUTSIDE, canvas.host, y).bottom
    x = canvas.inner.x + GUTTER - 24
    canvas.wire("cable-host", (x, y), (x, y + 24))
    return y + 34


def put_host(canvas: Canvas, figure: Figure, top: float) -> float:
    """The host's cards on its edge, and its name. Returns their lower edge."""
    gutter = Reach(canvas.inner.x, GUTTER)
    y = canvas.put(figure.cards, gutter, top - 10).bottom
    return canvas.put(figure.host, gutter, y + 4).bottom


def put_ways(canvas: Canvas, placed: Sequence[Span], y: float) -> float:
    """What carries published ports, below its clients. Returns the lowest edge."""
    bottom = y
    outside = canvas.shapes[1].box.bottom
    for span in placed:
        for way, reach in zip(span.unit.ways, span.ways, strict=True):
            box = Box(reach.x, y + HERE.height + CLIENT_GAP, reach.width, 0)
            ask(canvas, way.clients, box, y, outside)
            bottom = max(bottom, canvas.put(way.block, reach, box.y).bottom)
        for plug, reach in zip(span.unit.plugs, span.plugs, strict=True):
            bottom = max(bottom, y + HERE.height) if plug.clients.here and reach else bottom
    return bottom


def ask(canvas: Canvas, clients: Clients, target: Box, y: float, outside: float) -> None:
    """Arrows of the clients to a target below: those of this host are drawn, the others come from outside."""
    both = clients.here and clients.outside
    if clients.outside:
        x = target.x + ASIDE / 2 if both else target.middle
        canvas.wire("request", (x, outside), (x, target.y), title="clients of other machines", arrow=True)
    if clients.here:
        left = target.x + (ASIDE if both else 0)
        room = target.right - left
        reach = Reach(left + (room - HERE.width) / 2, HERE.width)
        box = canvas.put(HERE, reach, y)
        canvas.wire(
            "request", (box.middle, box.bottom), (box.middle, target.y), title="clients of this host", arrow=True
        )


def put_bars(canvas: Canvas, figure: Figure, placed: Sequence[Span], y: float) -> list[Box]:
    """The networks, each as far to the right as something is plugged in. The far ends of its cables hang below it."""
    boxes: list[Box] = []
    for index, bar in enumerate(figure.bars):
        right = max([canvas.inner.x + GUTTER, *(one + 12 for one in plugged(index, placed))])
        right = canvas.inner.right if bar.overlay else min(right, canvas.inner.right)
        label = bar.block.at(canvas.inner.x, y, GUTTER)
        box = Box(canvas.inner.x, y, right - canvas.inner.x, label.box.height)
        canvas.shapes.append(Shape(label.kind, box, label.title, label.labels))
        below = [far_plug(canvas, span, index, box.bottom) for span in placed]
        boxes.append(Box(box.x, box.y, box.width, max([box.bottom, *below]) - box.y))
        y = boxes[-1].bottom + BAR_GAP
    put_nodes(canvas, [Box(one.x, one.y, one.width, bar.block.height) for bar, one in overlays(figure, boxes)])
    return boxes


def overlays(figure: Figure, boxes: Sequence[Box]) -> list[tuple[Bar, Box]]:
    """The networks that go on to other machines."""
    return [(bar, box) for bar, box in zip(figure.bars, boxes, strict=True) if bar.overlay]


def plugged(bar: int, placed: Sequence[Span]) -> list[float]:
    """The right ends of what is connected to a network."""
    pairs = [pair for span in placed for pair in zip(span.unit.plugs, span.plugs, strict=True)]
    arrows = [pair for span in placed for pair in zip(span.unit.ways, span.ways, strict=True)]
    return [reach.right for thing, reach in (*pairs, *arrows) if thing.bar == bar]


def far_plug(canvas: Canvas, span: Span, bar: int, y: float) -> float:
    """The ends of a namespace's cables at a network. Returns their lower edge."""
    for plug, reach in zip(span.unit.plugs, span.plugs, strict=True):
        if plug.bar == bar and plug.far is not None:
            y = canvas.put(plug.far, reach, y).bottom
    return y


def put_nodes(canvas: Canvas, bars: Sequence[Box]) -> None:
    """Overlays go on to the other machines of the swarm."""
    if not bars:
        return
    top, bottom = bars[0].y, bars[-1].bottom
    box = canvas.put_amid(NODES, Reach(canvas.host.right + 28, BESIDE - 28), top, bottom - top)
    for bar in bars:
        middle = bar.y + bar.height / 2
        canvas.wire("vxlan", (bar.right, middle), (box.x, middle), title="VXLAN tunnels to the other nodes")


def connect(canvas: Canvas, placed: Sequence[Span], bars: Sequence[Box]) -> None:
    """Arrows from what carries ports to the networks that they go through."""
    shapes = {id(shape): shape.box for shape in canvas.shapes}
    fars = [box for shape, box in zip(canvas.shapes, shapes.values(), strict=True) if shape.kind.startswith("veth")]
    by_place = {(shape.box.x, shape.kind): shape.box for shape in canvas.shapes}
    for span in placed:
        for way, reach in zip(span.unit.ways, span.ways, strict=True):
            if way.bar is None:
                continue
            start, end = by_place[reach.x, way.block.kind], bars[way.bar].y
            x = clear_x(start, end, fars)
            turn = start.bottom + WAY_GAP / 2
            bend = ((start.middle, turn), (x, turn)) if x != start.middle else ()
            kind = "request" if way.clients.here or way.clients.outside else "idle"
            points = ((start.middle, start.bottom), *bend, (x, end))
            canvas.wire(kind, *points, title=way.block.title, arrow=kind == "request")


def clear_x(start: Box, end: float, others: Sequence[Box]) -> float:
    """The x nearest to the middle of `start` from which a line down to `end` meets none of the others."""
    low = [one for one in others if one.y < end]
    steps = sorted(range(-40, 41), key=abs)
    tried = [start.middle + 4 * step for step in steps]
    return next((x for x in tried if not any(one.x - 2 < x < one.right + 2 for one in low)), start.middle)


def put_units(canvas: Canvas, placed: Sequence[Span], top: float) -> tuple[float, dict[float, Box]]:
    """The namespaces, all of one height. Returns their lower edge, and the containers' boxes by their x."""
    hang = max([plug.block.height for span in placed for plug in span.unit.plugs], default=0) / 2
    head = top + hang + 2
    cards = head + max([span.unit.head.height for span in placed], default=0)
    height = max([one.card.height for span in placed for one in span.unit.columns], default=0)
    bottom = cards + height + 10
    boxes: dict[float, Box] = {}
    for span in placed:
        frame = Box(span.reach.x, top, span.reach.width, bottom - top)
        canvas.frame(f"space-{span.unit.kind}", frame, span.unit.head.title)
        canvas.put(span.unit.head, Reach(span.reach.x + 2, span.reach.width - 4), head)
        put_plugs(canvas, span, top)
        for one, reach in zip(span.unit.columns, span.columns, strict=True):
            boxes[reach.x] = canvas.put(one.card, reach, cards, height)
    return bottom, boxes


def put_plugs(canvas: Canvas, span: Span, top: float) -> None:
    """The cards on the edge of a namespace, with their cables; the host's sockets with their clients."""
    fars = {shape.box.x: shape.box for shape in canvas.shapes if shape.kind.startswith("veth")}
    outside, clients = canvas.shapes[1].box.bottom, canvas.shapes[1].box.bottom + 34 + PAD
    for plug, reach in zip(span.unit.plugs, span.plugs, strict=True):
        box = canvas.put(plug.block, reach, top - plug.block.height / 2)
        if plug.far is not None and plug.bar is not None:
            canvas.wire("cable", (box.middle, fars[reach.x].bottom), (box.middle, box.y), title=plug.block.title)
        ask(canvas, plug.clients, box, clients, outside)


def put_legend(canvas: Canvas, figure: Figure, y: float) -> None:
    """What the lines mean, beside the namespaces."""
    for kind, words in figure.legend:
        block = Block("legend", (Line(words, "small"),))
        middle = y + block.height / 2
        canvas.wire(kind, (canvas.inner.x, middle), (canvas.inner.x + 30, middle), arrow=kind == "request")
        y = canvas.put(block, Reach(canvas.inner.x + 34, GUTTER - 34), y).bottom


def put_storage(canvas: Canvas, figure: Figure, placed: Sequence[Span], cards: dict[float, Box], y: float) -> float:
    """The storage, a lane each; below each container where it has it. Returns the host's lower edge."""
    if not figure.shelves:
        return y + PAD
    y = canvas.put(STORAGE, Reach(canvas.inner.x, GUTTER), y + 2).bottom + 4
    columns = [pair for span in placed for pair in zip(span.unit.columns, span.columns, strict=True)]
    last: dict[float, float] = {}
    for index, shelf in enumerate(figure.shelves):
        chips = [(chip.block, reach) for one, reach in columns for chip in one.chips if chip.shelf == index]
        height = max([shelf.block.height, *(block.height for block, _ in chips)])
        canvas.frame("lane", Box(canvas.inner.x, y, canvas.inner.width, height + 6), shelf.block.title)
        canvas.put_amid(shelf.block, Reach(canvas.inner.x, GUTTER), y, height + 6)
        for block, reach in chips:
            last[reach.x] = canvas.put_amid(block, reach, y + 3, height).y
        if shelf.socket:
            put_socket_clients(canvas, y + (height + 6) / 2)
        y += height + 6 + LANE_GAP
    for _, reach in columns:
        if reach.x in last:
            canvas.wire("mount", (reach.middle, cards[reach.x].bottom), (reach.middle, last[reach.x]))
    return y - LANE_GAP + PAD


def put_socket_clients(canvas: Canvas, middle: float) -> None:
    """Programs of this host that come in by a socket on a shelf."""
    box = canvas.put(HERE, Reach(canvas.inner.right + 2 * PAD, HERE.width), middle - HERE.height / 2)
    end = canvas.inner.right
    canvas.wire("request", (box.x, middle), (end, middle), title="clients of this host, by the socket", arrow=True)


def put_notes(canvas: Canvas, figure: Figure, y: float) -> float:
    """What could not be seen, below the host. Returns the picture's lower edge."""
    y += 8 if figure.notes else 0
    for note in figure.notes:
        y = canvas.put(note, canvas.host, y).bottom
    return y
