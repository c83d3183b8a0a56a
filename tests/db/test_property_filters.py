"""Filters find their rows by the indexes of properties, whatever was asked before, and the same rows as without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg import sql

from api.cql2.check.check import parse_filter
from api.params.values import equals
from api.query.items import Cursor, Filter, ItemsQuery, SortKey
from api.sql.features.items import select_count
from api.sql.features.pages import select_page
from core.catalog.collections import Collection
from core.database.connections import connect
from core.database.statement import Statement
from loader.catalogue import open_catalogue
from loader.table.property_indexes import make_all
from support.cluster import Cluster
from support.loading import Loader

ROWS = 40_000
KINDS = ("cafe", "park", "stop", "shop", "bank", "pier", "farm")
World = tuple[psycopg.Connection, Collection]


def write_things(loader: Loader) -> None:
    """Parquet with a property of each type, in no order."""
    numbers = [number * 7919 % ROWS for number in range(ROWS)]
    start = datetime(2000, 1, 1, tzinfo=UTC)
    columns = {
        "name": [f"thing {number}" for number in numbers],
        "kind": [KINDS[number % 7] if number % 4000 else "rare" for number in numbers],
        "size": pa.array([number // 4 for number in numbers], pa.int32()),
        "score": [number / 8 for number in numbers],
        "level": pa.array([number % 1000 / 10 for number in numbers], pa.float32()),
        "tower": [number if number % 50 == 0 else None for number in numbers],
        "day": [date(2000, 1, 1) + timedelta(days=number // 10) for number in numbers],
        "seen": [start + timedelta(minutes=number) for number in numbers],
        "local": [(start + timedelta(hours=number)).replace(tzinfo=None) for number in numbers],
        "story": [f"{number} {'-' * 200}" for number in numbers],
    }
    pq.write_table(pa.table(columns), loader.path("things.parquet"))
    loader.load_all("things.parquet")


@pytest.fixture(scope="module")
def world(cluster: Cluster) -> Iterator[World]:
    """A reader's connection, and the collection with its indexes."""
    database = cluster.clone()
    with open_catalogue(database.owner) as connection:
        loader = Loader(database.owner, connection)
        write_things(loader)
        make_all(connection, loader.events.append, ["things"], auto=True)
        collection = loader.catalog()["things"]
    with connect(database.reader) as reader:
        yield reader, collection
    cluster.drop(database)


FOUND = {
    # filter -> the property whose index finds it
    "size = 77": "size",
    "size = 77.0": "size",
    "size < 5": "size",
    "size >= 9990 AND kind = 'cafe'": "size",
    "size BETWEEN 20 AND 22": "size",
    "size IN (1, 5, 9999)": "size",
    "size IS NULL": "size",
    "score = 12.5": "score",
    "score > 4999.5": "score",
    "score IN (12.5, 13.5)": "score",
    "level = 3.3": "level",
    "kind = 'rare'": "kind",
    "kind = 'cafe'": "kind",
    "kind IN ('rare', 'none')": "kind",
    "name = 'thing 123'": "name",
    "name LIKE 'thing 3999%'": "name",
    "name > 'thing 999'": "name",
    "tower = 500": "tower",
    "tower < 200": "tower",
    "tower BETWEEN 100 AND 150": "tower",
    "tower IN (50, 100)": "tower",
    "day = DATE('2001-02-03')": "day",
    "day < DATE('2000-01-03')": "day",
    "local = TIMESTAMP('2000-01-02T03:00:00Z')": "local",
    "local > TIMESTAMP('2004-07-24T00:00:00Z')": "local",
    "T_BEFORE(day, DATE('2000-01-03'))": "day",
    "size = 77 OR score = 12.5": "size",
}


def query(collection: Collection, text: str, limit: int = 100) -> ItemsQuery:
    """A page of a filter in CQL2."""
    return ItemsQuery(limit, Filter(cql2=parse_filter(text, "cql2-text", collection)), count="none")


def rows(connection: psycopg.Connection, statement: Statement) -> list[tuple]:
    """The rows of a statement."""
    return connection.execute(statement.text, statement.params).fetchall()


def plan(connection: psycopg.Connection, statement: Statement) -> str:
    """How PostgreSQL finds them."""
    return "\n".join(row[0] for row in connection.execute(sql.SQL("EXPLAIN ") + statement.text, statement.params))


def read_whole(connection: psycopg.Connection, statement: Statement) -> list[tuple]:
    """The rows, without any index."""
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL enable_indexscan = off")
        connection.execute("SET LOCAL enable_bitmapscan = off")
        connection.execute("SET LOCAL enable_indexonlyscan = off")
        assert "Seq Scan" in plan(connection, statement)
        return rows(connection, statement)


@pytest.mark.parametrize(("text", "property"), FOUND.items())
def test_a_page_of_a_filter_goes_by_the_index_of_its_property(world: World, text: str, property: str):
    connection, collection = world
    statement = select_page(collection, query(collection, text))
    assert f"_{property}_property" in plan(connection, statement)
    found = rows(connection, statement)
    assert found == read_whole(connection, statement)
    assert len(found) > 0 or text == "size IS NULL"


@pytest.mark.parametrize("text", FOUND)
def test_a_count_is_that_without_the_index(world: World, text: str):
    connection, collection = world
    statement = select_count(collection, query(collection, text).filter)
    assert "_property" in plan(connection, statement)
    assert rows(connection, statement) == read_whole(connection, statement)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", "77"),
        ("score", "12.5"),
        ("level", "3.3"),
        ("kind", "rare"),
        ("name", "thing 123"),
        ("tower", "500"),
        ("day", "2001-02-03"),
        ("local", "2000-01-02T03:00:00Z"),
    ],
)
def test_a_property_as_a_parameter_goes_by_its_index(world: World, name: str, value: str):
    connection, collection = world
    column = collection.column(name)
    assert column is not None
    statement = select_page(collection, ItemsQuery(100, Filter(equals=(equals(column, value),)), count="none"))
    assert f"_{name}_property" in plan(connection, statement)
    assert rows(connection, statement) == read_whole(connection, statement) != []


@pytest.mark.parametrize(
    "text",
    ["size > 77", "kind <> 'cafe'", "name LIKE '%9'", "CASEI(kind) = CASEI('CAFE')", "tower IS NULL", "NOT size = 5"],
)
def test_what_most_rows_fulfil_is_met_along_the_key(world: World, text: str):
    connection, collection = world
    statement = select_page(collection, query(collection, text))
    assert "things_1_pkey" in plan(connection, statement)
    assert rows(connection, statement) == read_whole(connection, statement)


def test_a_page_of_a_common_value_reads_a_page_of_rows(world: World):
    """The key stands behind the value, so nothing is sorted."""
    connection, collection = world
    found = plan(connection, select_page(collection, query(collection, "kind = 'cafe'", limit=10)))
    assert "Sort" not in found
    assert "Index Cond: (kind = 'cafe'" in found


def rows_read(connection: psycopg.Connection) -> int:
    """How many rows of the table were looked at in this transaction."""
    text = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'things_1'"
    [(count,)] = connection.execute(text).fetchall()
    return count


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("size < 9000", "size < 3"),
        ("size BETWEEN 1 AND 9000", "size BETWEEN 1 AND 3"),
        ("kind = 'cafe'", "kind = 'rare'"),
        ("kind = 'cafe' AND size < 9000", "kind = 'rare' AND size < 3"),
        ("name LIKE 'thing%'", "name LIKE 'thing 3999%'"),
    ],
)
def test_a_statement_that_was_asked_with_common_values_finds_rare_ones_as_fast(world: World, wide: str, narrow: str):
    """A plan that is good for one value and kept for all would read the whole table."""
    connection, collection = world
    statement, rare = (select_page(collection, query(collection, text)) for text in (wide, narrow))
    assert statement.as_text() == rare.as_text()
    with connection.transaction():
        for _ in range(12):
            connection.execute(statement.text, statement.params, prepare=True).fetchall()
        before = rows_read(connection)
        connection.execute(rare.text, rare.params, prepare=True).fetchall()
        assert rows_read(connection) - before < 200


def sorted_query(collection: Collection, *names: str, cursor: Cursor | None = None) -> ItemsQuery:
    """A page in the order of properties, descending with a minus."""
    sort = []
    for name in names:
        column = collection.column(name.lstrip("-"))
        assert column is not None
        sort.append(SortKey(column, descending=name.startswith("-")))
    return ItemsQuery(20, Filter(), tuple(sort), cursor, count="none")


@pytest.mark.parametrize("names", [("size",), ("-size",), ("kind",), ("-kind",), ("-score", "kind"), ("day", "-level")])
def test_a_page_in_the_order_of_a_property_goes_by_its_index(world: World, names: tuple[str, ...]):
    """The first page, a late one, and the one before that: each reads few rows, and finds those of the whole order."""
    connection, collection = world
    first = select_page(collection, sorted_query(collection, *names))
    everything = read_whole(connection, select_page(collection, replace(sorted_query(collection, *names), limit=ROWS)))
    place = everything[30_000]
    key, values = (place[1],), place[2:]
    after = select_page(collection, sorted_query(collection, *names, cursor=Cursor("next", key, values)))
    before = select_page(collection, sorted_query(collection, *names, cursor=Cursor("prev", key, values)))
    assert rows(connection, first) == everything[:21]
    assert rows(connection, after) == everything[30_001:30_022]
    assert rows(connection, before) == everything[29_979:30_000][::-1]
    for statement in (first, after, before):
        assert f"_{names[0].lstrip('-')}_property" in plan(connection, statement)
        most = 12_000 if names == ("-kind",) else 200  # the key of that index goes the other way
        with connection.transaction():
            seen = rows_read(connection)
            rows(connection, statement)
            assert rows_read(connection) - seen < most


def test_a_property_with_gaps_is_sorted_with_those_at_the_end(world: World):
    connection, collection = world
    names = {column.name: column.is_filled for column in collection.columns}
    assert not names["tower"]
    assert not names["story"]  # it has no index
    assert names["size"]
    found = rows(connection, select_page(collection, sorted_query(collection, "-tower")))
    assert [int(row[2]) for row in found] == list(range(ROWS - 50, ROWS - 50 * 22, -50))


def test_a_property_with_gaps_walks_no_index_as_no_place_in_it_could_be_asked_for(world: World):
    connection, collection = world
    for cursor in (None, Cursor("next", (1,), ("9",)), Cursor("prev", (1,), ("9",))):
        statement = select_page(collection, sorted_query(collection, "tower", cursor=cursor))
        assert "Sort Key" in plan(connection, statement)
        assert rows(connection, statement) == read_whole(connection, statement)


@pytest.mark.parametrize("name", ["seen", "-seen"])
def test_times_are_sorted_by_the_index_that_they_have_from_the_load(world: World, name: str):
    connection, collection = world
    assert collection.temporal_column == "seen"
    assert "things_1_seen_idx" in plan(connection, select_page(collection, sorted_query(collection, name)))
