"""An observation as SVG that stands alone: its colours follow the reader's light or dark, its text can be selected."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

from netlab.diagram.compose import figure
from netlab.diagram.layout import layout
from netlab.diagram.scene import PAD_X, STYLES, WITH_ICON, Label, Scene, Shape, Wire
from netlab.model.observation import Observation

ROUNDED = {"host": 10, "lane": 6, "outside": 13, "client": 10}
UNPRINTABLE = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF), "\ufffd")
ICONS = {
    "shelf-bind": "M0 3V13H16V4.6H7.4L5.8 3Z",
    "shelf-volume": "M1 3.5V12.5C1 15 15 15 15 12.5V3.5C15 1 1 1 1 3.5C1 6 15 6 15 3.5",
    "shelf-tmpfs": "M2 4H14V12H2ZM4.5 1.5V4M8 1.5V4M11.5 1.5V4M4.5 12V14.5M8 12V14.5M11.5 12V14.5",
}
ARROW = '<marker id="netlab-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'


def picture(seen: Observation) -> str:
    """The SVG of what was seen."""
    return svg(layout(figure(seen)))


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
    text = "".join(map(label_svg, shape.labels))
    return f'<g class="{shape.kind}">{title}<rect {place}/>{icon_svg(shape)}{text}</g>'


def icon_svg(shape: Shape) -> str:
    """A folder, a volume, memory: at the right end of its box."""
    if shape.kind not in ICONS:
        return ""
    x, y = shape.box.right - 16 - PAD_X, shape.box.y + (shape.box.height - 16) / 2
    return f'<path class="icon" transform="translate({x:g} {y:g})" d="{ICONS[shape.kind]}"/>'


def label_svg(label: Label) -> str:
    """A line of text."""
    place = f'x="{label.x:g}" y="{label.baseline:g}" class="{label.style}"'
    return f'<text {place} xml:space="preserve">{plain(label.text)}</text>'


def wire_svg(wire: Wire) -> str:
    """A line."""
    points = " ".join(f"{x:g},{y:g}" for x, y in wire.points)
    marker = ' marker-end="url(#netlab-arrow)"' if wire.arrow else ""
    title = f"<title>{plain(wire.title)}</title>" if wire.title else ""
    return f'<g class="wire {wire.kind}">{title}<polyline points="{points}"{marker}/></g>'


MONO = "'DejaVu Sans Mono',ui-monospace,Menlo,Consolas,'Liberation Mono',monospace"
SANS = "system-ui,'Segoe UI','Helvetica Neue',Arial,'Noto Sans','DejaVu Sans',sans-serif"


@dataclass(frozen=True, slots=True)
class Paint:
    """Fill, outline and text of a kind of box. An empty one is not drawn."""

    fill: str
    line: str
    text: str


PAPER = ("#ffffff", "#12191b")
PAINTS = {
    "title": (Paint("", "", "#1c2a2e"), Paint("", "", "#e6ecec")),
    "host": (Paint("#f5f7f7", "#7c8a8e", "#1c2a2e"), Paint("#182124", "#6f8086", "#e6ecec")),
    "host-name": (Paint("", "", "#1c2a2e"), Paint("", "", "#e6ecec")),
    "heading": (Paint("", "", "#1c2a2e"), Paint("", "", "#e6ecec")),
    "legend": (Paint("", "", "#4a585d"), Paint("", "", "#a9b7ba")),
    "note": (Paint("", "", "#8a4b08"), Paint("", "", "#f0b866")),
    "outside": (Paint("#e9edf0", "#9aa6ab", "#38464b"), Paint("#222c30", "#5f6f75", "#c7d1d3")),
    "client": (Paint("#fff4e3", "#c9842b", "#7a4400"), Paint("#3a2b14", "#c9842b", "#ffd79a")),
    "nat": (Paint("#fff4e3", "#c9842b", "#6b3c00"), Paint("#3a2b14", "#c9842b", "#ffd79a")),
    "proxy": (Paint("#fff4e3", "#c9842b", "#6b3c00"), Paint("#3a2b14", "#c9842b", "#ffd79a")),
    "socket": (Paint("#ffe9c9", "#c9842b", "#5c3300"), Paint("#4a3515", "#d9963f", "#ffe0b0")),
    "lost": (Paint("#fdecea", "#b3261e", "#8c1d18"), Paint("#45191a", "#e5746c", "#ffc9c4")),
    "card-host": (Paint("#dfe6ea", "#55666d", "#1c2a2e"), Paint("#2b383d", "#8a9ba1", "#e6ecec")),
    "bridge": (Paint("#d6e8fb", "#2f74b5", "#0f3c66"), Paint("#16354f", "#5aa2e0", "#cfe6fb")),
    "overlay": (Paint("#e6defa", "#6b4fb3", "#3d2480"), Paint("#2f2550", "#9a82dd", "#e3daff")),
    "unused": (Paint("", "#9aa6ab", "#5d6b70"), Paint("", "#5f6f75", "#9aa9ac")),
    "veth": (Paint("#eef6ff", "#2f74b5", "#0f3c66"), Paint("#152736", "#5aa2e0", "#cfe6fb")),
    "veth-far": (Paint("#f4f0fd", "#6b4fb3", "#3d2480"), Paint("#241d3d", "#9a82dd", "#e3daff")),
    "card": (Paint("#eef6ff", "#2f74b5", "#0f3c66"), Paint("#152736", "#5aa2e0", "#cfe6fb")),
    "space-own": (Paint("#ffffff", "#4f8fc9", ""), Paint("#12191b", "#4280b5", "")),
    "space-shared": (Paint("#ffffff", "#4f8fc9", ""), Paint("#12191b", "#4280b5", "")),
    "space-isolated": (Paint("#ffffff", "#7c8a8e", ""), Paint("#12191b", "#6f8086", "")),
    "space-host": (Paint("", "#c9842b", ""), Paint("", "#c9842b", "")),
    "space-stopped": (Paint("", "#9aa6ab", ""), Paint("", "#5f6f75", "")),
    "head": (Paint("", "", "#4a585d"), Paint("", "", "#a9b7ba")),
    "container": (Paint("#e0f2f0", "#0b6e75", "#0b3f44"), Paint("#123135", "#3fa3a9", "#c5f0f1")),
    "lane": (Paint("#eceff0", "", ""), Paint("#202a2d", "", "")),
    "shelf-bind": (Paint("#e3ecd9", "#5e8a36", "#2f4a17"), Paint("#26351a", "#86b35c", "#d9eec4")),
    "shelf-volume": (Paint("#e3ecd9", "#5e8a36", "#2f4a17"), Paint("#26351a", "#86b35c", "#d9eec4")),
    "shelf-tmpfs": (Paint("#eceff0", "#9aa6ab", "#38464b"), Paint("#242e31", "#5f6f75", "#c7d1d3")),
    "mount-rw": (Paint("#f6faf1", "#5e8a36", "#2f4a17"), Paint("#1b2614", "#86b35c", "#d9eec4")),
    "mount-ro": (Paint("#fbfbfb", "#98a59a", "#3f4a40"), Paint("#1a2123", "#64726a", "#c3cfc6")),
    "mount-socket": (Paint("#fff4e3", "#c9842b", "#6b3c00"), Paint("#3a2b14", "#c9842b", "#ffd79a")),
    "loopback": (Paint("#f5f7f7", "#7c8a8e", "#38464b"), Paint("#182124", "#6f8086", "#c7d1d3")),
}
"""Each kind of box in light and in dark. Every text has a contrast of 4.5 with its box (WCAG AA)."""
WIRES = {
    "cable": ("#2f74b5", "#5aa2e0", "3", ""),
    "cable-host": ("#55666d", "#8a9ba1", "3", ""),
    "request": ("#b86e12", "#e0a04d", "1.8", ""),
    "idle": ("#8d8f86", "#7c857f", "1.4", "4 3"),
    "vxlan": ("#6b4fb3", "#9a82dd", "2.5", "7 4"),
    "mount": ("#5e8a36", "#86b35c", "1.4", "3 3"),
}
DASHED = ("unused", "space-host", "space-stopped", "veth-far")


def style_sheet() -> str:
    """The CSS of the picture."""
    fonts = [
        f".netlab .{name}{{font-size:{style.size:g}px;font-family:{MONO if style.mono else SANS};"
        f"font-weight:{600 if style.bold else 400}}}"
        for name, style in STYLES.items()
    ]
    lines = [
        f".netlab .{name} polyline{{stroke-width:{width};stroke-dasharray:{dash or 'none'}}}"
        for name, (_, _, width, dash) in WIRES.items()
    ]
    dashes = "".join(f".netlab .{name}>rect{{stroke-dasharray:5 4}}" for name in DASHED)
    fixed = (
        ".netlab text{white-space:pre}"
        ".netlab .wire polyline,.netlab .icon{fill:none;stroke-linejoin:round;stroke-linecap:round}"
    )
    dark = f"@media screen and (prefers-color-scheme:dark){{{colours(1)}}}"
    return "".join((*fonts, *lines, fixed, dashes, colours(0), dark))


def colours(column: int) -> str:
    """The rules that differ between light (0) and dark (1)."""
    rules = [f".netlab .paper{{fill:{PAPER[column]}}}.netlab .head{{fill:{WIRES['request'][column]}}}"]
    for name, paint in ((name, pair[column]) for name, pair in PAINTS.items()):
        rules.append(f".netlab .{name}>rect{{fill:{paint.fill or 'none'};stroke:{paint.line or 'none'}}}")
        rules += [f".netlab .{name}>text{{fill:{paint.text}}}"] if paint.text else []
        rules += [f".netlab .{name}>.icon{{stroke:{paint.line}}}"] if name in WITH_ICON else []
    rules += [f".netlab .{name} polyline{{stroke:{stroke[column]}}}" for name, stroke in WIRES.items()]
    return "".join(rules)
