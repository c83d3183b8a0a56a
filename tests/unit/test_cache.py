"""The cache in memory: bounds, what is dropped, and who owns what hangs on a collection."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from hypothesis import given, strategies as st

from core.cache import Cache, CollectionCache
from core.catalog.collections import Collection


def test_values_are_found_again_and_empty_ones_are_values():
    cache = Cache[str, bytes](10)
    assert cache.put("a", b"tile") == b"tile"
    cache.put("b", b"")
    assert (cache.get("a"), cache.get("b"), cache.get("c"), len(cache)) == (b"tile", b"", None, 2)


def test_the_least_recently_used_entry_is_dropped():
    dropped: list[str] = []
    cache = Cache[str, int](2, on_drop=dropped.append)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.get("a")
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c"), dropped) == (1, None, 3, ["b"])


def test_a_value_larger_than_the_capacity_is_not_stored_and_others_stay():
    cache = Cache[str, bytes](5, len)
    cache.put("a", b"1234")
    cache.put("b", b"123456")
    assert (cache.get("a"), cache.get("b"), cache.size) == (b"1234", None, 4)
    cache.put("a", b"123456")
    assert (cache.get("a"), cache.size) == (None, 0)


def test_a_capacity_of_0_holds_nothing():
    cache = Cache[str, int](0)
    cache.put("a", 1)
    assert (cache.get("a"), len(cache)) == (None, 0)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3000)), max_size=60))
def test_entries_never_cost_more_than_the_capacity_and_the_size_is_known(puts: list[tuple[int, int]]):
    cache = Cache[int, bytes](5000, lambda value: len(value) + 400)
    for key, size in puts:
        cache.put(key, b"x" * size)
        assert cache.size <= 5000
    held = [value for key in range(21) if (value := cache.get(key)) is not None]
    assert cache.size == sum(len(value) + 400 for value in held)
    assert len(cache) == len(held)


def test_threads_may_use_it_at_once():
    cache = Cache[int, int](100)

    def work(start: int) -> None:
        for number in range(2000):
            cache.put((start + number) % 300, number)
            cache.get(number % 300)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert len(cache) == cache.size == 100


def test_a_collection_has_values_of_each_owner_and_a_new_version_has_none(roads: Collection):
    names, sizes = CollectionCache[str, str](2), CollectionCache[None, int]()
    assert names.get(roads, "a", lambda: "A") == "A"
    assert names.get(roads, "a", lambda: "another") == "A"
    assert sizes.get(roads, None, lambda: 7) == 7
    assert names.get(roads, "b", lambda: "B") == names.get(roads, "b", lambda: "another") == "B"
    names.get(roads, "c", lambda: "C")
    assert names.get(roads, "a", lambda: "anew") == "anew"
    assert sizes.get(roads, None, lambda: 8) == 7
    assert names.get(replace(roads), "a", lambda: "other version") == "other version"
