"""Walks through rows that plain Python keeps: pages and cursors lead through all of them, forwards and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, strategies as st

from api.params.items import at_place
from api.query.items import Cursor, ItemsQuery, SortKey
from api.query.page import Page, cut_page
from core.catalog.collections import FID, Column, Key, KeyPart
from core.database.statement import TextRows

NAME = SortKey(Column("name", "name", "string"))
Row = tuple[Any, ...]


def answer(rows: list[Row], query: ItemsQuery) -> list[Row]:
    """What PostgreSQL would answer: rows are (text, fid, sort values...), in the order of the walk."""

    def order(row: Row) -> tuple[Any, ...]:
        values = [(value is None, value or "") for value in row[2:]]
        return (*values, row[1])

    ordered = sorted(rows, key=order)
    if query.cursor is not None:
        here = order(("", *query.cursor.key, *query.cursor.place))
        ordered = [row for row in ordered if (order(row) < here if query.backwards else order(row) > here)]
    if query.backwards:
        ordered.reverse()
    return ordered[query.offset : query.offset + query.limit + 1]


def cut(query: ItemsQuery, rows: list[Row], key: Key = FID) -> Page:
    """The page of some rows, as `Database.run_texts` gives them."""
    return cut_page(query, TextRows([row[0].encode() for row in rows], [row[1:] for row in rows], is_whole=True), key)


def walk(rows: list[Row], query: ItemsQuery) -> list[Page]:
    """Every page from the first to the last."""
    pages = [cut(query, answer(rows, query))]
    while pages[-1].next is not None:
        following = ItemsQuery(query.limit, sort=query.sort, cursor=pages[-1].next)
        pages.append(cut(following, answer(rows, following)))
    return pages


names = st.none() | st.sampled_from(["a", "b", "c", "d"])
some_rows = st.dictionaries(st.integers(0, 60), names, max_size=25).map(
    lambda found: [(f"<{fid}>", fid, name) for fid, name in found.items()]
)


@given(some_rows, st.integers(1, 8))
def test_walk_meets_every_row_once_in_order(rows: list[Row], limit: int):
    query = ItemsQuery(limit, sort=(NAME,))
    texts = [text.decode() for page in walk(rows, query) for text in page.features]
    everything = answer(rows, ItemsQuery(1000, sort=(NAME,)))
    assert texts == [row[0] for row in everything]


@given(some_rows, st.integers(1, 8))
def test_way_back_meets_the_same_pages(rows: list[Row], limit: int):
    pages = walk(rows, ItemsQuery(limit, sort=(NAME,)))
    for earlier, later in zip(pages, pages[1:], strict=False):
        assert later.prev is not None
        back = ItemsQuery(limit, sort=(NAME,), cursor=later.prev)
        page = cut(back, answer(rows, back))
        assert page.features == earlier.features
        assert page.next == earlier.next


@given(some_rows, st.integers(1, 8), st.integers(0, 30))
def test_offset_begins_in_the_middle_and_goes_on_by_cursor(rows: list[Row], limit: int, offset: int):
    pages = walk(rows, ItemsQuery(limit, sort=(NAME,), offset=offset))
    everything = answer(rows, ItemsQuery(1000, sort=(NAME,)))
    assert [text.decode() for page in pages for text in page.features] == [row[0] for row in everything[offset:]]
    assert (pages[0].prev is None) == (offset == 0 or offset >= len(rows))


TIED = Key((KeyPart("n", "integer"),), unique=False)
NONE = Key((), unique=False, is_id=False)


def answer_tied(rows: list[Row], query: ItemsQuery, key: Key) -> list[Row]:
    """What PostgreSQL would answer for a key that is not unique: rows are (text, key, sort value)."""

    def order(row: Row) -> tuple[Any, ...]:
        return (*[(value is None, value or "") for value in row[2:]], *row[1:2], row[0])

    ordered = sorted(rows, key=order, reverse=query.backwards)
    if query.cursor is not None:
        [here] = query.cursor.key
        ordered = [row for row in ordered if (row[1] <= here if query.backwards else row[1] >= here)]
    found = ordered[query.offset : query.offset + query.limit + 1]
    return found if key.parts else [(row[0], *row[2:]) for row in found]


def follow(query: ItemsQuery, cursor: Cursor, key: Key) -> ItemsQuery:
    """The query of a link."""
    return at_place(replace(query, offset=0, cursor=None), cursor, key)


def walk_tied(rows: list[Row], query: ItemsQuery, key: Key) -> list[tuple[ItemsQuery, Page]]:
    """Every page from the first to the last, and what was asked for it."""
    pages = [(query, cut(query, answer_tied(rows, query, key), key))]
    while (cursor := pages[-1][1].next) is not None:
        following = follow(query, cursor, key)
        pages.append((following, cut(following, answer_tied(rows, following, key), key)))
    return pages


tied_rows = st.lists(st.integers(0, 4), max_size=25).map(
    lambda keys: [(f"<{number}>", key, None) for number, key in enumerate(keys)]
)


@given(tied_rows, st.integers(1, 8), st.integers(0, 12), st.sampled_from([TIED, NONE]), st.booleans())
def test_walk_along_a_key_that_is_not_unique_meets_every_row_once(
    rows: list[Row], limit: int, offset: int, key: Key, by_name: bool
):
    rows = rows if by_name else [row[:2] for row in rows]
    query = ItemsQuery(limit, sort=(NAME,) if by_name else (), offset=offset)
    pages = walk_tied(rows, query, key)
    texts = [text.decode() for _, page in pages for text in page.features]
    everything = answer_tied(rows, replace(query, offset=0, limit=1000), key)
    assert texts == [row[0] for row in everything[offset:]]


@given(tied_rows, st.integers(1, 8), st.sampled_from([TIED, NONE]))
def test_way_back_along_a_key_that_is_not_unique_misses_nothing_where_there_is_one(
    rows: list[Row], limit: int, key: Key
):
    rows = [row[:2] for row in rows]
    pages = walk_tied(rows, ItemsQuery(limit), key)
    for (_, earlier), (query, later) in zip(pages, pages[1:], strict=False):
        one_key_only = len({row[1] for row in answer_tied(rows, query, TIED)}) == 1
        assert later.prev is not None or (key is TIED and one_key_only)
        if later.prev is not None:
            back = follow(query, later.prev, key)
            page = cut(back, answer_tied(rows, back, key), key)
            assert page.features == earlier.features
            onward = page.next and follow(query, page.next, key)
            assert onward is None or cut(onward, answer_tied(rows, onward, key), key).features == later.features


def test_page_of_no_rows_has_no_neighbours():
    assert cut(ItemsQuery(5), []) == Page((), None, None)
    assert cut(ItemsQuery(5, cursor=Cursor("next", (1,))), []) == Page((), None, None)


def test_full_last_page_has_no_next():
    assert cut(ItemsQuery(2), [("a", 1), ("b", 2)]).next is None
    assert cut(ItemsQuery(2), [("a", 1), ("b", 2), ("c", 3)]).next == Cursor("next", (2,))


def test_cursor_holds_the_sort_values_of_its_row():
    page = cut(ItemsQuery(1, sort=(NAME,)), [("a", 1, "x"), ("b", 2, None)])
    assert page.next == Cursor("next", (1,), ("x",))
