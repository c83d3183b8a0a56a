"""Examples of parameters, each of which can be sent as it is: made of what a collection has, and of a few of its
features.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from api.cql2.text_encoding.writer import render_text
from api.cql2.tree import ast
from api.params.items import queryable_columns, sortable_columns
from api.query.crs import CRS84, accepted_crs
from api.query.items import Filter, ItemsQuery, Presentation
from api.query.page import cut_page, render_cursor
from api.sql.features.pages import select_page
from core.bbox import BBox
from core.catalog.collections import Collection, Column, ColumnType
from core.database.connections import Database
from core.errors import IsthmusError

VALUES: dict[ColumnType, Any] = {
    "integer": 1,
    "number": 0.5,
    "boolean": True,
    "string": "a",
    "date": "2024-05-01",
    "datetime": "2024-05-01T12:00:00Z",
    "time": "12:00:00",
    "json": "{}",
    "binary": "\\x00",
}
"""For properties of which no value is known."""

UUID = "00000000-0000-0000-0000-000000000000"

COMMON: dict[str, Any] = {
    "f": "json",
    "limit": 5,
    "offset": 0,
    "resultType": "hits",
    "count": "exact",
    "filter-lang": "cql2-text",
    "skipGeometry": "true",
    "precision": 3,
    "profile": ["rfc7946"],
    "csv-geometry": "wkt",
    "zoom-level": 8,
    "crs": CRS84.uri,
    "bbox-crs": CRS84.uri,
    "filter-crs": CRS84.uri,
    "q": "a",
    "datetime": "2000-01-01T00:00:00Z/..",
    "bbox": [-10, 35, 30, 70],
    "near": [24.94, 60.17],
    "k": 3,
    "max-distance": 5000,
}
"""By the name of the parameter, whatever the collection."""

PLAIN = re.compile(r"[\w .'-]{1,40}")
"""Texts that are short enough to be read in an example, and that nothing has to be escaped for."""

SAMPLE_ROWS = 20
"""Features that are looked at: the first ones, and of each property the first value."""

SAMPLE_QUERY = ItemsQuery(SAMPLE_ROWS, presentation=Presentation(geometry=False))


@dataclass(frozen=True, slots=True)
class Sample:
    """What is known of a collection's data. `id` None: no feature has one; `cursor` None: there is no second page."""

    id: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    cursor: str | None = None


NO_SAMPLE = Sample()


def sample_of(features: Sequence[bytes], cursor: str | None) -> Sample:
    """A sample of features that are GeoJSON texts."""
    read: list[dict[str, Any]] = [json.loads(text) for text in features]
    values: dict[str, Any] = {}
    for feature in read:
        for name, value in feature["properties"].items():
            if value not in (None, ""):
                values.setdefault(name, value)
    id = next((str(feature["id"]) for feature in read if "id" in feature), None)
    return Sample(id, values, cursor)


class Samples:
    """Looks at the first features of each collection once. Safe for threads: at worst two look at the same."""

    def __init__(self, database: Database) -> None:
        """Nothing is looked at yet."""
        self._database = database
        self._known: dict[str, tuple[int, Sample]] = {}

    def of(self, collections: Iterable[Collection]) -> Mapping[str, Sample]:
        """A sample of each, by id. A source has none: its first rows may take as long as its last."""
        loaded = [collection for collection in collections if collection.source is None]
        found = {collection.id: (collection.version, self._of_one(collection)) for collection in loaded}
        self._known = {**self._known, **found}
        return {id: sample for id, (_, sample) in found.items()}

    def _of_one(self, collection: Collection) -> Sample:
        version, known = self._known.get(collection.id, (None, NO_SAMPLE))
        if version == collection.version:
            return known
        try:
            page = cut_page(
                SAMPLE_QUERY, self._database.run_texts(select_page(collection, SAMPLE_QUERY)), collection.key
            )
        except IsthmusError:
            return NO_SAMPLE
        cursor = page.next and render_cursor(page.next, Filter(), (), collection)
        return sample_of(page.features, cursor)


def items_examples(collection: Collection, sample: Sample) -> dict[str, Any]:
    """Examples of the parameters of a collection's items, by name; without those that it has no example for."""
    sample = with_id(collection, sample)
    named = [column for column in sortable_columns(collection) if column != collection.id_column]
    columns = named or sortable_columns(collection)
    found = {
        **COMMON,
        "bbox": part_of(collection.bbox_crs84),
        "near": middle_of(collection.bbox_crs84),
        "crs": accepted_crs(collection)[-1].uri,
        "datetime": since(collection),
        "ids": [sample.id] if sample.id is not None else None,
        "cursor": sample.cursor,
        "filter": filter_example(columns[0], sample) if columns else None,
        "sortby": [f"-{columns[0].name}"] if columns else None,
        "properties": [column.name for column in named[:2]] or None,
        "exclude-properties": [column.name for column in named[-1:]] or None,
        "q": next((word(value) for value in sample.values.values() if word(value)), "a"),
    }
    own = {column.name: value_example(column, sample) for column in queryable_columns(collection)}
    return {name: value for name, value in {**found, **own}.items() if value is not None}


def with_id(collection: Collection, sample: Sample) -> Sample:
    """The sample with the id among its values, where a filter can name it."""
    own = collection.id_column
    if own is None or sample.id is None or own.name in sample.values:
        return sample
    value = int(sample.id) if own.type == "integer" else sample.id
    return replace(sample, values={own.name: value, **sample.values})


def part_of(box: BBox | None) -> list[float]:
    """The middle half of a box; a part of Europe when there is none."""
    if box is None:
        return COMMON["bbox"]
    wide, high = (box.east - box.west) / 4, (box.north - box.south) / 4
    return [round(number, 4) for number in (box.west + wide, box.south + high, box.east - wide, box.north - high)]


def middle_of(box: BBox | None) -> list[float]:
    """Longitude and latitude of the middle of a box; a place in Europe when there is none."""
    return COMMON["near"] if box is None else [round(number, 4) for number in box.centre()]


def since(collection: Collection) -> str:
    """The time from the collection's first on."""
    start = collection.interval[0] if collection.interval else None
    return f"{start:%Y-%m-%d}T00:00:00Z/.." if start and start.year >= 1000 else COMMON["datetime"]


def word(value: object) -> str:
    """The first word of a text, or nothing."""
    found = re.match(r"\w{2,20}", value) if isinstance(value, str) else None
    return found[0] if found else ""


def value_example(column: Column, sample: Sample) -> Any:
    """A value of a property, one that some feature has where that can be read; None when none is known."""
    if column.choices:
        return column.choices[0]
    if column.name not in sample.values:
        return unknown_value(column)
    value = sample.values[column.name]
    if column.type == "string":
        return value if PLAIN.fullmatch(value) else VALUES["string"]
    return value.replace("+00:00", "Z") if column.type == "datetime" else value


def unknown_value(column: Column) -> Any:
    """A value that a property could have; None for a text that PostgreSQL reads as a type of its own."""
    if column.sql_type == "uuid":
        return UUID
    return None if column.type == "string" and column.sql_type else VALUES[column.type]


def filter_example(column: Column, sample: Sample) -> str:
    """A filter of one property, as CQL2 text."""
    value = value_example(column, sample)
    name = ast.Property(column.name)
    match column.type:
        case "string":
            return render_text(ast.Comparison("=", name, ast.String(str(value))))
        case "integer":
            return render_text(ast.Comparison(">=", name, ast.Number(int(value))))
        case "boolean":
            return render_text(ast.Comparison("=", name, ast.Boolean(value)))
        case _:
            return render_text(ast.Not(ast.IsNull(name)))
