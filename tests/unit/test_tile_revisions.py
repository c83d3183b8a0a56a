"""Which version a tile's data are of, by where later ones differ."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from api.tiles.keys import has_changed, tile_revision
from api.tms.tile import HALF_WORLD_M, WORLD_CRS84_QUAD, Tile, mercator_y, tile_at, tile_holding
from core.catalog.collections import Collection
from core.catalog.versions import Change, parse_changes

HELSINKI = (2_770_000.0, 8_430_000.0, 2_780_000.0, 8_440_000.0)
SUVA = (19_860_000.0, -2_060_000.0, 19_870_000.0, -2_050_000.0)


def changed(*areas: tuple[float, float, float, float], version: int = 6, full_zoom: int = 0) -> Change:
    """A change since a version."""
    return Change(version, version * 1000, full_zoom, areas)


def version_of(collection: Collection, tile: Tile) -> int:
    """The version that a tile's data are of."""
    return int(tile_revision(collection, tile).split(".")[1])


def test_a_tile_is_of_the_oldest_version_that_nothing_changed_since_in_its_place(roads: Collection):
    served = replace(roads, version=7, changes=(changed(HELSINKI), changed(SUVA, version=5)))
    assert version_of(served, tile_at(24.94, 60.17, 10)) == 7
    assert version_of(served, tile_at(178.44, -18.14, 10)) == 6
    assert version_of(served, tile_at(0, 0, 10)) == 5
    assert version_of(served, tile_at(0, 0, 0)) == 7, "all changes are in the tile of the world"


def test_a_version_that_differs_nowhere_has_the_tiles_of_the_one_before(roads: Collection):
    served = replace(roads, changes=(changed(),))
    assert tile_revision(served, tile_at(24.94, 60.17, 10)) == f"{roads.id}.6.6000"


def test_below_the_full_zoom_every_tile_is_another(roads: Collection):
    served = replace(roads, version=7, changes=(changed(HELSINKI, full_zoom=8),))
    assert version_of(served, tile_at(0, 0, 7)) == 7
    assert version_of(served, tile_at(0, 0, 8)) == 6


def test_the_buffer_of_a_tile_counts(roads: Collection):
    tile = tile_at(24.94, 60.17, 10)
    width = 2 * HALF_WORLD_M / 2**10
    west = -HALF_WORLD_M + tile.column * width
    north = HALF_WORLD_M - tile.row * width
    beside = (west - width / 100, north - width / 2, west - width / 200, north - width / 3)
    farther = (west - width / 10, north - width / 2, west - width / 20, north - width / 3)
    assert has_changed(changed(beside), tile)
    assert not has_changed(changed(farther), tile)


def test_other_sets_have_their_places_too():
    def tile(longitude: float, latitude: float) -> Tile:
        return tile_holding(longitude, latitude, 9, WORLD_CRS84_QUAD)

    assert has_changed(changed(HELSINKI), tile(24.94, 60.17))
    assert not has_changed(changed(HELSINKI), tile(0, 0))
    nowhere = Change(6, 1, 0, (), elsewhere=True)
    assert has_changed(nowhere, tile(0, 88)), "what has no place in Web Mercator may be anywhere"
    assert not has_changed(nowhere, tile_at(0, 80, 5))
    registered = replace(WORLD_CRS84_QUAD, id="National")
    assert has_changed(changed(), tile_holding(0, 0, 9, registered))


@given(st.floats(-179, 179), st.floats(-84, 84), st.integers(0, 16), st.sampled_from(["mercator", "degrees"]))
def test_a_change_is_seen_by_every_tile_that_holds_it(longitude: float, latitude: float, z: int, kind: str):
    x, y = longitude / 180 * HALF_WORLD_M, mercator_y(latitude)
    change = changed((x - 1, y - 1, x + 1, y + 1))
    tile = (
        tile_at(longitude, latitude, z)
        if kind == "mercator"
        else tile_holding(longitude, latitude, z, WORLD_CRS84_QUAD)
    )
    assert has_changed(change, tile)


@pytest.mark.parametrize("changes", [(), (changed(HELSINKI, SUVA), changed(version=5, full_zoom=4))])
def test_changes_are_the_same_after_the_catalogue(changes: tuple[Change, ...]):
    assert parse_changes([change.as_json() for change in changes]) == changes
    assert parse_changes(None) == ()
