"""A figure with everything in its place, from top to bottom in the order in which a packet meets it.

Outside, the host's edge, what carries ports, networks, cables, namespaces with their containers, storage.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from netlab.diagram.canvas import ASIDE, EDGE, GUTTER, HERE, Canvas, Reach, Span, spans
from netlab.diagram.figure import Clients, Figure, Shelf
from netlab.diagram.scene import Block, Box, Line, Scene, Shape

MARGIN, PAD, BESIDE, LEAST = 20.0, 14.0, 150.0, 320.0
"""BESIDE: the room of other nodes at the right. LEAST: the width of a host without containers, beside the gutter."""
CLIENT_GAP, CARRIER_GAP, BAR_GAP, CABLE, LANE_GAP, ROUND = 18.0, 22.0, 14.0, 54.0, 6.0, 3.0
"""ROUND: the room of a lane above and below what is in it."""
OUTSIDE = Block("outside", (Line("the network outside: other machines", "text"),))
NODES = Block("outside", (Line("other nodes", "text"), Line("VXLAN, UDP 4789", "small")))
STORAGE = Block("heading", (Line("Storage of the host", "name"),))


def layout(figure: Figure) -> Scene:
    """The picture."""
    left = MARGIN + PAD
    placed = spans(figure.units, left + GUTTER + PAD)
    canvas = canvas_for(figure, placed, left)
    put_outside(canvas, figure)
    carriers = put_carriers(canvas, placed)
    bars = put_bars(canvas, figure, placed, max(carriers, put_host(canvas, figure)) + CARRIER_GAP)
    connect(canvas, bars)
    top = units_top(figure, bars, canvas.host_top)
    bottom = put_units(canvas, placed, top)
    put_legend(canvas, figure, top + 8)
    bottom = put_storage(canvas, figure, placed, bottom)
    host = Box(MARGIN, canvas.host_top, canvas.host.width, bottom - canvas.host_top)
    canvas.frame("host", host, figure.host.title)
    return scene(canvas, figure, put_notes(canvas, figure, bottom) + MARGIN)


def canvas_for(figure: Figure, placed: Sequence[Span], left: float) -> Canvas:
    """An empty canvas of the right width."""
    right = max((one.reach.right for one in placed), default=left + GUTTER + LEAST)
    inside = HERE.width + 2 * PAD if any(one.socket for one in figure.shelves) else 0
    return Canvas(Reach(left, right - left), Reach(MARGIN, right - left + 2 * PAD + inside))


def units_top(figure: Figure, bars: Sequence[Box], host_top: float) -> float:
    """Where the namespaces begin: a cable's length below the networks, and below those that nothing is plugged into."""
    least = [box.bottom + (CABLE if bar.used else PAD) for bar, box in zip(figure.bars, bars, strict=True)]
    return max([host_top + 2 * CABLE, *least])


def scene(canvas: Canvas, figure: Figure, height: float) -> Scene:
    """What was put on the canvas, the host behind everything."""
    beside = BESIDE if any(one.overlay for one in figure.bars) else 0
    return Scene(
        width=round(canvas.host.right + MARGIN + beside),
        height=round(height),
        title=figure.title,
        description=figure.description,
        frames=tuple(sorted(canvas.frames, key=lambda one: one.kind != "host")),
        wires=tuple(canvas.wires),
        shapes=tuple(canvas.shapes),
    )


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


def put_units(canvas: Canvas, placed: Sequence[Span], top: float) -> float:
    """The namespaces, all of one height. Returns their lower edge."""
    hang = max([plug.block.height for span in placed for plug, _ in span.plugs], default=0) / 2
    head = top + hang + 2
    cards = head + max([span.unit.head.height for span in placed], default=0)
    height = max([one.card.height for span in placed for one, _ in span.columns], default=0)
    bottom = cards + height + 10
    for span in placed:
        frame = Box(span.reach.x, top, span.reach.width, bottom - top)
        canvas.frame(f"space-{span.unit.kind}", frame, span.unit.head.title)
        canvas.put(span.unit.head, Reach(span.reach.x + 2, span.reach.width - 4), head)
        put_plugs(canvas, span, top)
        for one, reach in span.columns:
            canvas.cards[reach.x] = canvas.put(one.card, reach, cards, height)
    return bottom


def put_plugs(canvas: Canvas, span: Span, top: float) -> None:
    """The cards on the edge of a namespace, with their cables; the host's sockets with their clients."""
    for plug, reach in span.plugs:
        box = canvas.put(plug.block, reach, top - plug.block.height / 2)
        if reach.x in canvas.far_ends:
            end = canvas.far_ends[reach.x]
            canvas.wire("cable", (box.middle, end.bottom), (box.middle, box.y), title=plug.block.title)
        ask(canvas, plug.clients, box)


def put_legend(canvas: Canvas, figure: Figure, y: float) -> None:
    """What the lines mean, beside the namespaces."""
    for kind, words in figure.legend:
        block = Block("legend", (Line(words, "small"),))
        middle = y + block.height / 2
        canvas.wire(kind, (canvas.inner.x, middle), (canvas.inner.x + 30, middle), arrow=kind == "request")
        y = canvas.put(block, Reach(canvas.inner.x + 34, GUTTER - 34), y).bottom


def put_storage(canvas: Canvas, figure: Figure, placed: Sequence[Span], y: float) -> float:
    """The storage, a lane each, and lines from the containers to it. Returns the host's lower edge."""
    if not figure.shelves:
        return y + PAD
    y = canvas.put(STORAGE, canvas.gutter, y + 2).bottom + 4
    columns = [pair for span in placed for pair in span.columns]
    last: dict[float, float] = {}
    for index, shelf in enumerate(figure.shelves):
        chips = [(chip.block, reach) for one, reach in columns for chip in one.chips if chip.shelf == index]
        height = put_lane(canvas, shelf, chips, y)
        last |= {reach.x: y + ROUND for _, reach in chips}
        y += height + LANE_GAP
    for _, reach in columns:
        if reach.x in last:
            canvas.wire("mount", (reach.middle, canvas.cards[reach.x].bottom), (reach.middle, last[reach.x]))
    return y - LANE_GAP + PAD


def put_lane(canvas: Canvas, shelf: Shelf, chips: Sequence[tuple[Block, Reach]], y: float) -> float:
    """A storage, and below each container where it has it. Returns its height."""
    inside = max([shelf.block.height, *(block.height for block, _ in chips)])
    height = inside + 2 * ROUND
    canvas.frame("lane", Box(canvas.inner.x, y, canvas.inner.width, height), shelf.block.title)
    canvas.put_amid(shelf.block, canvas.gutter, y, height)
    for block, reach in chips:
        canvas.put_amid(block, reach, y + ROUND, inside)
    if shelf.socket:
        put_socket_clients(canvas, y + height / 2)
    return height


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
