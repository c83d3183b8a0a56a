"""The statements that make tables, as text: names quoted, types right, nothing from outside unquoted."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest

from loader.geometry.wkb import Shape
from loader.table import ddl
from loader.table.columns import table_columns
from loader.table.ddl import Table

COLUMNS = table_columns(pa.schema([pa.field('na"me', pa.string()), pa.field("fid", pa.int16())]))
ROADS = Table("roads_7", COLUMNS, Shape("LineString", z=True), 4326)
PLAIN = Table("codes_8", COLUMNS, None, None)


def test_a_table_has_the_files_columns_between_fid_and_geometry() -> None:
    text = ddl.create_table(ROADS).as_string(None)
    begin = 'CREATE TABLE "data"."roads_7" (fid bigint NOT NULL, "isthmus_corners" integer GENERATED ALWAYS AS ('
    assert text.startswith(begin)
    assert 'STORED, "fid_1" smallint, "na""me" text, geom ' in text
    assert 'geom geometry("linestringz", 4326)' in text
    assert "geom_3857 geometry(Geometry, 3857) GENERATED ALWAYS AS" in text


def test_columns_of_one_width_come_first_and_the_widest_ahead() -> None:
    kinds = {
        "a": pa.string(),
        "b": pa.bool_(),
        "c": pa.float64(),
        "d": pa.int32(),
        "e": pa.timestamp("us"),
        "f": pa.int16(),
    }
    table = Table("codes_9", table_columns(pa.schema(list(kinds.items()))), None, None)
    text = ddl.create_table(table).as_string(None)
    assert re.findall(r'"(\w)" ', text) == ["c", "e", "d", "f", "b", "a"]


def test_a_table_without_geometry_has_none_and_no_spatial_index() -> None:
    assert "geom" not in ddl.create_table(PLAIN).as_string(None)
    assert list(ddl.create_indexes(PLAIN, ())) == []
    with pytest.raises(ValueError, match="nothing to repair"):
        list(ddl.move_from_staging(PLAIN))


def test_degrees_are_projected_without_a_function_call_and_other_systems_with_one() -> None:
    assert ddl.to_3857(4326).as_string(None).strip().startswith("CASE WHEN ST_YMin(geom) >= -85.05")
    assert ddl.to_3857(3067).as_string(None) == "isthmus.to_3857(geom)"


def test_the_copy_names_the_columns_in_the_encoders_order() -> None:
    assert ddl.copy_into(ROADS).as_string(None) == (
        'COPY "data"."roads_7" ("fid", "na""me", "fid_1", geom) FROM STDIN (FORMAT binary, FREEZE true)'
    )
    assert '"geom"' not in ddl.copy_into(PLAIN).as_string(None)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (Shape("LineString", z=True), "(ST_Force3DZ(ST_SetSRID("),
        (Shape("MultiPolygon"), "ST_Multi(ST_Force2D(ST_SetSRID("),
        (Shape("Geometry"), "(ST_Force2D(ST_SetSRID("),
    ],
)
def test_staged_rows_are_made_to_fit_the_column(shape: Shape, expected: str) -> None:
    move, drop = ddl.move_from_staging(Table("t_1", COLUMNS, shape, 3067))
    assert expected in move.as_string(None)
    assert "isthmus.straightened(geom), 3067" in move.as_string(None)
    assert drop.as_string(None) == 'DROP TABLE "isthmus_staging"'


def test_widening_drops_and_makes_the_generated_column_anew() -> None:
    texts = [statement.as_string(None) for statement in ddl.widen(ROADS, Shape("Geometry", z=True), 4326)]
    assert texts[0] == 'ALTER TABLE "data"."roads_7" DROP COLUMN geom_3857, DROP COLUMN IF EXISTS "isthmus_corners"'
    assert 'TYPE geometry("geometryz", 4326) USING ST_Force3DZ(geom)' in texts[1]
    assert "ADD COLUMN geom_3857" in texts[2]
    assert 'ADD COLUMN "isthmus_corners"' in texts[3]


def test_a_view_is_dropped_and_made_and_remembers_its_table() -> None:
    drop, create, comment = (text.as_string(None) for text in ddl.create_view("ro'ads", "roads_7", ["fid", "geom"]))
    assert drop == """DROP VIEW IF EXISTS "published"."ro'ads\""""
    assert create == """CREATE VIEW "published"."ro'ads" AS SELECT "fid", "geom" FROM "data"."roads_7\""""
    assert comment == """COMMENT ON VIEW "published"."ro'ads" IS 'roads_7'"""


def test_time_is_indexed_when_there_is_a_column_of_it() -> None:
    (column,) = table_columns(pa.schema([pa.field("seen", pa.timestamp("us"))]))
    assert [text.as_string(None) for text in ddl.create_indexes(PLAIN, [column])] == [
        'CREATE INDEX ON "data"."codes_8" ("seen")'
    ]
