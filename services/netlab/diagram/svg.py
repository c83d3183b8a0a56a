"""An observation as SVG that stands alone: its colours follow the reader's light or dark, its text can be selected."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from netlab.diagram.colours import style_sheet
from netlab.diagram.compose import figure
from netlab.diagram.layout import layout
from netlab.diagram.scene import PAD_X, Label, Scene, Shape, Wire
from netlab.model.observation import Observation

ROUNDED = {"host": 10, "lane": 6, "outside": 13, "client": 10}
UNPRINTABLE = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF), "\ufffd")
ICONS = {
    "shelf-bind": "M0 3V13H16V4.6H7.4L5.8 3Z",
    "shelf-volume": "M1 3.5V12.5C1 15 15 15 15 12.5V3.5C15 1 1 1 1 3.5C1 6 15 6 15 3.5",
    "shelf-tmpfs": "M2 4H14V12H2ZM4.5 1.5V4M8 1.5V4M11.5 1.5V4M4.5 12V14.5M8 12V14.5M11.5 12V14.5",
}
ARROW = '<marker id="netlab-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'


def svg(scene: Scene) -> str:
    """The picture as a document."""
    size = f'width="{scene.width:g}" height="{scene.height:g}" viewBox="0 0 {scene.width:g} {scene.height:g}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="netlab" role="img" lang="en" {size}'
        ' aria-labelledby="netlab-title netlab-text">',
        f'<title id="netlab-title">{plain(scene.title)}</title>',
        f'<desc id="netlab-text">{plain(scene.description)}</desc>',
        f"<style>{style_sheet()}</style>",
        f'<defs>{ARROW}<path class="head" d="M0 0.6 8 4 0 7.4z"/></marker></defs>',
        f'<rect class="paper" width="{scene.width:g}" height="{scene.height:g}"/>',
        *(shape_svg(one) for one in scene.frames),
        *(wire_svg(one) for one in scene.wires),
        *(shape_svg(one) for one in scene.shapes),
        "</svg>\n",
    ]
    return "\n".join(parts)


def plain(text: str) -> str:
    """Text of an XML document: what XML has no character for is replaced."""
    return escape(text.translate(UNPRINTABLE).encode("utf-8", "replace").decode())


def shape_svg(shape: Shape) -> str:
    """A box with its lines of text, and everything it says in a title that shows under the pointer."""
    box = shape.box
    rounded = ROUNDED.get(shape.kind, 8 if shape.kind.startswith("space") else 4)
    place = f'x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="{rounded}"'
    title = f"<title>{plain(shape.title)}</title>" if shape.title else ""
    text = "".join(label_svgs(shape.labels))
    return f'<g class="{shape.kind}">{title}<rect {place}/>{icon_svg(shape)}{text}</g>'


def icon_svg(shape: Shape) -> str:
    """A folder, a volume, memory: at the right end of its box."""
    if shape.kind not in ICONS:
        return ""
    x, y = shape.box.right - 16 - PAD_X, shape.box.y + (shape.box.height - 16) / 2
    return f'<path class="icon" transform="translate({x:g} {y:g})" d="{ICONS[shape.kind]}"/>'


def label_svgs(labels: tuple[Label, ...]) -> Iterator[str]:
    """Lines of text."""
    for one in labels:
        place = f'x="{one.x:g}" y="{one.baseline:g}" class="{one.style}"'
        yield f'<text {place} xml:space="preserve">{plain(one.text)}</text>'


def wire_svg(wire: Wire) -> str:
    """A line."""
    points = " ".join(f"{x:g},{y:g}" for x, y in wire.points)
    marker = ' marker-end="url(#netlab-arrow)"' if wire.arrow else ""
    title = f"<title>{plain(wire.title)}</title>" if wire.title else ""
    return f'<g class="wire {wire.kind}">{title}<polyline points="{points}"{marker}/></g>'


def picture(seen: Observation) -> str:
    """The SVG of what was seen."""
    return svg(layout(figure(seen)))
