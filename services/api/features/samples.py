"""A few features of each collection, for examples that work on the data as they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from api.query.items import Filter, ItemsQuery, Presentation
from api.query.page import cut_page, render_cursor
from api.sql.features.pages import select_page
from core.catalog.collections import Collection
from core.database.connections import Database
from core.errors import IsthmusError

ROWS = 20
"""Features that are looked at: the first ones, and of each property the first value."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What is known of a collection's data. `id` None: no feature has one; `cursor` None: there is no second page."""

    id: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    cursor: str | None = None


NOTHING = Sample()


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


QUERY = ItemsQuery(ROWS, presentation=Presentation(geometry=False))


class Samples:
    """Looks at the first features of each collection once. Safe for threads: at worst two look at the same."""

    def __init__(self, database: Database) -> None:
        """Nothing is looked at yet."""
        self._database = database
        self._known: dict[str, tuple[int, Sample]] = {}

    def of(self, collections: Iterable[Collection]) -> Mapping[str, Sample]:
        """A sample of each, by id. A source has none: its first rows may take as long as its last."""
        loaded = [collection for collection in collections if collection.source is None]
        self._known = {collection.id: (collection.version, self._of_one(collection)) for collection in loaded}
        return {id: sample for id, (_, sample) in self._known.items()}

    def _of_one(self, collection: Collection) -> Sample:
        version, known = self._known.get(collection.id, (None, NOTHING))
        if version == collection.version:
            return known
        try:
            page = cut_page(QUERY, self._database.run_texts(select_page(collection, QUERY)), collection.key)
        except IsthmusError:
            return NOTHING
        cursor = page.next and render_cursor(page.next, Filter(), (), collection)
        return sample_of(page.features, cursor)
