"""A figure with everything in its place, from top to bottom in the order in which a packet meets it.

Outside, the host's edge, what carries ports, networks, cables, namespaces with their containers, storage.
"""

from __future__ import annotations

from collections.abc import Sequence

from netlab.diagram.canvas import BESIDE, CABLE, CARRIER_GAP, GUTTER, LANE_GAP, MARGIN, PAD, Canvas
from netlab.diagram.figure import Figure, Shelf
from netlab.diagram.rows_network import ask, connect, put_bars, put_carriers, put_host, put_outside
from netlab.diagram.scene import Block, Box, Line, Scene
from netlab.diagram.spans import HERE, Reach, Span, spans

LEAST = 320.0
"""The width of a host without containers, beside the gutter."""


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


STORAGE = Block("heading", (Line("Storage of the host", "name"),))
ROUND = 3.0
"""The room of a lane above and below what is in it."""


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
