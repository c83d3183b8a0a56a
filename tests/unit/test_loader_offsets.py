"""Times that GDAL gives as texts: the first rows decide what a column is, and later ones lose no instant."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from loader.read.times import parse_times

AT = pa.field("at", pa.string(), metadata={"GDAL:OGR:type": "DateTime"})
TIMES = pa.schema([pa.field("n", pa.int32()), AT])
NOON = datetime(2024, 7, 1, 12, tzinfo=UTC)
LOCAL, ABROAD = "2024-07-01T12:00:00", "2024-07-01T14:00:00+02:00"


def batch(*texts: str | None) -> pa.RecordBatch:
    """Rows as GDAL gives them."""
    return pa.RecordBatch.from_pylist([{"n": 1, "at": text} for text in texts], schema=TIMES)


@pytest.mark.parametrize(
    ("batches", "kind"),
    [
        ([[], [LOCAL], [ABROAD]], pa.timestamp("us")),
        ([[ABROAD, LOCAL], [LOCAL]], pa.timestamp("us", "UTC")),
        ([[None, LOCAL, ABROAD]], pa.timestamp("us", "UTC")),
        ([[None], [], [ABROAD]], pa.timestamp("us", "UTC")),
        ([[None], [LOCAL], [ABROAD]], pa.timestamp("us")),
        ([[None], [None]], pa.timestamp("us")),
        ([[None]] * 9 + [[LOCAL, ABROAD]], pa.timestamp("us", "UTC")),
    ],
)
def test_the_first_rows_decide_and_all_are_the_same_instant(batches: list[list[str | None]], kind: pa.DataType) -> None:
    schema, found = parse_times(TIMES, [batch(*texts) for texts in batches])
    assert schema.field("at").type == kind
    times = [time for part in found for time in part.column("at").to_pylist()]
    wanted = NOON if kind == pa.timestamp("us", "UTC") else NOON.replace(tzinfo=None)
    assert times == [text and wanted for texts in batches for text in texts]


def test_columns_of_texts_stay_and_no_rows_are_read_for_them() -> None:
    texts = pa.schema([pa.field("at", pa.string())])
    unread = iter([pa.RecordBatch.from_pylist([{"at": ABROAD}], schema=texts)])
    schema, found = parse_times(texts, unread)
    assert schema == texts
    assert [part.column("at").to_pylist() for part in found] == [[ABROAD]]


def test_a_layer_without_rows_has_local_times() -> None:
    schema, found = parse_times(TIMES, [])
    assert (schema.field("at").type, list(found)) == (pa.timestamp("us"), [])
