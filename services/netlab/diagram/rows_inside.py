"""The lower rows of a picture: namespaces with their containers, the legend beside them, storage, what is not seen."""

from __future__ import annotations

from collections.abc import Sequence

from netlab.diagram.canvas import GUTTER, LANE_GAP, PAD, Canvas
from netlab.diagram.figure import Figure, Shelf
from netlab.diagram.rows_network import ask
from netlab.diagram.scene import Block, Box, Line
from netlab.diagram.spans import HERE, Reach, Span

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
