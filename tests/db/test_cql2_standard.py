"""Annex A of the CQL2 standard: every predicate with its count, over the standard's own file in real PostGIS."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.cql2.check.check import parse_filter
from api.cql2.json_encoding.writer import render_json
from api.cql2.text_encoding.parser import parse_text
from core.catalog.collections import Catalog, Collection
from core.database.connections import Connection
from core.errors import BadFilter
from loader.catalogue import open_catalogue
from support.cluster import Database
from support.cql2 import count, found, predicates
from support.loading import Loader

FILE = Path(__file__).parents[2] / "data/samples/ne110m/ne110m4cql2.gpkg"
PREDICATES = list(predicates())
PLACES, COUNTRIES = "ne_110m_populated_places_simple", "ne_110m_admin_0_countries"
VALUES = {
    "string": "'foo'",
    "boolean": "true",
    "number": "3.14",
    "integer": "1",
    "datetime": "TIMESTAMP('2022-04-14T14:48:46Z')",
    "date": "DATE('2022-04-14')",
}


@pytest.fixture(scope="module")
def layers(module_database: Database) -> Iterator[tuple[Connection, Catalog]]:
    """The three layers, loaded from the standard's GeoPackage as a user would."""
    with open_catalogue(module_database.owner) as connection:
        loader = Loader(module_database.owner, connection)
        shutil.copy(FILE, loader.path(FILE.name))
        assert loader.load(FILE.name).status == "loaded"
        catalog = loader.catalog()
        yield connection, catalog


@pytest.mark.parametrize(
    ("part", "source", "text", "expected"),
    PREDICATES,
    ids=[f"{part}-{number}" for number, (part, *_) in enumerate(PREDICATES)],
)
def test_predicate_finds_what_the_standard_says(layers, part: str, source: str, text: str, expected: int):
    connection, catalog = layers
    assert count(connection, catalog[source], text) == expected
    as_json = parse_filter(render_json(parse_text(text)), "cql2-json", catalog[source])
    assert count(connection, catalog[source], as_json) == expected


def queryables(collection: Collection) -> Iterator[tuple[str, str]]:
    """Each simple property in double quotes, and a value of its type."""
    for column in collection.columns:
        if column.type in VALUES:
            yield f'"{column.name}"', VALUES[column.type]


def test_every_property_compares_with_a_value_on_either_side(layers):
    connection, catalog = layers
    for collection in catalog.values():
        total = dict.fromkeys(("=", "<>", "<", ">", "<=", ">="), 0)
        for name, value in queryables(collection):
            for op in total:
                total[op] = count(connection, collection, f"{name} {op} {value}")
            known = count(connection, collection, f"{name} IS NOT NULL")
            assert total["="] + total["<>"] == total[">"] + total["<="] == total["<"] + total[">="] == known
            assert count(connection, collection, f"{name} IS NULL") + known == collection.row_count
            mirrored = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
            for op in total:
                assert count(connection, collection, f"{value} {mirrored.get(op, op)} {name}") == total[op]
            for op, expected in {"=": known, "<>": 0, "<": 0, ">": 0, "<=": known, ">=": known}.items():
                assert count(connection, collection, f"{name} {op} {name}") == expected


@pytest.mark.parametrize("value", list(VALUES.values()))
def test_values_compare_with_themselves(layers, value: str):
    connection, catalog = layers
    every = catalog[PLACES].row_count
    for op, expected in {"=": every, "<>": 0, "<": 0, ">": 0, "<=": every, ">=": every}.items():
        assert count(connection, catalog[PLACES], f"{value} {op} {value}") == expected


def test_boolean_literals_are_filters(layers):
    connection, catalog = layers
    assert count(connection, catalog[PLACES], "true") == catalog[PLACES].row_count
    assert count(connection, catalog[PLACES], "FALSE") == 0


def test_random_combinations_keep_to_the_logic_of_three_values(layers):
    connection, catalog = layers
    for source in (PLACES, COUNTRIES, "ne_110m_rivers_lake_centerlines"):
        stored = [text for _, collection, text, _ in PREDICATES if collection == source and "(NOT" not in text]
        chance = random.Random(7)
        for _ in range(25):
            p1, p2, p3, p4 = (chance.choice(stored) for _ in range(4))
            text = f"((NOT {p1} AND {p2}) OR ({p3} and NOT {p4}) or not ({p1} AND {p4}))"
            holds, fails = (count(connection, catalog[source], f) for f in (text, f"NOT {text}"))
            unknown = count(connection, catalog[source], f"{text} IS NULL")
            assert holds + fails + unknown == catalog[source].row_count


@pytest.mark.parametrize(
    "op", ["INTERSECTS", "DISJOINT", "EQUALS", "TOUCHES", "CROSSES", "WITHIN", "CONTAINS", "OVERLAPS"]
)
@pytest.mark.parametrize(
    "shape",
    [
        "BBOX(-180,-90,180,90)",
        "BBOX(170,-90,0,-170,90,100)",
        "BBOX(180,0,-180,10)",
        "BBOX(10,10,10,10)",
        "POINT(7.02 49.92)",
        "POINT EMPTY",
        "MULTIPOINT(7 50,10 51)",
        "LINESTRING(7 50, 10 51)",
        "MULTILINESTRING((-180 -45, 0 -45), (0 45, 180 45))",
        "POLYGON Z((-180 -90 0,180 -90 0,180 90 0,-180 90 0,-180 -90 0))",
        "POLYGON((0 0, 10 10, 10 0, 0 10, 0 0))",
        "MULTIPOLYGON(((0 0, 10 0, 10 10, 0 10, 0 0)))",
        "GEOMETRYCOLLECTION(POINT(7.02 49.92), POLYGON((0 0, 10 0, 10 10, 0 10, 0 0)), LINESTRING(0 0, 1 1))",
        "GEOMETRYCOLLECTION EMPTY",
        "geom",
        "s_centroid(geom)",
    ],
)
def test_every_spatial_operator_takes_every_geometry(layers, op: str, shape: str):
    connection, catalog = layers
    for collection in catalog.values():
        there, back = f"S_{op}(geom, {shape})", f"S_{op}({shape}, geom)"
        counts = [count(connection, collection, text) for text in (there, back)]
        opposite = {"WITHIN": "CONTAINS", "CONTAINS": "WITHIN"}.get(op, op)
        assert counts == [
            count(connection, collection, f"S_{opposite}({shape}, geom)"),
            count(connection, collection, f"S_{opposite}(geom, {shape})"),
        ]
        assert count(connection, collection, f"NOT {there}") == collection.row_count - counts[0]


@pytest.mark.parametrize("shape", ["POINT(90 180)", "MULTIPOINT(7.02 49.92, 90 180)", "BBOX(-180,-90,190,90)"])
def test_place_beyond_the_degrees_is_refused(layers, shape: str):
    connection, catalog = layers
    with pytest.raises(BadFilter, match="is no place on Earth, at position 18"):
        count(connection, catalog[PLACES], f"S_INTERSECTS(geom,{shape})")


def test_patterns_of_the_like_test(layers):
    connection, catalog = layers

    def find(pattern: str) -> int:
        return count(connection, catalog[PLACES], f"name LIKE '{pattern}'")

    assert find("%") == find("%%") == find("_%") == 243
    assert find("") == find(r"\%\_") == find(r"\\%\\_") == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CASEI(name) LIKE casei('foo%')", "CASEI(name) LIKE casei('FOO%')"),
        ("ACCENTI(name) LIKE accenti('Ä%')", "ACCENTI(name) LIKE accenti('A%')"),
        ("ACCENTI(CASEI(name)) = accenti(casei('ÄÉ'))", "ACCENTI(CASEI(name)) = accenti(casei('ae'))"),
        ("ACCENTI(CASEI(name)) LIKE accenti(casei('Ä%'))", "ACCENTI(CASEI(name)) LIKE accenti(casei('a%'))"),
        ("name IN ('Berlin', 'Rome')", "name = 'Berlin' OR name = 'Rome'"),
        ("T_INTERSECTS(start, INTERVAL('2022-04-16', '2022-04-16'))", "start = DATE('2022-04-16')"),
        ("boolean = 1", "boolean"),
        ("boolean IN (0)", "NOT boolean"),
        ("start = '2022-04-16T10:13:19Z'", "start = TIMESTAMP('2022-04-16T12:13:19+02:00')"),
        ("start = '2022/04/16 10:13:19'", "start IN ('2022-04-16T10:13:19')"),
        ("\"date\" = '2022-04-16'", "\"date\" = '2022/04/16'"),
        ("\"date\" IN ('2022-04-16', '2022-04-17')", "\"date\" BETWEEN '2022-04-16' AND '2022-04-17'"),
        ("S_INTERSECTS(geom, BBOX(0,40,10,50))", "S_INTERSECTS(geometry, BBOX(0,40,-5,10,50,5))"),
    ],
)
def test_both_find_the_same(layers, one: str, other: str):
    connection, catalog = layers
    assert found(connection, catalog[PLACES], one) == found(connection, catalog[PLACES], other)


def test_filter_crs_with_latitude_first(layers):
    connection, catalog = layers
    swapped = "S_INTERSECTS(geom, BBOX(40,0,50,10)) AND S_INTERSECTS(geom, POLYGON((40 0,40 10,50 10,50 0,40 0)))"
    assert count(connection, catalog[PLACES], swapped, northing_first=True) == 7


def test_filter_crs_in_metres(layers):
    connection, catalog = layers
    box = "S_INTERSECTS(geom, BBOX(0, 4865942.28, 1113194.91, 6446275.84))"
    assert count(connection, catalog[PLACES], box, srid_in=3857) == 7
