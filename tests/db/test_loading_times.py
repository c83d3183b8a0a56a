"""Which columns are the time of a feature, and what the extent says of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.loading import Loader, codes, feature, wkb, write_ogr

DAY = [datetime(2020, 1, number, tzinfo=UTC) for number in range(1, 10)]
FAR = datetime(9999, 12, 31)


def write(loader: Loader, **columns: list[Any]) -> None:
    """A table of times."""
    kind = pa.timestamp("us")
    values = {name: [value and value.replace(tzinfo=None) for value in values] for name, values in columns.items()}
    pq.write_table(pa.table({name: pa.array(some, kind) for name, some in values.items()}), loader.path("t.parquet"))


def load(loader: Loader, **columns: list[Any]) -> tuple[list[str], Any]:
    """The names of the columns of time, and the interval, of a table of times."""
    write(loader, **columns)
    report = loader.load("t.parquet")
    assert report.status == "loaded", report.error
    collection = loader.catalog()["t"]
    return [column.name for column in collection.times], collection.interval


def test_features_that_last_have_the_interval_from_the_first_start_to_the_last_end(loader: Loader) -> None:
    found = load(loader, seen=[DAY[8], DAY[8]], valid_from=[DAY[3], DAY[1]], valid_to=[DAY[4], DAY[2]])
    assert found == (["valid_from", "valid_to"], (DAY[1], DAY[4]))


@pytest.mark.parametrize(
    ("start", "end", "interval"),
    [
        ([DAY[1], None], [DAY[2], DAY[3]], (None, DAY[3])),
        ([DAY[1], DAY[2]], [DAY[3], None], (DAY[1], None)),
        ([DAY[1], DAY[2]], [DAY[3], FAR], (DAY[1], None)),
        ([DAY[1], None], [DAY[3], None], (DAY[1], DAY[3])),
        ([None, None], [None, None], None),
    ],
)
def test_an_end_of_the_interval_is_open_when_some_feature_is(
    loader: Loader, start: list[Any], end: list[Any], interval: Any
) -> None:
    assert load(loader, start=start, end=end) == (["start", "end"], interval)


def test_columns_that_hold_nothing_are_passed_over(loader: Loader) -> None:
    found = load(loader, begin=[None, None], end=[None, None], created=[None, None], seen=[DAY[1], DAY[2]])
    assert found == (["seen"], (DAY[1], DAY[2]))


def test_the_side_car_chooses_the_columns(loader: Loader) -> None:
    columns = {"start": [DAY[1]], "end": [DAY[2]], "seen": [DAY[3]]}
    for line, names, interval in (
        ('time = "seen"', ["seen"], (DAY[3], DAY[3])),
        ('time = ["end", "seen"]', ["end", "seen"], (DAY[2], DAY[3])),
        ("time = []", [], None),
    ):
        loader.path("t.toml").write_text(line)
        assert load(loader, **columns) == (names, interval)


def test_a_side_car_that_names_no_column_of_times_fails_with_the_nearest(loader: Loader) -> None:
    write(loader, start=[DAY[1]])
    loader.path("t.toml").write_text('time = ["strat"]')
    report = loader.load("t.parquet")
    assert report.error is not None
    assert report.error["code"] == "side-car-invalid"
    assert report.error["hint"] == "perhaps you meant 'start'"


def test_features_that_end_before_they_start_are_reported(loader: Loader) -> None:
    write(loader, start=[DAY[1], DAY[5]], end=[DAY[2], DAY[4]])
    report = loader.load("t.parquet")
    assert codes(report) == ["table-without-geometry", "time-reversed"]
    assert report.notes[1].message == "1 features end before they start (feature 2 the first)"


def test_both_columns_are_indexed(loader: Loader) -> None:
    load(loader, start=[DAY[1]], end=[DAY[2]])
    assert loader.one("SELECT count(*) FROM pg_indexes WHERE tablename = 't_1' AND indexdef ~ '(start|\"end\")'") == 2


AT_EIGHT = datetime(2024, 7, 1, 8, tzinfo=UTC)
OFFSETS = ["2024-07-01T10:00:00+02:00", "2024-07-01T13:30:00.000+05:30", "2024-07-01T08:00:00Z"]
GPX = '<gpx version="1.1" creator="x" xmlns="http://www.topografix.com/GPX/1/1">{}</gpx>'
WAYPOINT = '<wpt lat="47" lon="8"><time>{}</time></wpt>'
KML = '<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{}</Document></kml>'
PLACEMARK = "<Placemark><TimeStamp><when>{}</when></TimeStamp></Placemark>"


def text_of_times(kind: str, times: Sequence[str]) -> tuple[str, str]:
    """A file of a format with points at times, and what it calls them."""
    if kind == "csv":
        return "\n".join(["lon,lat,at", *(f"8,47,{time}" for time in times)]), "at"
    if kind == "geojson":
        return json.dumps({"type": "FeatureCollection", "features": [feature({"at": time}) for time in times]}), "at"
    outer, inner, name = (GPX, WAYPOINT, "time") if kind == "gpx" else (KML, PLACEMARK, "timestamp")
    return outer.format("".join(inner.format(time) for time in times)), name


@pytest.mark.parametrize("kind", ["csv", "geojson", "gpx", "kml"])
def test_each_time_is_the_instant_that_its_own_offset_says(loader: Loader, kind: str) -> None:
    text, name = text_of_times(kind, OFFSETS)
    loader.path(f"t.{kind}").write_text(text)
    report = loader.load(f"t.{kind}")
    assert report.status == "loaded", report.error
    assert loader.column("t", name) == [AT_EIGHT] * 3
    assert loader.catalog()["t"].interval == (AT_EIGHT, AT_EIGHT)


def test_times_of_a_flatgeobuf_are_instants_too(loader: Loader) -> None:
    times = pa.array([AT_EIGHT], pa.timestamp("ms", "UTC"))
    write_ogr(loader.path("t.fgb"), pa.table({"at": times, "geometry": wkb(["POINT (1 2)"])}), "FlatGeobuf")
    assert loader.load("t.fgb").status == "loaded"
    assert loader.column("t", "at") == [AT_EIGHT]


@pytest.mark.parametrize(
    ("times", "found"),
    [
        (["2024-07-01 08:00", "2024-07-01 08:00:00"], [AT_EIGHT.replace(tzinfo=None)] * 2),
        (["2024-07-01T10:00:00+02:00", "2024-07-01T08:00:00"], [AT_EIGHT] * 2),
        (["2024-07-01T07:59:60Z", ""], [AT_EIGHT.replace(hour=7, minute=59, second=59), None]),
    ],
)
def test_a_column_is_of_instants_where_any_of_its_first_times_has_an_offset(
    loader: Loader, times: list[str], found: list[datetime | None]
) -> None:
    loader.path("t.csv").write_text("\n".join(["name,at", *(f"x,{time}" for time in times)]))
    assert loader.load("t.csv").status == "loaded"
    assert loader.column("t", "at") == found
