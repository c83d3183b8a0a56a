"""Finds features as GeoJSON that the database writes: a page of them, whole or as a stream, or a single one."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from functools import partial
from math import inf

from api.http.slots import Slots
from api.params.values import parse_id
from api.planner.choose_plan import Reader, find_rows
from api.query.items import KEY_ALONE, FeatureKey, ItemsQuery, Presentation
from api.query.page import Page, cut_page
from api.query.page_order import order_key
from api.query.source_errors import reading
from api.sql.features.exports import copy_page
from api.sql.features.items import select_feature
from core.cache import CollectionCache
from core.catalog.collections import Collection
from core.database.connections import Database
from core.database.statement import Prepared, Statement, TextRows, prepare
from core.errors import BadValue, TooManyExports, UnknownFeature

MOST_HELD = 8_000_000
"""Bytes of features that a worker holds for a page: those of a larger one are streamed."""

WAIT_S = 1.0
"""How long an export waits for others. Of 6 small ones at once to two workers one in nine was refused without."""

statements: CollectionCache[Presentation, Prepared] = CollectionCache(capacity=50)
"""The statements of single features, put together once for each presentation."""


def find_page(reader: Reader, collection: Collection, query: ItemsQuery, *, most_bytes: float = inf) -> Page:
    """The features of a page; none when only their number is wanted.

    most_bytes: the features of a page that has more are left to `stream_page`, with what the page is without them
    """
    if query.hits_only:
        return Page((), None, None)
    key = order_key(collection, query.filter, query.sort, query.cursor)
    with reading(collection, has_values=query.has_values, filter=query.filter):
        plan, rows = find_rows(reader, collection, query, most_bytes=most_bytes)
    if not rows.is_whole and not fits(query, rows, most_bytes):
        bare = find_page(reader, collection, replace(query, presentation=KEY_ALONE))
        return replace(bare, features=(), streamed=bare.number, is_heavy=True)
    if plan.counts:
        return cut_page(query, rows, key, rows.others[0][-1] if rows.texts else 0)
    return cut_page(query, rows, key, plan.matched)


def fits(query: ItemsQuery, rows: TextRows, most_bytes: float) -> bool:
    """Whether the page fits without the extra row, which tells that there is more."""
    return len(rows.texts) > query.limit and sum(map(len, rows.texts[: query.limit])) <= most_bytes


class Streams:
    """What a worker streams from PostgreSQL, with flat memory: exports, and pages that are too large to be held.

    Each holds a connection and a thread for as long as it runs, so that only some run at once, as many as half of the
    threads, and at most half of the connections: the rest is for small requests. Fewer wait.
    """

    def __init__(self, database: Database, most: int, timeout_s: int) -> None:
        """`most`: streams at once; `timeout_s`: how long one may take in the database."""
        refusal = partial(TooManyExports, "other exports run at the moment", hint="try again in a minute")
        self.slots = Slots(most, max(1, most - 1), WAIT_S, refusal)
        self._database = database
        self._timeout_s = timeout_s

    def start(self, statement: Statement) -> Generator[bytes]:
        """The bytes of a stream. The first ones are fetched here, so that errors come before a response.

        Raises: TooManyExports; whatever the database says to the statement
        """
        self.slots.take()
        blocks = self._run(statement)
        first = next(blocks, b"")
        return resumed(first, blocks)

    def _run(self, statement: Statement) -> Generator[bytes]:
        """The blocks; the slot is free again at the end, however it comes."""
        try:
            yield from self._database.stream(statement, self._timeout_s)
        finally:
            self.slots.leave()


def resumed(first: bytes, blocks: Generator[bytes]) -> Generator[bytes]:
    """The first block and the rest. Closing this closes the rest, which a chain of iterators would not."""
    try:
        yield first
        yield from blocks
    finally:
        blocks.close()


def stream_page(
    streams: Streams, collection: Collection, query: ItemsQuery, head: bytes, tail: bytes
) -> Generator[bytes]:
    """The features of a page, with what stands ahead of them and behind. Raises: as `Streams.start`"""
    with reading(collection, has_values=query.has_values):
        return enclosed(head, streams.start(copy_page(collection, query)), tail)


def enclosed(head: bytes, features: Generator[bytes], tail: bytes) -> Generator[bytes]:
    """Features with a comma ahead each, but for the first one, between two texts; blocks may end anywhere."""
    is_first = True
    try:
        yield head
        for block in features:
            yield block[1:] if is_first else block
            is_first = is_first and not block
        yield tail
    finally:
        features.close()


def feature_key(text: str, collection: Collection) -> FeatureKey:
    """The key of an id. Raises: UnknownFeature for a text that is the id of no feature"""
    if not collection.key.is_id:
        hint = f"they have no key; /collections/{collection.id}/items?filter=… finds them by their properties"
        raise UnknownFeature(f"the features of '{collection.id}' have no ids", hint=hint, parameter="featureId")
    key = parse_id(text, collection.key)
    if key is None:
        raise unknown_feature(text, collection)
    return key


def find_feature(database: Database, collection: Collection, id: str, shown: Presentation) -> bytes:
    """A feature as a text. Raises: UnknownFeature"""
    key = feature_key(id, collection)
    statement = statements.get(collection, shown, lambda: prepare(select_feature(collection, shown)))
    values = {f"id{number}": value for number, value in enumerate(key)}
    try:
        with reading(collection):
            row = database.run_prepared(statement, values, one_plan=True)
    except BadValue as error:
        if collection.key.is_integer:
            raise
        # such as a text that is no UUID, where the key is one
        raise unknown_feature(id, collection) from error
    if row is None or row[0] is None:
        raise unknown_feature(id, collection)
    return row[0]


def unknown_feature(text: str, collection: Collection) -> UnknownFeature:
    """The error for an id that no feature has."""
    hint = f"/collections/{collection.id}/items lists the features"
    return UnknownFeature(f"'{collection.id}' has no feature '{text}'", hint=hint, parameter="featureId")
