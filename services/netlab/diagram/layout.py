"""A figure with everything in its place, from top to bottom in the order in which a packet meets it.

Outside, the host's edge, what carries ports, networks, cables, namespaces with their containers, storage.
"""

from __future__ import annotations

from collections.abc import Sequence

from netlab.diagram.canvas import BESIDE, CABLE, GUTTER, MARGIN, PAD, WAY_GAP, Canvas
from netlab.diagram.figure import Figure
from netlab.diagram.rows_inside import put_legend, put_notes, put_storage, put_units
from netlab.diagram.rows_network import connect, put_bars, put_host, put_outside, put_ways
from netlab.diagram.scene import Box, Scene
from netlab.diagram.spans import HERE, Reach, Span, spans

LEAST = 320.0
"""The width of a host without containers, beside the gutter."""


def layout(figure: Figure) -> Scene:
    """The picture."""
    left = MARGIN + PAD
    placed = spans(figure.units, left + GUTTER + PAD)
    canvas = canvas_for(figure, placed, left)
    put_outside(canvas, figure)
    ways = put_ways(canvas, placed)
    bars = put_bars(canvas, figure, placed, max(ways, put_host(canvas, figure)) + WAY_GAP)
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
