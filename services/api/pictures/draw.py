"""A picture of a collection, drawn by Pillow from tiles of web mercator."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import product

from PIL import Image, ImageColor, ImageDraw

from api.formats.mvt import LINE, POINT, POLYGON, Shape, read_shapes
from core.bbox import BBox

WIDTH, HEIGHT = 600, 315
"""Pixels: what link previews ask for, halved."""
MARGIN = 20
OPACITY = 0.3
"""Of areas."""
FINER = 2
"""How many times larger it is drawn than it is, so that edges are smooth."""
LAST_ZOOM = 14
TILE = 512
"""Pixels of a tile at its own zoom."""
CLOSEST = 1 / 2**LAST_ZOOM
"""Of the world's width: a picture shows no less."""
MOST_LATITUDE = 85.05
LEAST_LATITUDE = -60.0
"""Of what reaches beyond the equator: a picture of the world without most of Antarctica shows the rest larger."""

ReadTile = Callable[[int, int, int], bytes]
"""A tile by zoom, row and column, not compressed; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Viewport:
    """Where a picture lies: its north-western corner in widths of the world, pixels for one, the zoom of its tiles, and
    how many worlds lie side by side in it: two where a box crosses 180 degrees.
    """

    left: float
    top: float
    scale: float
    zoom: int
    worlds: int

    def tiles(self) -> Iterator[tuple[int, int]]:
        """(row, column) of all tiles that it shows; columns of the second world go on."""
        count = 2**self.zoom
        rows = range(max(0, int(self.top * count)), min(count, int((self.top + HEIGHT / self.scale) * count) + 1))
        last = min(self.worlds * count, int((self.left + WIDTH / self.scale) * count) + 1)
        yield from product(rows, range(max(0, math.floor(self.left * count)), last))


def viewport_of(box: BBox) -> Viewport:
    """The viewport of a box in degrees, in the middle of the picture."""
    east = box.east if box.east >= box.west else box.east + 360
    south = max(box.south, LEAST_LATITUDE) if box.north > 0 else box.south
    left, right, top, bottom = (180 + box.west) / 360, (180 + east) / 360, mercator(box.north), mercator(south)
    wide, high = max(right - left, CLOSEST), max(bottom - top, CLOSEST)
    scale = min((WIDTH - 2 * MARGIN) / wide, (HEIGHT - 2 * MARGIN) / high)
    zoom = min(LAST_ZOOM, max(0, math.ceil(math.log2(scale / TILE))))
    worlds = 1 if box.east >= box.west else 2
    return Viewport((left + right - WIDTH / scale) / 2, (top + bottom - HEIGHT / scale) / 2, scale, zoom, worlds)


def mercator(latitude: float) -> float:
    """How far south of the edge of web mercator a latitude lies, in widths of the world."""
    bounded = math.radians(max(-MOST_LATITUDE, min(MOST_LATITUDE, latitude)))
    return (1 - math.asinh(math.tan(bounded)) / math.pi) / 2


def draw_picture(box: BBox, read_tile: ReadTile, colour: str, sea: str) -> bytes:
    """The picture as PNG. `colour`, `sea`: of the features and of what lies below them, as CSS has colours."""
    view = viewport_of(box)
    picture = Image.new("RGB", (WIDTH * FINER, HEIGHT * FINER), sea)
    brush = Brush(ImageDraw.Draw(picture), colour, sea)
    count = 2**view.zoom
    for row, column in view.tiles():
        tile = read_tile(view.zoom, row, column % count)
        size = view.scale * FINER / count
        x, y = (column / count - view.left) * view.scale * FINER, (row / count - view.top) * view.scale * FINER
        for shape in read_shapes(tile):
            brush.draw(shape.kind, placed(shape, (x, y), size))
    out = BytesIO()
    picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()


Placed = list[tuple[float, float]]
"""Positions of a part in pixels of the picture."""


def placed(shape: Shape, corner: tuple[float, float], size: float) -> list[Placed]:
    """The parts of a shape in a tile whose north-western corner and whose edge are so many pixels."""
    (left, top), unit = corner, size / shape.extent
    return [[(left + x * unit, top + y * unit) for x, y in part] for part in shape.parts]


class Brush:
    """Draws features on a picture."""

    def __init__(self, draw: ImageDraw.ImageDraw, colour: str, sea: str) -> None:
        self._draw = draw
        self._colour, self._sea = ImageColor.getrgb(colour), ImageColor.getrgb(sea)
        pairs = zip(self._sea, self._colour, strict=True)
        self._faint = tuple(round(below + (above - below) * OPACITY) for below, above in pairs)

    def draw(self, kind: int, parts: list[Placed]) -> None:
        """A feature by its parts, in pixels."""
        for part in parts:
            if kind == POINT:
                for x, y in part:
                    self._draw.ellipse((x - 2 * FINER, y - 2 * FINER, x + 2 * FINER, y + 2 * FINER), self._colour)
            elif kind == LINE and len(part) > 1:
                self._draw.line(part, self._colour, FINER)
            elif kind == POLYGON and len(part) > 2:
                self._draw.polygon(part, self._faint if is_outer(part) else self._sea)
                self._draw.line([*part, part[0]], self._colour, FINER // 2)


def is_outer(ring: Placed) -> bool:
    """Whether a ring is that of an area and not of a hole: with y to the south its area is positive."""
    return sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in zip(ring, ring[1:] + ring[:1], strict=True)) > 0
