"""Samples of the collections, kept for as long as their data are what they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from api.features.sample_document import NOTHING, ROWS, Sample, sample_of
from api.query.items import Filter, ItemsQuery, Presentation
from api.query.page import cut_page, render_cursor
from api.sql.features.pages import select_page
from core.catalog import Collection
from core.db import Database
from core.errors import IsthmusError

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
