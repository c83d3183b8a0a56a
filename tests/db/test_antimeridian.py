"""Shapes that jump across 180 degrees are cut there for tiles, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from support.cluster import Cluster

# Six points around an island at 178 to -178 degrees
ISLAND = "POLYGON((178 -18, 179 -19, -179 -19, -178 -18, -179 -17, 179 -17, 178 -18))"


@pytest.fixture(scope="module")
def connection(cluster: Cluster) -> Iterator[psycopg.Connection]:
    """The owner's connection to a migrated database."""
    database = cluster.clone()
    with database.connect() as connection:
        yield connection
    cluster.drop(database)


def parts(connection: psycopg.Connection, wkt: str) -> list[tuple[float, float]]:
    """West and east of each part of the shape's Web Mercator geometry, in degrees, from the west."""
    rows = connection.execute(
        "SELECT round(ST_XMin(d)::numeric, 6)::float, round(ST_XMax(d)::numeric, 6)::float"
        " FROM (SELECT ST_Transform((ST_Dump(isthmus.to_3857(ST_GeomFromText(%s, 4326)))).geom, 4326) AS d) AS x",
        [wkt],
    )
    return sorted((row[0], row[1]) for row in rows)


def test_island_across_the_antimeridian_is_drawn_on_both_sides(connection: psycopg.Connection):
    assert parts(connection, ISLAND) == [(-180, -178), (178, 180)]


def test_area_stays_the_same(connection: psycopg.Connection):
    [(cut, shifted)] = connection.execute(
        "SELECT ST_Area(isthmus.cut_at_antimeridian(g)), ST_Area(ST_ShiftLongitude(g))"
        " FROM (SELECT ST_GeomFromText(%s, 4326) AS g) AS x",
        [ISLAND],
    )
    assert cut == pytest.approx(shifted)
    assert cut > 0


def test_line_across_the_antimeridian_is_cut(connection: psycopg.Connection):
    line = "LINESTRING(170 0, 172 1, 175 2, 179 3, -179 4, -175 5)"
    assert parts(connection, line) == [(-180, -175), (170, 180)]


@pytest.mark.parametrize(
    ("wkt", "expected"),
    [
        ("POLYGON((175 -5, 185 -5, 185 5, 175 5, 175 -5))", [(-180, -175), (175, 180)]),
        ("POLYGON((-185 -5, -175 -5, -175 5, -185 5, -185 -5))", [(-180, -175), (175, 180)]),
        ("POLYGON((181 -5, 185 -5, 185 5, 181 5, 181 -5))", [(-179, -175)]),
        ("LINESTRING(170 0, 190 10)", [(-180, -170), (170, 180)]),
        ("POINT(184.5 10)", [(-175.5, -175.5)]),
    ],
)
def test_longitudes_counted_on_beyond_180_degrees_are_split_there(
    connection: psycopg.Connection, wkt: str, expected: list[tuple[float, float]]
):
    assert parts(connection, wkt) == expected


def test_other_parts_of_a_multipolygon_stay(connection: psycopg.Connection):
    multi = f"MULTIPOLYGON({ISLAND.removeprefix('POLYGON')}, ((10 0, 20 0, 20 10, 10 0)))"
    assert parts(connection, multi) == [(-180, -178), (10, 20), (178, 180)]


@pytest.mark.parametrize(
    ("wkt", "expected"),
    [
        ("POLYGON((-170 -50, 170 -50, 170 50, -170 50, -170 -50))", (-170, 170)),
        ("POLYGON((-180 -80, 180 -80, 180 80, -180 80, -180 -80))", (-180, 180)),
        ("POLYGON((-180 -80, -90 -60, 0 -65, 90 -70, 180 -80, 180 -85, -180 -85, -180 -80))", (-180, 180)),
        ("LINESTRING(-170 0, -100 0, 0 0, 100 0, 150 0, 170 0)", (-170, 170)),
        ("MULTIPOINT((-179 0), (179 0))", (-179, -179)),
    ],
)
def test_shapes_that_are_really_wide_stay_whole(
    connection: psycopg.Connection, wkt: str, expected: tuple[float, float]
):
    assert parts(connection, wkt)[0] == expected
