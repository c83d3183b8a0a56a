"""Walks through rows that plain Python keeps: pages and cursors lead through all of them, forwards and back."""

from __future__ import annotations

from typing import Any

from hypothesis import given, strategies as st

from api.pages import Page, cut_page
from api.query import Cursor, ItemsQuery, SortKey
from core.catalog import Column

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


def walk(rows: list[Row], query: ItemsQuery) -> list[Page]:
    """Every page from the first to the last."""
    pages = [cut_page(query, answer(rows, query))]
    while pages[-1].next is not None:
        following = ItemsQuery(query.limit, sort=query.sort, cursor=pages[-1].next)
        pages.append(cut_page(following, answer(rows, following)))
    return pages


names = st.none() | st.sampled_from(["a", "b", "c", "d"])
some_rows = st.dictionaries(st.integers(0, 60), names, max_size=25).map(
    lambda found: [(f"<{fid}>", fid, name) for fid, name in found.items()]
)


@given(some_rows, st.integers(1, 8))
def test_walk_meets_every_row_once_in_order(rows: list[Row], limit: int):
    query = ItemsQuery(limit, sort=(NAME,))
    texts = [text for page in walk(rows, query) for text in page.features]
    everything = answer(rows, ItemsQuery(1000, sort=(NAME,)))
    assert texts == [row[0] for row in everything]


@given(some_rows, st.integers(1, 8))
def test_way_back_meets_the_same_pages(rows: list[Row], limit: int):
    pages = walk(rows, ItemsQuery(limit, sort=(NAME,)))
    for earlier, later in zip(pages, pages[1:], strict=False):
        assert later.prev is not None
        back = ItemsQuery(limit, sort=(NAME,), cursor=later.prev)
        page = cut_page(back, answer(rows, back))
        assert page.features == earlier.features
        assert page.next == earlier.next


@given(some_rows, st.integers(1, 8), st.integers(0, 30))
def test_offset_begins_in_the_middle_and_goes_on_by_cursor(rows: list[Row], limit: int, offset: int):
    pages = walk(rows, ItemsQuery(limit, sort=(NAME,), offset=offset))
    everything = answer(rows, ItemsQuery(1000, sort=(NAME,)))
    assert [text for page in pages for text in page.features] == [row[0] for row in everything[offset:]]
    assert (pages[0].prev is None) == (offset == 0 or offset >= len(rows))


def test_page_of_no_rows_has_no_neighbours():
    assert cut_page(ItemsQuery(5), []) == Page((), None, None)
    assert cut_page(ItemsQuery(5, cursor=Cursor("next", (1,))), []) == Page((), None, None)


def test_full_last_page_has_no_next():
    assert cut_page(ItemsQuery(2), [("a", 1), ("b", 2)]).next is None
    assert cut_page(ItemsQuery(2), [("a", 1), ("b", 2), ("c", 3)]).next == Cursor("next", (2,))


def test_cursor_holds_the_sort_values_of_its_row():
    page = cut_page(ItemsQuery(1, sort=(NAME,)), [("a", 1, "x"), ("b", 2, None)])
    assert page.next == Cursor("next", (1,), ("x",))
