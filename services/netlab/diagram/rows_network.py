"""The upper rows of a picture: outside, the host's edge, what carries ports, networks with the ends of their cables."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from netlab.diagram.canvas import BAR_GAP, BESIDE, CARRIER_GAP, CLIENT_GAP, EDGE, MARGIN, PAD, Canvas
from netlab.diagram.figure import Clients, Figure
from netlab.diagram.scene import Block, Box, Line, Shape
from netlab.diagram.spans import ASIDE, HERE, Reach, Span

OUTSIDE = Block("outside", (Line("the network outside: other machines", "text"),))
NODES = Block("outside", (Line("other nodes", "text"), Line("VXLAN, UDP 4789", "small")))


def put_outside(canvas: Canvas, figure: Figure) -> None:
    """The title and what is outside of the host, with a cable to its cards."""
    title = Block("title", (Line(figure.title, "title"), Line(figure.subtitle, "small")))
    y = canvas.put(title, Reach(MARGIN - 8, canvas.host.width), MARGIN - 6).bottom + 10
    canvas.outside = y = canvas.put(OUTSIDE, canvas.host, y).bottom
    x = canvas.gutter.right - 24
    canvas.wire("cable-host", (x, y), (x, y + EDGE - 10))


def put_host(canvas: Canvas, figure: Figure) -> float:
    """The host's cards on its edge, and its name. Returns their lower edge."""
    y = canvas.put(figure.cards, canvas.gutter, canvas.host_top - 10).bottom
    return canvas.put(figure.host, canvas.gutter, y + 4).bottom


def put_carriers(canvas: Canvas, placed: Sequence[Span]) -> float:
    """What carries published ports, below its clients. Returns the lowest edge."""
    top = canvas.host_top + PAD + HERE.height
    bottom = canvas.host_top + PAD
    for span in placed:
        for carrier, reach in span.carriers:
            box = canvas.put(carrier.block, reach, top + CLIENT_GAP)
            canvas.carried.append((carrier, box))
            ask(canvas, carrier.clients, box)
            bottom = max(bottom, box.bottom)
        if any(plug.clients.here for plug, _ in span.plugs):
            bottom = max(bottom, top)
    return bottom


def ask(canvas: Canvas, clients: Clients, target: Box) -> None:
    """Arrows of the clients to a target below: those of this host are drawn, the others come from outside."""
    both = clients.here and clients.outside
    if clients.outside:
        x = target.x + ASIDE / 2 if both else target.middle
        canvas.wire("request", (x, canvas.outside), (x, target.y), title="clients of other machines", arrow=True)
    if clients.here:
        left = target.x + (ASIDE if both else 0)
        reach = Reach(left + (target.right - left - HERE.width) / 2, HERE.width)
        box = canvas.put(HERE, reach, canvas.host_top + PAD)
        points = ((box.middle, box.bottom), (box.middle, target.y))
        canvas.wire("request", *points, title="clients of this host", arrow=True)


def put_bars(canvas: Canvas, figure: Figure, placed: Sequence[Span], y: float) -> list[Box]:
    """The networks below each other. Returns their boxes with the ends of cables that hang below each."""
    boxes: list[Box] = []
    tunnels: list[Box] = []
    for index, bar in enumerate(figure.bars):
        label = bar.block.at(canvas.inner.x, y, canvas.gutter.width)
        right = canvas.inner.right if bar.overlay else bar_end(canvas, index, placed)
        box = canvas.add(Shape(label.kind, replace(label.box, width=right - label.box.x), label.title, label.labels))
        tunnels += [box] if bar.overlay else []
        below = [far_plug(canvas, span, index, box.bottom) for span in placed]
        boxes.append(Box(box.x, box.y, box.width, max([box.bottom, *below]) - box.y))
        y = boxes[-1].bottom + BAR_GAP
    put_nodes(canvas, tunnels)
    return boxes


def bar_end(canvas: Canvas, bar: int, placed: Sequence[Span]) -> float:
    """The right end of a network: beyond what is connected to it."""
    connected = [pair for span in placed for pair in (*span.plugs, *span.carriers)]
    ends = [reach.right + 12 for thing, reach in connected if thing.bar == bar]
    return min(canvas.inner.right, max([canvas.gutter.right, *ends]))


def far_plug(canvas: Canvas, span: Span, bar: int, y: float) -> float:
    """The ends of a namespace's cables at a network. Returns their lower edge."""
    bottom = y
    for plug, reach in span.plugs:
        if plug.bar == bar and plug.far is not None:
            canvas.far_ends[reach.x] = canvas.put(plug.far, reach, y)
            bottom = canvas.far_ends[reach.x].bottom
    return bottom


def put_nodes(canvas: Canvas, tunnels: Sequence[Box]) -> None:
    """Overlays go on to the other machines of the swarm."""
    if not tunnels:
        return
    top, bottom = tunnels[0].y, tunnels[-1].bottom
    box = canvas.put_amid(NODES, Reach(canvas.host.right + 28, BESIDE - 28), top, bottom - top)
    for one in tunnels:
        middle = one.y + one.height / 2
        canvas.wire("vxlan", (one.right, middle), (box.x, middle), title="VXLAN tunnels to the other nodes")


def connect(canvas: Canvas, bars: Sequence[Box]) -> None:
    """Arrows from what carries ports to the networks that they go through."""
    for carrier, start in canvas.carried:
        if carrier.bar is None:
            continue
        end = bars[carrier.bar].y
        x = clear_x(start, end, canvas.far_ends.values())
        turn = start.bottom + CARRIER_GAP / 2
        bend = ((start.middle, turn), (x, turn)) if x != start.middle else ()
        kind = "request" if carrier.clients.here or carrier.clients.outside else "idle"
        points = ((start.middle, start.bottom), *bend, (x, end))
        canvas.wire(kind, *points, title=carrier.block.title, arrow=kind == "request")


def clear_x(start: Box, end: float, others: Collection[Box]) -> float:
    """The x nearest to the middle of `start` from which a line down to `end` meets none of the others."""
    low = [one for one in others if one.y < end]
    tried = [start.middle + 4 * step for step in sorted(range(-40, 41), key=abs)]
    return next((x for x in tried if not any(one.x - 2 < x < one.right + 2 for one in low)), start.middle)
