"""Edges of written geometries: how often they meet, and which operators refuse them."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest

from api.cql2.check.check import parse_filter
from api.cql2.text_encoding.parser import parse_text
from api.cql2.tree.ast import Geometry, Spatial
from api.cql2.tree.edge_crossings import MOST_MEETINGS, edges_of, meet, meetings, turns
from core.catalog.collections import Collection
from core.errors import BadFilter

RELATIONS = ("S_CONTAINS", "S_CROSSES", "S_EQUALS", "S_OVERLAPS", "S_TOUCHES", "S_WITHIN")
MEETINGS = ("S_INTERSECTS", "S_DISJOINT")
Corners = list[tuple[float, float]]


def scribble(number: int) -> Corners:
    """Corners anywhere."""
    random = Random(1)
    return [(round(random.uniform(0, 40), 3), round(random.uniform(0, 40), 3)) for _ in range(number)]


def coast(number: int) -> Corners:
    """The corners of an area with a rough edge that does not cross itself."""
    random = Random(2)
    around = [(math.tau * step / number, random.uniform(9, 10)) for step in range(number)]
    corners = [(round(20 + far * math.cos(angle), 4), round(20 + far * math.sin(angle), 4)) for angle, far in around]
    return [*corners, corners[0]]


def zigzag(number: int) -> Corners:
    """The corners of a line that goes to and fro beside itself."""
    return [(round(40 * step / number, 4), 40 * (step % 2)) for step in range(number)]


def line(corners: Corners) -> str:
    """A line as text."""
    return f"LINESTRING({','.join(f'{x} {y}' for x, y in corners)})"


def area(corners: Corners) -> str:
    """An area as text."""
    return f"POLYGON(({','.join(f'{x} {y}' for x, y in corners)}))"


def read(text: str, roads: Collection) -> None:
    """Read a filter. Raises: BadFilter"""
    parse_filter(text, "cql2-text", roads)


def edges(text: str) -> np.ndarray:
    """The edges of a geometry."""
    node = parse_text(f"S_TOUCHES(geometry,{text})")
    assert isinstance(node, Spatial) and isinstance(node.right, Geometry)
    return edges_of(node.right)


@pytest.mark.parametrize("op", RELATIONS)
def test_scribble_is_refused_before_it_is_related_to_anything(roads: Collection, op: str):
    with pytest.raises(BadFilter, match=r"the edges of the geometry meet one another about \d+,\d+ times") as caught:
        read(f"{op}(geometry,{line(scribble(2000))})", roads)
    assert "S_INTERSECTS" in (caught.value.hint or "")


@pytest.mark.parametrize("op", MEETINGS)
def test_scribble_may_be_met(roads: Collection, op: str):
    read(f"{op}(geometry,{line(scribble(2000))})", roads)


@pytest.mark.parametrize("op", (*RELATIONS, *MEETINGS))
@pytest.mark.parametrize(
    "shape", [area(coast(3000)), line(zigzag(3000)), line(scribble(300))], ids=["coast", "zigzag", "few"]
)
def test_geometry_of_many_corners_that_crosses_itself_seldom_is_taken(roads: Collection, op: str, shape: str):
    read(f"{op}(geometry,{shape})", roads)


def test_collection_of_scribbles_is_refused_for_every_operator(roads: Collection):
    shape = f"GEOMETRYCOLLECTION({line(scribble(1000))},{area(coast(100))})"
    for op in (*RELATIONS, *MEETINGS):
        with pytest.raises(BadFilter, match="meet one another"):
            read(f"{op}(geometry,{shape})", roads)


def test_two_literals_are_counted_together(roads: Collection):
    teeth = zigzag(800)
    across = line([(y, x) for x, y in teeth])
    read(f"S_TOUCHES({line(teeth)},geometry) AND S_TOUCHES(geometry,{across})", roads)
    for op in (*RELATIONS, *MEETINGS):
        with pytest.raises(BadFilter, match="meet one another"):
            read(f"{op}({line(teeth)},{across})", roads)


def test_edges_that_lie_on_each_other_or_meet_in_one_corner_count():
    to_and_fro = [(float(step % 2), float(step % 2)) for step in range(1000)]
    wheel = [(0.0, 0.0) if step % 2 else (math.cos(step), math.sin(step)) for step in range(1000)]
    for corners in (to_and_fro, wheel):
        assert meetings(edges(line(corners))) > MOST_MEETINGS


@pytest.mark.parametrize("number", [500, 1500, 3000])
def test_sample_of_pairs_tells_about_how_many_meet(number: int):
    found = edges(line(scribble(number)))
    apart = range(2, len(found) // 2 + 1)
    exact = sum(int(meet(found, np.roll(found, places, axis=0)).sum()) for places in apart)
    assert meetings(found) == pytest.approx(exact, rel=0.1)


def test_distance_to_what_fills_its_extent_is_refused(roads: Collection):
    read(f"s_distance(geometry,{area(coast(3000))}) < 1000", roads)
    for shape in (line(zigzag(3000)), line(scribble(1000))):
        with pytest.raises(BadFilter, match="times as long as its extent is wide"):
            read(f"s_distance(geometry,{shape}) < 1000", roads)


def test_geometry_without_extent_has_no_turns():
    assert turns(edges("POINT(1 1)")) == turns(edges("LINESTRING(1 1,1 1)")) == 0
