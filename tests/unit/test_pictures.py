"""Pictures of collections: what is read of a tile, and where it is drawn."""

from __future__ import annotations

from io import BytesIO

import mapbox_vector_tile
import pytest
from PIL import Image

from api.formats.mvt import LINE, POINT, POLYGON, read_shapes
from api.pictures.draw import HEIGHT, WIDTH, draw_picture, viewport_of
from core.bbox import BBox

LAYER_FIELD, FEATURE_FIELD, TYPE_FIELD, GEOMETRY_FIELD = 3 << 3 | 2, 2 << 3 | 2, 3 << 3, 4 << 3 | 2
WORLD = BBox(-180, -85, 180, 85)


def tile_of(*geometries: str, extent: int = 4096) -> bytes:
    """A tile of two layers, with y to the south as tiles have it."""
    features = [{"geometry": geometry, "properties": {"name": "x" * 300}} for geometry in geometries]
    layers = [{"name": "empty", "features": []}, {"name": "a", "features": features}]
    return mapbox_vector_tile.encode(layers, default_options={"y_coord_down": True, "extents": extent})


def test_shapes_are_those_that_were_written():
    tile = tile_of("POINT (1 2)", "LINESTRING (0 0, 4096 10, 5 -3)", "MULTIPOINT (1 1, 2 2)", extent=512)
    assert list(read_shapes(tile)) == [
        (POINT, [[(1, 2)]], 512),
        (LINE, [[(0, 0), (4096, 10), (5, -3)]], 512),
        (POINT, [[(1, 1)], [(2, 2)]], 512),
    ]


def test_rings_of_an_area_with_a_hole():
    tile = tile_of("POLYGON ((0 0, 0 100, 100 100, 100 0, 0 0), (20 20, 40 20, 40 40, 20 40, 20 20))")
    [(kind, rings, _)] = read_shapes(tile)
    assert kind == POLYGON
    assert [len(ring) for ring in rings] == [4, 4]


def test_empty_tile_has_no_shapes_and_a_broken_one_ends():
    assert list(read_shapes(b"")) == []
    with pytest.raises((IndexError, ValueError)):
        list(read_shapes(tile_of("POINT (1 2)")[:-1] + b"\xff"))
    point = bytes((TYPE_FIELD, 1, GEOMETRY_FIELD, 2, 17, 4))  # two positions are promised, and half of one is there
    with pytest.raises(IndexError):
        list(read_shapes(bytes((LAYER_FIELD, 2 + len(point), FEATURE_FIELD, len(point))) + point))


@pytest.mark.parametrize(
    "box",
    [
        BBox(-180, -90, 180, 90),
        BBox(24, 60, 25, 61),
        BBox(25, 60, 25, 60),
        BBox(170, -20, -170, 20),
        BBox(-180, 89, -180, 90),
    ],
)
def test_view_holds_the_box_with_few_tiles(box: BBox):
    view = viewport_of(box)
    tiles = list(view.tiles())
    assert 1 <= len(tiles) <= 12
    assert all(0 <= row < 2**view.zoom for row, _ in tiles)
    middle = (180 + box.west + ((box.east - box.west) % 360 or (360 if box.east > box.west else 0)) / 2) / 360
    assert view.left + WIDTH / view.scale / 2 == pytest.approx(middle)


def colour_at(picture: Image.Image, x: float, y: float) -> str:
    red, _, blue = picture.convert("RGB").getpixel((round(x), round(y)))  # type: ignore[misc]
    return "colour" if red > 200 else "sea" if blue > 200 else "faint"


def test_features_are_where_they_lie():
    """A square in the middle of the world with a hole, and a point in the world's north-western quarter."""
    square = "POLYGON ((1024 1024, 1024 3072, 3072 3072, 3072 1024, 1024 1024),"
    hole = " (1800 1800, 2300 1800, 2300 2300, 1800 2300, 1800 1800))"
    asked: list[tuple[int, int, int]] = []

    def read_tile(zoom: int, row: int, column: int) -> bytes:
        asked.append((zoom, row, column))
        return tile_of(square + hole, "POINT (512 512)") if zoom == 0 else b""

    drawn = draw_picture(WORLD, read_tile, "rgb(255, 0, 0)", "rgb(0, 0, 255)")
    picture = Image.open(BytesIO(drawn))
    assert picture.format == "PNG"
    assert picture.size == (WIDTH, HEIGHT)
    assert asked == [(0, 0, 0)], "one world, though there is room for more"
    view = viewport_of(WORLD)
    world, left, top = view.scale, -view.left * view.scale, -view.top * view.scale
    assert colour_at(picture, left + world * 0.125, top + world * 0.125) == "colour"
    assert colour_at(picture, left + world * 0.3, top + world * 0.5) == "faint"
    assert colour_at(picture, left + world * 0.5, top + world * 0.5) == "sea"
    assert colour_at(picture, left + world * 0.9, top + world * 0.5) == "sea"


def test_same_tiles_make_the_same_bytes():
    def read_tile(_zoom: int, _row: int, _column: int) -> bytes:
        return tile_of("LINESTRING (0 0, 4096 4096)")

    one, two = (draw_picture(BBox(0, 0, 10, 10), read_tile, "hsl(10, 60%, 40%)", "#dfe9ec") for _ in range(2))
    assert one == two
