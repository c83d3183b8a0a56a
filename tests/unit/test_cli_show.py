"""What the command line prints, from values."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from cli import show
from core.bbox import BBox
from core.catalog.collections import Collection, Column
from core.catalog.files import KeptVersion
from loader.report import Note
from loader.table.index_rule import PropertyIndex

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KNOWN: dict[str, Any] = {
    "id": "roads",
    "title": "Roads",
    "attribution": "Me",
    "source_path": "a/roads.gpkg",
    "version": 7,
    "table": "roads_7",
    "row_count": 12345,
    "srid": 3067,
    "geometry_type": "LineString",
    "bbox_crs84": BBox(24, 60, 25, 61),
    "temporal_column": "built",
    "interval": (WHEN, None),
    "columns": (Column("name", "name", "string"), Column("fid", "fid_1", "integer")),
    "loaded_at": WHEN,
    "changed_at": WHEN,
}
ROADS = Collection(**{field.name: KNOWN.get(field.name) for field in fields(Collection) if field.init})
TABLE = replace(ROADS, id="t", srid=None, geometry_type=None, bbox_crs84=None, temporal_column=None, interval=None)


def test_a_table_has_columns_as_wide_as_their_longest_value_and_no_spaces_at_the_end() -> None:
    assert show.table([["a", "bb"], ["ccc", ""]], ["X", "Y"]).splitlines() == ["X    Y", "a    bb", "ccc"]


def test_the_list_shows_numbers_geometry_and_file() -> None:
    head, roads, table = show.list_text([ROADS, TABLE]).splitlines()
    assert head.split() == ["NAME", "ROWS", "GEOMETRY", "CRS", "LOADED", "(UTC)", "FILE"]
    assert roads.split() == ["roads", "12,345", "LineString", "EPSG:3067", "2026-01-02", "03:04", "a/roads.gpkg"]
    assert table.split()[2:4] == ["-", "-"]
    assert head.index("ROWS") + 4 == roads.index("12,345") + 6  # right-aligned


def test_the_json_of_a_collection_is_plain_values() -> None:
    values = show.collection_json(ROADS)
    assert values["bbox_crs84"] == [24, 60, 25, 61]
    assert values["interval"] == ["2026-01-02T03:04:05+00:00", None]
    assert values["table"] == "data.roads_7"
    assert show.collection_json(TABLE)["interval"] is None
    assert show.collection_json(TABLE)["bbox_crs84"] is None


def test_info_leaves_out_what_is_not_known() -> None:
    versions = show.versions_json([KeptVersion(7, WHEN, 12345, True), KeptVersion(6, WHEN, 1, False)])
    text = show.info_text({**show.collection_json(ROADS), "indexes": [], "versions": versions})
    assert "INDEX OF" not in text
    assert "description" not in text
    assert "attribution  Me" in text
    assert "7        2026-01-02T03:04:05  12,345  served" in text
    assert "6        2026-01-02T03:04:05  1       kept" in text


def test_info_shows_indexes_that_are_made_to_be_made_and_impossible() -> None:
    indexes = [
        PropertyIndex("7_1_size_property", "size", "size", 9_306_112, seconds=0.418),
        PropertyIndex("7_2_name_property", "name", "name", 31_000_000),
        PropertyIndex("", "sice", "", 0, problem="there is no such property"),
    ]
    text = show.info_text({**show.collection_json(ROADS), "indexes": show.indexes_json(indexes), "versions": []})
    assert text.split("\n\n")[2].splitlines() == [
        "INDEX OF        MB  SECONDS  STATE",
        "size           9.3      0.4  made",
        "name             -        -  to be made",
        "sice             -        -  not made: there is no such property",
    ]


REPORT: dict[str, Any] = {
    "path": "a/roads.gpkg",
    "status": "loaded",
    "because": "the file is new",
    "ended_at": "2026-01-02T03:04:05+00:00",
    "error": None,
    "collections": [
        {
            "id": "roads",
            "rows": 12345,
            "geometry_type": "LineString",
            "srid": 3067,
            "crs_from": "file",
            "columns": [{}, {}],
            "seconds": 1.25,
        }
    ],
    "notes": [],
}


def test_a_report_of_a_load_names_each_collection() -> None:
    assert show.report_text(REPORT).splitlines() == [
        "a/roads.gpkg: loaded (the file is new)",
        "at 2026-01-02T03:04:05 UTC",
        "roads: 12,345 rows, LineString, EPSG:3067 (file), 2 columns, 1.2 s",
    ]


def test_a_report_of_a_failure_has_the_error_and_its_hint() -> None:
    error = {"message": "It is broken.", "hint": "Mend it."}
    lines = show.report_text({**REPORT, "status": "failed", "collections": [], "error": error}).splitlines()
    assert lines[2:] == ["error: It is broken.", "  Mend it."]
    lines = show.report_text({**REPORT, "collections": [], "error": {**error, "hint": None}}).splitlines()
    assert lines[2:] == ["error: It is broken."]


def test_a_note_names_its_collection_and_its_hint() -> None:
    assert show.note_text(Note("info", "x", "Odd.")) == "info: Odd."
    assert show.note_text(Note("warning", "x", "Odd.", "Look.", "roads")) == "warning: roads: Odd.\n  Look."
