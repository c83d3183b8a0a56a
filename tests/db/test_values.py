"""Values that are hard to carry: each arrives as it was, or the report says what became of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st

from support.loading import Loader, feature, wkb, write_geojson, write_ogr

WHEN = datetime(2024, 2, 29, 23, 59, 58, 123456)


@pytest.mark.parametrize(
    ("kind", "values", "type_name"),
    [
        (pa.bool_(), [True, None, False], "boolean"),
        (pa.int8(), [-128, None, 127], "integer"),
        (pa.uint8(), [0, None, 255], "integer"),
        (pa.int16(), [-(2**15), None, 2**15 - 1], "integer"),
        (pa.uint16(), [0, None, 2**16 - 1], "integer"),
        (pa.int32(), [-(2**31), None, 2**31 - 1], "integer"),
        (pa.uint32(), [0, None, 2**32 - 1], "integer"),
        (pa.int64(), [-(2**63), None, 2**53 + 1], "integer"),
        (pa.uint64(), [0, None, 2**64 - 1], "number"),
        (pa.float32(), [1.5, None, float("inf")], "number"),
        (pa.float64(), [0.1, None, float("-inf")], "number"),
        (pa.decimal128(20, 4), [Decimal("1234567890123456.7890"), None, Decimal("-0.0001")], "number"),
        (pa.string(), ["", None, "Ää 道路 🚲 'quoted' \"double\" \\ \t\n"], "string"),
        (pa.large_string(), ["a", None, "b" * 100_000], "string"),
        (pa.string_view(), ["a", None, "longer than twelve bytes"], "string"),
        (pa.binary(), [b"", None, b"\x00\xff"], "binary"),
        (pa.binary(2), [b"ab", None, b"\x00\x01"], "binary"),
        (pa.date32(), [date(1, 1, 1), None, date(9999, 12, 31)], "date"),
        (pa.date64(), [date(1969, 12, 31), None, date(2024, 2, 29)], "date"),
        (pa.time32("s"), [time(0, 0, 0), None, time(23, 59, 59)], "time"),
        (pa.time64("us"), [time(0, 0, 0, 1), None, time(23, 59, 59, 999999)], "time"),
        (pa.timestamp("us"), [WHEN, None, datetime(1, 1, 2)], "datetime"),
        (pa.timestamp("ms"), [datetime(1969, 12, 31), None, datetime(2024, 1, 1)], "datetime"),
        (pa.timestamp("us", "UTC"), [WHEN.replace(tzinfo=UTC), None, datetime(1970, 1, 1, tzinfo=UTC)], "datetime"),
        (pa.list_(pa.int64()), [[1, 2, None], None, []], "json"),
        (pa.list_(pa.string()), [["a", "ü"], None, [""]], "json"),
        (
            pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))]),
            [{"a": 1, "b": ["x"]}, None, {"a": None, "b": None}],
            "json",
        ),
        (pa.null(), [None, None, None], "string"),
    ],
    ids=str,
)
def test_a_value_arrives_as_it_was(loader: Loader, kind: pa.DataType, values: list[Any], type_name: str) -> None:
    pq.write_table(pa.table({"v": pa.array(values, kind)}), loader.path("t.parquet"))
    report = loader.load("t.parquet")
    assert report.status == "loaded", report.error
    assert loader.column("t", "v") == values
    assert [column.type for column in loader.catalog()["t"].columns] == [type_name]


def test_a_dictionary_is_stored_as_its_values(loader: Loader) -> None:
    pq.write_table(pa.table({"v": pa.array(["a", None, "b", "a"]).dictionary_encode()}), loader.path("t.parquet"))
    loader.load("t.parquet")
    assert loader.column("t", "v") == ["a", None, "b", "a"]


def test_a_zone_other_than_utc_is_the_same_moment(loader: Loader) -> None:
    moment = datetime(2024, 6, 1, 12, 0, tzinfo=UTC)
    pq.write_table(pa.table({"v": pa.array([moment], pa.timestamp("ns", "Europe/Helsinki"))}), loader.path("t.parquet"))
    loader.load("t.parquet")
    assert loader.column("t", "v") == [moment]


def test_geojson_times_keep_their_moment_and_naive_ones_stay_naive(loader: Loader) -> None:
    times = [("2024-01-02T03:04:05+02:00", "2024-01-02T03:04:05"), (None, None)]
    write_geojson(loader.path("t.geojson"), [feature({"zoned": zoned, "naive": naive}) for zoned, naive in times])
    loader.load("t.geojson")
    assert loader.column("t", "zoned") == [datetime(2024, 1, 2, 1, 4, 5, tzinfo=UTC), None]
    assert loader.column("t", "naive") == [datetime(2024, 1, 2, 3, 4, 5), None]


def test_nan_is_stored(loader: Loader) -> None:
    pq.write_table(pa.table({"v": pa.array([float("nan")])}), loader.path("t.parquet"))
    loader.load("t.parquet")
    assert np.isnan(loader.column("t", "v")[0])


def test_nan_inside_json_becomes_null(loader: Loader) -> None:
    pq.write_table(pa.table({"v": pa.array([[float("nan"), 1.0]])}), loader.path("t.parquet"))
    loader.load("t.parquet")
    assert loader.column("t", "v") == [[None, 1.0]]


def test_nul_in_text_is_removed_and_reported(loader: Loader) -> None:
    pq.write_table(pa.table({"v": pa.array(["a\0b", "c"]), "w": pa.array([["x\0"], []])}), loader.path("t.parquet"))
    report = loader.load("t.parquet")
    assert loader.column("t", "v") == ["ab", "c"]
    assert loader.column("t", "w") == [["x"], []]
    note = next(note for note in report.notes if note.code == "text-nul-removed")
    assert note.message.startswith("'v': NUL characters were removed from 1 values")


def test_a_backslash_in_a_name_is_text_in_the_report_too(loader: Loader) -> None:
    pq.write_table(pa.table({r"a\u0000z": ["x"]}), loader.path("t.parquet"))
    report = loader.load("t.parquet")
    assert report.status == "loaded", report.error
    assert r"a\u0000z" in report.collections[0].columns[0].values()


def test_a_json_column_of_a_geopackage_with_text_that_is_no_json_is_kept_as_text(loader: Loader) -> None:
    table = pa.table({"j": pa.array(['{"a": 1}', "oops", None]), "geometry": wkb(["POINT (1 2)"] * 3)})
    field = table.schema.field("j").with_metadata(
        {"ARROW:extension:name": "arrow.json", "ARROW:extension:metadata": ""}
    )
    write_ogr(loader.path("t.gpkg"), table.cast(table.schema.set(0, field)), "GPKG", geometry_type="Point")
    report = loader.load("t.gpkg")
    assert report.status == "loaded", report.error
    assert loader.column("t", "j") in ([{"a": 1}, "oops", None], ['{"a": 1}', "oops", None])


def test_times_of_a_geopackage_that_are_numbers_are_missing(loader: Loader) -> None:
    times = pa.array([WHEN] * 3, pa.timestamp("ms", "UTC"))
    path = loader.path("t.gpkg")
    write_ogr(path, pa.table({"seen": times, "geometry": wkb(["POINT (1 2)"] * 3)}), "GPKG", geometry_type="Point")
    with closing(sqlite3.connect(path)) as database:
        for [trigger] in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{trigger}"')
        database.execute("UPDATE t SET seen = 1709251198000 WHERE fid = 2")
        database.commit()
    report = loader.load("t.gpkg")
    seen = loader.column("t", "seen")
    assert [moment and moment.year for moment in seen] == [2024, None, 2024]
    assert any("'seen' holds times that are no text" in note.message for note in report.notes)
    write_ogr(loader.path("u.gpkg"), pa.table({"seen": times, "geometry": wkb(["POINT (1 2)"] * 3)}), "GPKG")
    assert not any("no text" in note.message for note in loader.load("u.gpkg").notes)


def test_names_that_isthmus_or_postgresql_needs_get_another_column_and_stay_published(loader: Loader) -> None:
    names = ["fid", "geom", "geom_3857", "ctid", "xmin", "Mixed Case", 'qu"ote', "a" * 63, "percent%s"]
    pq.write_table(pa.table({name: pa.array([number]) for number, name in enumerate(names)}), loader.path("t.parquet"))
    report = loader.load("t.parquet")
    assert report.status == "loaded", report.error
    collection = loader.catalog()["t"]
    assert [column.name for column in collection.columns] == names
    row = loader.rows("t")[0]
    assert [row[column.column] for column in collection.columns] == list(range(len(names)))
    assert row["fid"] == 1
    assert loader.one('SELECT "Mixed Case" FROM published.t') == 5


def test_ids_that_occur_twice_are_numbered_anew(loader: Loader) -> None:
    write_geojson(loader.path("t.geojson"), [feature({"n": number}, id=5) for number in range(3)])
    report = loader.load("t.geojson")
    assert report.status == "loaded", report.error
    assert sorted(loader.column("t", "n")) == [0, 1, 2]
    assert len(set(loader.column("t", "fid"))) == 3


def test_negative_ids_are_a_property_and_the_rows_are_numbered(loader: Loader) -> None:
    """GDAL gives its own numbers the name of that property."""
    write_geojson(loader.path("t.geojson"), [feature({"n": number}, id=number) for number in (1, -1)])
    report = loader.load("t.geojson")
    assert report.status == "loaded", report.error
    assert sorted((row["id"], row["n"]) for row in loader.rows("t")) == [(-1, -1), (1, 1)]
    assert len(set(loader.column("t", "fid"))) == 2


def test_too_many_columns_are_refused_before_anything_is_copied(loader: Loader) -> None:
    pq.write_table(pa.table({f"c{number}": pa.array([1]) for number in range(1501)}), loader.path("t.parquet"))
    report = loader.load("t.parquet")
    assert report.error is not None
    assert report.error["message"] == "the layer has 1501 columns, a table has at most 1500"


def test_an_empty_layer_is_an_empty_collection(loader: Loader) -> None:
    table = pa.table({"n": pa.array([], pa.int64()), "geometry": pa.array([], pa.binary())})
    write_ogr(loader.path("t.gpkg"), table, "GPKG", geometry_type="Polygon")
    report = loader.load("t.gpkg")
    assert report.status == "loaded", report.error
    collection = loader.catalog()["t"]
    assert (collection.row_count, collection.bbox_crs84, loader.rows("t")) == (0, None, [])


def test_years_that_python_cannot_hold_do_not_stop_the_load(loader: Loader) -> None:
    column = pa.array([np.datetime64("-0044-03-15T00:00:00", "us"), np.datetime64("2024-01-01T00:00:00", "us")])
    pq.write_table(pa.table({"t": column}), loader.path("t.parquet"))
    report = loader.load("t.parquet")
    assert report.status == "loaded", report.error
    assert loader.one("SELECT EXTRACT(year FROM min(t)) FROM published.t") == -45  # 45 BC: PostgreSQL has no year 0
    interval = loader.catalog()["t"].interval
    assert interval == (datetime(2024, 1, 1, tzinfo=UTC),) * 2


def test_the_first_datetime_is_the_temporal_column_before_any_date(loader: Loader) -> None:
    table = pa.table({"day": pa.array([date(2020, 1, 1)]), "seen": pa.array([WHEN]), "later": pa.array([WHEN])})
    pq.write_table(table, loader.path("t.parquet"))
    loader.load("t.parquet")
    collection = loader.catalog()["t"]
    assert collection.temporal_column == "seen"
    assert collection.interval == (WHEN.replace(tzinfo=UTC),) * 2


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
rows = st.lists(
    st.tuples(
        st.none() | text,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=False),
        st.none() | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
        st.none() | st.lists(st.none() | text, max_size=3),
    ),
    min_size=1,
    max_size=8,
)


@given(rows)
def test_any_row_arrives_as_it_was(loader: Loader, rows: list[tuple[Any, ...]]) -> None:
    kinds = [pa.string(), pa.int64(), pa.float64(), pa.timestamp("us"), pa.list_(pa.string())]
    arrays = [pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)]
    pq.write_table(pa.table(dict(zip("abcde", arrays, strict=True))), loader.path("t.parquet"))
    assert loader.load("t.parquet", force=True).status == "loaded"
    assert [tuple(row[name] for name in "abcde") for row in loader.rows("t")] == rows


def test_times_in_lists_and_objects_may_be_of_any_year(loader: Loader) -> None:
    years = pa.array([{"sums": [2**62, 0]}], pa.struct([pa.field("sums", pa.list_(pa.timestamp("us")))]))
    pq.write_table(pa.table({"n": pa.array([7]), "stats": years}), loader.path("years.parquet"))
    loader.load_all("years.parquet")
    [stats] = loader.column("years", "stats")
    assert stats["sums"][1] == "1970-01-01 00:00:00.000000"
    assert "out of range" in stats["sums"][0]


def test_properties_whose_long_names_begin_alike_stay_two(loader: Loader) -> None:
    question = "How many of the people who live in this household are older than "
    write_geojson(loader.path("survey.geojson"), [feature({f"{question}18": 3, f"{question}65": 1, "n": 7})])
    report = loader.load("survey.geojson")
    [eighteen, older, n] = [column.name for column in loader.catalog()["survey"].columns]
    assert eighteen != older
    assert {name[:56] for name in (eighteen, older)} == {question[:56]}
    assert max(len(name.encode()) for name in (eighteen, older)) <= 63
    assert n == "n"
    assert [note.code for note in report.notes].count("name-cut") == 2
