"""Which tiles are made before somebody asks for them."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, strategies as st

from api.tms.tile import tile_at
from core.bbox import BBox
from core.catalog.collections import Collection
from core.catalog.versions import Tiling
from loader.prerender.which_tiles import column, covering, row, tiles_to_render, tiles_within

WORLD = BBox(-180, -90, 180, 90)
LARGE = Tiling(("points",), 10, "roads_7_tiles", ())
OF_WORLD_TO_5 = 1365


@pytest.fixture
def large(roads: Collection) -> Collection:
    """A collection that was prepared for zooms 0 to 9."""
    return replace(roads, id="large", tiling=LARGE, bbox_crs84=WORLD)


def zooms(places: tuple[tuple[int, int, int], ...]) -> list[int]:
    """The zooms of some tiles, each once."""
    return sorted({zoom for zoom, _, _ in places})


@given(st.floats(-180, 180), st.floats(-90, 90), st.integers(0, 14))
def test_a_place_is_in_the_tile_that_the_api_finds(longitude: float, latitude: float, zoom: int):
    theirs = tile_at(longitude, latitude, zoom)
    assert abs(column(longitude, zoom) - theirs.column) <= on_an_edge((longitude + 180) / 360 * 2**zoom)
    from_north = 0.5 - math.asinh(math.tan(math.radians(max(-85.06, min(85.06, latitude))))) / math.tau
    assert abs(row(latitude, zoom) - theirs.row) <= on_an_edge(from_north * 2**zoom)


def on_an_edge(place: float) -> bool:
    """Whether the last bit of a number decides what tile it is in."""
    return abs(place - round(place)) < 1e-9


def test_the_places_of_helsinki_are_those_of_everybodys_maps():
    assert [(row(60.17, zoom), column(24.94, zoom)) for zoom in (0, 1, 5, 10)] == [(0, 0), (0, 1), (9, 18), (296, 582)]


def test_the_default_is_five_zooms_of_the_world_and_a_tile_less_is_four():
    assert zooms(tiles_within([WORLD], range(10), OF_WORLD_TO_5)) == [0, 1, 2, 3, 4, 5]
    assert zooms(tiles_within([WORLD], range(10), OF_WORLD_TO_5 - 1)) == [0, 1, 2, 3, 4]


def test_data_in_one_place_are_followed_further_down_as_far_as_they_are_thinned():
    city = BBox(24.90, 60.15, 24.99, 60.20)
    places = tiles_within([city], range(10), OF_WORLD_TO_5)
    assert zooms(places) == list(range(10))
    assert len(places) < 20


def test_a_box_across_the_antimeridian_has_the_tiles_of_both_sides():
    assert {place for _, _, place in covering(BBox(170, -20, -170, 20), 3)} == {0, 7}


def test_a_small_collection_is_left_out_but_in_the_tiles_of_all(roads: Collection, large: Collection):
    assert [found.id for found in tiles_to_render([large, roads], OF_WORLD_TO_5)] == [None, "large"]


def test_tiles_of_all_are_made_of_everything_that_has_tiles(roads: Collection, large: Collection):
    empty = replace(roads, id="empty", version=9, bbox_crs84=None)
    table = replace(roads, id="table", version=11, srid=None, bbox_crs84=None)
    of_all = tiles_to_render([empty, large, roads, table], OF_WORLD_TO_5)[0]
    assert of_all.versions == (("empty", 9), ("large", 7), ("roads", 7))
    assert of_all.version == "1.0.9"
    assert (of_all.last_zoom, len(of_all.places)) == (3, 85)
    assert of_all.path == ("tiles", "WebMercatorQuad")


def test_what_was_loaded_last_comes_first(large: Collection):
    newer = replace(large, id="newer", loaded_at=large.loaded_at + timedelta(minutes=1))
    assert [found.id for found in tiles_to_render([large, newer], OF_WORLD_TO_5)] == [None, "newer", "large"]


def test_an_overview_that_came_later_is_something_else_to_make(large: Collection):
    later = replace(large, tiling=replace(LARGE, made_later=True))
    before, after = (tiles_to_render([found], 100)[1] for found in (large, later))
    assert (before.version, after.version) == ("1.0.7", "1.1.7")
    assert before != after


def test_tiles_of_all_wait_for_the_overview_of_each(roads: Collection, large: Collection):
    found = tiles_to_render([large, roads], OF_WORLD_TO_5, waiting=frozenset({"roads"}))
    assert [one.id for one in found] == ["large"]


def test_another_version_is_something_else_to_make(large: Collection):
    before, after = (tiles_to_render([found], 100)[1] for found in (large, replace(large, version=8)))
    assert before.places == after.places
    assert before != after


def test_zero_makes_nothing(large: Collection):
    assert tiles_to_render([large], 0) == []


def test_beside_tables_of_others_there_are_no_kept_tiles_of_all(large: Collection):
    assert [found.id for found in tiles_to_render([large], OF_WORLD_TO_5, beside_sources=True)] == ["large"]


def test_nothing_is_nowhere(roads: Collection):
    assert tiles_to_render([], OF_WORLD_TO_5) == []
    assert tiles_to_render([replace(roads, bbox_crs84=None)], OF_WORLD_TO_5) == []
