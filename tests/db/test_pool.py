"""Pool and migrations against real PostgreSQL: limits of time and number, read-only, one migration at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from core.catalog.collections import SELECT_GENERATION
from core.database.connections import Database as Pool, connect
from core.database.hosts import AMONG_REPLICAS, OF_A_STATEMENT
from core.database.statement import MOST_PREPARED, Prepared, Statement, kept_ready, prepare
from core.errors import BadValue, CatalogueMissing, DatabaseUnavailable, IsthmusError, QueryTooSlow
from core.settings import DbTarget
from loader.sql.migrate import MIGRATION_LOCK, migrate, migrations
from support.cluster import PASSWORD, Database

WITHIN_S = 10


def statement(text: LiteralString) -> Statement:
    """A statement without values."""
    return Statement(sql.SQL(text))


def wait_until_one_waits(database: Database) -> None:
    """Until a session of this database waits for an advisory lock."""
    deadline = time.monotonic() + WITHIN_S
    look = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = %s::oid"
    with database.connect() as connection:
        connection.autocommit = True
        [own] = connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone() or [0]
        while connection.execute(look, [own]).fetchone() != (1,):
            assert time.monotonic() < deadline, "nobody waits for the lock"
            time.sleep(0.02)


def without_catalogue(database: Database) -> None:
    """The database as the first loader finds it."""
    with database.connect() as connection:
        connection.execute("DROP SCHEMA isthmus CASCADE")
        connection.execute("DROP SCHEMA published CASCADE")
        connection.execute("CREATE SCHEMA isthmus")


def test_a_migration_by_two_at_once_is_applied_by_one_of_them(database: Database):
    without_catalogue(database)
    ready = threading.Barrier(2)

    def one(_: int) -> list[int]:
        with database.connect() as connection:
            ready.wait(WITHIN_S)
            return migrate(connection)

    with ThreadPoolExecutor(2) as threads:
        applied = sorted(threads.map(one, range(2)))
    assert applied == [[], [number for number, _ in migrations()]]
    with database.connect() as connection:
        assert connection.execute("SELECT number FROM isthmus.generation").fetchall() == [(1,)]
        assert migrate(connection) == []


def test_a_migration_waits_for_the_one_under_way_and_then_finds_it_done(database: Database):
    without_catalogue(database)
    with ThreadPoolExecutor(1) as threads, database.connect() as first, database.connect() as second:
        with first.transaction():
            first.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
            later = threads.submit(migrate, second)
            wait_until_one_waits(database)
            assert not later.done()
            assert migrate(first) == [number for number, _ in migrations()]
        assert later.result(WITHIN_S) == []


def test_a_migration_that_fails_leaves_nothing_behind(database: Database, monkeypatch: pytest.MonkeyPatch):
    broken = [(901, "CREATE TABLE isthmus.half (a integer)"), (902, "SELECT nonsense")]
    monkeypatch.setattr("loader.sql.migrate.migrations", lambda: iter(broken))
    with database.connect() as connection:
        with pytest.raises(psycopg.errors.UndefinedColumn):
            migrate(connection)
        assert connection.execute("SELECT to_regclass('isthmus.half')").fetchone() == (None,)
        assert connection.execute("SELECT count(*) FROM isthmus.migrations WHERE number > 900").fetchone() == (0,)


def test_a_statement_over_its_time_is_given_up_not_earlier_and_not_much_later(database: Database):
    with closing(Pool(replace(database.reader, statement_timeout_s=1))) as opened:
        started = time.monotonic()
        with pytest.raises(QueryTooSlow) as caught:
            opened.run(statement("SELECT pg_sleep(30)"))
        assert 0.9 < time.monotonic() - started < 5
        assert "smaller bbox" in (caught.value.hint or "")
        assert opened.run(statement("SELECT 1")) == [(1,)], "the connection goes on"


def test_a_connection_goes_on_however_often_it_is_refused_something(database: Database):
    with closing(Pool(replace(database.reader, pool_size=1))) as opened:
        for _ in range(8):
            with pytest.raises(psycopg.errors.FeatureNotSupported):
                opened.run(statement("SELECT DISTINCT 1 FOR UPDATE"))
            assert opened.run(statement("SELECT 1"), one_plan=True) == [(1,)]


def test_connections_take_turns_so_that_each_replica_gets_its_share(database: Database):
    with closing(Pool(replace(database.reader, pool_size=3, db_target="prefer-standby"))) as opened:
        for connection in [opened.pool.getconn() for _ in range(3)]:
            opened.pool.putconn(connection)
        assert len({opened.run(statement("SELECT pg_backend_pid()"))[0][0] for _ in range(6)}) == 3


def test_a_limit_of_one_statement_is_not_that_of_the_next(database: Database):
    limit, slow = statement("SHOW statement_timeout"), statement("SELECT pg_sleep(5)")
    with closing(Pool(replace(database.reader, pool_size=1, statement_timeout_s=20))) as opened:
        for seconds, expected in ((None, "20s"), (0.25, "250ms"), (0.25, "250ms"), (2.5, "2500ms"), (None, "20s")):
            assert opened.run(limit, timeout_s=seconds) == [(expected,)]
            with pytest.raises(QueryTooSlow):
                opened.run(slow, timeout_s=0.05)
        assert opened.run_prepared(prepared("SELECT current_setting('statement_timeout')"), {}) == (b"20s",)


def test_a_statement_of_one_plan_is_planned_once_and_others_for_their_values(database: Database):
    def plans(opened: Pool) -> tuple[int, int]:
        text = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%%twice%%'"
        [found] = opened.run(statement(text + " AND statement NOT LIKE '%%pg_prepared%%'")) or [(0, 0)]
        return found

    asked = Statement(sql.SQL("SELECT %(n)s::int AS twice"), {"n": 1})
    with closing(Pool(replace(database.reader, pool_size=1))) as opened:
        for _ in range(3):
            assert opened.run(asked, one_plan=True) == [(1,)]
        assert plans(opened) == (3, 0)
        assert opened.run(statement("SHOW plan_cache_mode")) == [("force_custom_plan",)]
        assert opened.run(statement("SHOW plan_cache_mode"), one_plan=True) == [("force_generic_plan",)]
        assert opened.run(statement("SHOW plan_cache_mode"), one_plan=None) == [("force_generic_plan",)]
        assert opened.run(statement("SHOW statement_timeout"), one_plan=None, timeout_s=3) == [("3s",)]
        assert opened.run(statement("SHOW plan_cache_mode"), one_plan=None, timeout_s=3) == [("force_generic_plan",)]


def test_an_exhausted_pool_is_unavailable_when_the_wait_is_over_and_free_again_later(database: Database):
    settings = replace(database.reader, pool_size=1, pool_wait_s=0.4)
    with closing(Pool(settings)) as opened, ThreadPoolExecutor(1) as threads, database.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(7)")
        opened.run(statement("SELECT 1"))
        busy = threads.submit(opened.run, statement("SELECT 1 FROM pg_advisory_lock_shared(7)"))
        wait_until_one_waits(database)
        started = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            opened.run(statement("SELECT 1"))
        assert 0.35 < time.monotonic() - started < 5, "waits as long as the settings say, and only once"
        holder.execute("SELECT pg_advisory_unlock(7)")
        assert busy.result(WITHIN_S) == [(1,)]
        assert opened.run(statement("SELECT 2")) == [(2,)]


def test_a_pool_has_no_more_connections_than_the_settings_say(database: Database):
    name = database.reader.db_name
    with (
        closing(Pool(replace(database.reader, pool_size=3, pool_wait_s=5))) as opened,
        ThreadPoolExecutor(12) as threads,
    ):
        rows = list(threads.map(opened.run, [statement("SELECT pg_backend_pid() FROM pg_sleep(0.02)")] * 36))
        with database.connect() as connection:
            count = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename = 'isthmus_reader'"
            counted = connection.execute(count, [name]).fetchone()
    assert 1 < len({row[0][0] for row in rows}) <= 3
    assert counted is not None
    assert counted[0] <= 3


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE data.mine (a integer)",
        "UPDATE isthmus.generation SET number = 99 RETURNING number",
        "DELETE FROM isthmus.collections RETURNING id",
        "SELECT nextval('isthmus.versions_version_seq')",
    ],
)
def test_a_connection_of_the_pool_refuses_to_write(database: Database, text: LiteralString):
    with closing(Pool(database.owner)) as opened:  # the owner has every right: what refuses is the connection
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            opened.run(statement(text))
        assert opened.run(SELECT_GENERATION) == [(1,)]


def test_the_reader_has_no_right_to_write_either(database: Database):
    with connect(database.reader) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.commit()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE isthmus.generation SET number = 99")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1 / 0", BadValue),
        ("SELECT 'x'::integer", BadValue),
        ("SELECT 9223372036854775807 + 1", BadValue),
        ("SELECT ST_Transform(ST_Point(1e30, 1e30, 3067), 4326)", BadValue),
        ("SELECT * FROM data.gone", CatalogueMissing),
        ("SELECT * FROM nowhere.gone", CatalogueMissing),
    ],
)
def test_real_errors_become_ours(database: Database, text: LiteralString, expected: type[IsthmusError]):
    with closing(Pool(database.reader)) as opened, pytest.raises(IsthmusError) as caught:
        opened.run(statement(text))
    assert type(caught.value) is expected
    assert "gone" not in str(caught.value)


def test_a_system_that_cannot_be_used_is_no_fault_of_who_asks_next(database: Database):
    with connect(replace(database.owner, db_user="isthmus_tests")) as connection:
        connection.execute("INSERT INTO spatial_ref_sys (srid, srtext) VALUES (990001, 'no system')")
    usual = statement("SELECT ST_X(ST_Transform(ST_Point(1e5, 0, 3857), 4326)) > 0.8")
    with closing(Pool(replace(database.reader, pool_size=1))) as opened:
        assert opened.run(usual) == [(True,)]
        for _ in range(2):
            with pytest.raises(BadValue):
                opened.run(statement("SELECT ST_Transform(ST_Point(1, 1, 990001), 4326)"))
            assert opened.run(usual) == [(True,)]


def test_a_mistake_in_our_own_sql_is_not_hidden(database: Database):
    with closing(Pool(database.reader)) as opened, pytest.raises(psycopg.errors.SyntaxError):
        opened.run(statement("SELEC 1"))


def prepared(text: LiteralString) -> Prepared:
    """A statement to keep."""
    return prepare(statement(text))


SUM = prepared("SELECT %(a)s::integer + %(b)s::integer + %(a)s::integer || '%%'")
KEPT: LiteralString = "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'isthmus_%'"


def test_a_prepared_statement_takes_its_values_by_name(database: Database):
    with closing(Pool(replace(database.reader, pool_size=1))) as opened:
        assert opened.run_prepared(SUM, {"b": 5, "a": 2, "c": 0}) == (b"9%",)
        assert opened.run_prepared(SUM, {"b": "1", "a": "-1"}) == (b"-1%",)
        assert opened.run(statement(KEPT)) == [(1,)]


def test_a_prepared_statement_without_a_row_gives_nothing(database: Database):
    with closing(Pool(database.reader)) as opened:
        assert opened.run_prepared(prepared("SELECT 1 WHERE %(a)s::text = 'x'"), {"a": "é'\\"}) is None
        assert opened.run_prepared(prepared("SELECT %(a)s::text"), {"a": "é'\\"}) == ("é'\\".encode(),)


def test_a_prepared_statement_gives_all_of_its_first_row_as_it_is(database: Database):
    text = sql.SQL("SELECT 'é', decode('0061ff', 'hex'), %(n)s >> (%(n)s - 2::smallint), 7::bigint, NULL")
    asked = prepare(Statement(text, {"n": 40_000}))
    with closing(Pool(database.reader)) as opened:
        row = opened.run_prepared(asked, {"n": 3})
        assert row == ("é".encode(), b"\0a\xff", b"\0\0\0\1", b"\0\0\0\0\0\0\0\7", None)


def test_a_connection_keeps_only_so_many_prepared_statements(database: Database):
    with closing(Pool(replace(database.reader, pool_size=1))) as opened:
        for number in range(MOST_PREPARED + 20):
            asked = prepare(Statement(sql.SQL("SELECT {}::text").format(number)))
            assert opened.run_prepared(asked, {}) == (b"%d" % number,)
            opened.run_prepared(SUM, {"a": 1, "b": 1})
        assert opened.run(statement(KEPT)) == [(MOST_PREPARED,)]
        assert opened.run(statement("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%||%'")) == [
            (1,)
        ]


@pytest.mark.parametrize("forget", ["DEALLOCATE ALL", "DISCARD ALL"])
def test_a_prepared_statement_that_the_server_forgot_is_prepared_again(database: Database, forget: LiteralString):
    with closing(Pool(replace(database.reader, pool_size=1))) as opened:
        opened.run_prepared(SUM, {"a": 1, "b": 1})
        opened.run_prepared(prepared("SELECT text '1'"), {})
        with opened.pool.connection() as connection:
            connection.execute(forget)
        assert opened.run_prepared(prepared("SELECT text '1'"), {}) == (b"1",)
        assert opened.run_prepared(SUM, {"a": 1, "b": 1}) == (b"3%",)
        assert opened.run_prepared(prepared("SELECT text '1'"), {}) == (b"1",)


def test_errors_of_prepared_statements_become_ours_and_the_connection_goes_on(database: Database):
    with closing(Pool(replace(database.reader, pool_size=1, statement_timeout_s=1))) as opened:
        for text, expected in (
            ("SELECT 1 / %(a)s::integer", BadValue),
            ("SELECT %(a)s::uuid", BadValue),
            ("SELECT a FROM data.gone", CatalogueMissing),
            ("SELECT pg_sleep(30)", QueryTooSlow),
        ):
            for _ in range(2):
                with pytest.raises(expected):
                    opened.run_prepared(prepared(text), {"a": 0})
        assert opened.run_prepared(SUM, {"a": 1, "b": 1}) == (b"3%",)


FAILS = """
CREATE FUNCTION public.fails(state text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'on purpose' USING ERRCODE = state;
END $$
"""


@pytest.mark.parametrize(
    ("state", "target", "runs", "expected"),
    [
        ("57P01", "any", OF_A_STATEMENT.most_runs, DatabaseUnavailable),  # the session was ended
        ("40001", "any", OF_A_STATEMENT.most_runs, DatabaseUnavailable),  # a replica gave it up
        ("42P01", "prefer-standby", AMONG_REPLICAS.most_runs, CatalogueMissing),  # a replica is behind
        ("42P01", "any", 1, CatalogueMissing),
        ("22023", "any", 1, BadValue),
        ("57014", "any", 1, QueryTooSlow),
        ("0A000", "any", 1, psycopg.errors.FeatureNotSupported),
    ],
)
def test_a_statement_that_fails_runs_as_often_as_the_policy_says(
    database: Database, state: str, target: DbTarget, runs: int, expected: type[Exception]
):
    with connect(replace(database.owner, db_user="isthmus_tests")) as connection:
        connection.execute(FAILS)
    settings = replace(database.reader, pool_size=1, db_target=target)
    for asked in (Statement(sql.SQL("SELECT fails({})").format(state)), kept_ready_of(state)):
        with closing(Pool(settings)) as opened:
            for run in (opened.run, opened.run_texts):
                opened.pool.pop_stats()
                with pytest.raises(expected):
                    run(asked)
                assert opened.pool.get_stats()["requests_num"] == runs, "so often it has a connection"


def kept_ready_of(state: str) -> Statement:
    """The statement that fails, as connections keep it."""
    return kept_ready(Statement(sql.SQL("SELECT fails(%(state)s)"), {"state": state}))


def test_a_statement_prepared_for_a_table_as_it_was_is_prepared_anew(database: Database):
    with connect(replace(database.owner, db_user="isthmus_tests")) as connection:
        connection.execute("CREATE TABLE public.grows AS SELECT 'one' AS name, 1 AS id")
        connection.execute("GRANT SELECT ON public.grows TO PUBLIC")
    plain = Statement(sql.SQL("SELECT name, id FROM grows"))
    with closing(Pool(replace(database.reader, pool_size=1))) as opened:
        for asked in (plain, kept_ready(plain)):
            for kind in ("bigint", "integer"):
                assert opened.run(asked, one_plan=True) == [("one", 1)]
                assert opened.run_texts(asked, one_plan=True).others[0] == (1,)
                with connect(replace(database.owner, db_user="isthmus_tests")) as connection:
                    connection.execute(sql.SQL("ALTER TABLE public.grows ALTER id TYPE {}").format(sql.SQL(kind)))


@pytest.mark.parametrize("form", [lambda some: some, kept_ready])
def test_rows_are_read_until_their_texts_have_more_bytes_than_wanted(
    database: Database, form: Callable[[Statement], Statement]
):
    text = "SELECT repeat('ä', 500), n, n * 2 FROM generate_series(%(first)s::int, 1000) AS n"
    asked = form(Statement(sql.SQL(text), {"first": 1}))
    with closing(Pool(replace(database.reader, pool_size=1))) as opened:
        whole = opened.run_texts(asked)
        assert (len(whole.texts), whole.is_whole, {*whole.texts}) == (1000, True, {"ä".encode() * 500})
        assert [*whole.others] == [(n, n * 2) for n in range(1, 1001)]
        assert (whole.others[-1], whole.others[2:4]) == ((1000, 2000), [(3, 6), (4, 8)])
        for most, number in ((0, 4), (4000, 8), (999_999, 1000)):
            some = opened.run_texts(asked, most_bytes=most)
            assert not some.is_whole
            assert 1 <= len(some.texts) <= number
            assert [*some.others] == [*whole.others[: len(some.texts)]]
            assert opened.run(statement("SELECT 1")) == [(1,)], "the connection goes on"
        assert opened.run_texts(asked, most_bytes=1_000_000).is_whole
        none = opened.run_texts(replace(asked, params={"first": 1001}))
        assert (none.texts, [*none.others], none.is_whole) == ([], [], True)


def end_session(database: Database, pid: int) -> None:
    """End a session of the reader as an administrator does, and wait until it is gone."""
    ended = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
    with connect(database.reader) as other:
        other.autocommit = True
        other.execute("SELECT pg_terminate_backend(%s)", [pid])
        deadline = time.monotonic() + WITHIN_S
        while other.execute(ended, [pid]).fetchone() != (0,):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_session_that_an_administrator_ends_costs_a_prepared_statement_nothing(database: Database):
    whose = prepared("SELECT pg_backend_pid()::text")
    with closing(Pool(replace(database.reader, pool_size=1))) as opened:
        before = opened.run_prepared(whose, {})
        assert before is not None
        end_session(database, int(before[0] or 0))
        assert opened.run_prepared(whose, {}) not in (None, before)


def test_a_session_that_an_administrator_ends_costs_the_caller_nothing(database: Database):
    with closing(Pool(replace(database.reader, pool_size=1))) as opened:
        [(pid,)] = opened.run(statement("SELECT pg_backend_pid()"))
        end_session(database, pid)
        [(now,)] = opened.run(statement("SELECT pg_backend_pid()"))
        assert now != pid


@pytest.mark.parametrize("change", [{"db_password": "wr0ng-" + PASSWORD}, {"db_user": "nobody"}, {"db_port": 1}])
def test_a_connection_that_fails_tells_no_password(database: Database, change: dict[str, str]):
    settings = replace(database.reader, **change)
    with pytest.raises(DatabaseUnavailable) as caught:
        connect(settings)
    texts = [str(caught.value), caught.value.hint or "", repr(caught.value), str(caught.value.__cause__)]
    assert not [text for text in texts if settings.db_password in text]


def test_a_pool_with_a_wrong_password_is_unavailable_and_tells_none(
    database: Database, caplog: pytest.LogCaptureFixture
):
    settings = replace(database.reader, db_password="wr0ng-secret", pool_wait_s=0.3)
    with closing(Pool(settings)) as opened, pytest.raises(DatabaseUnavailable) as caught:
        opened.run(SELECT_GENERATION)
    told = " ".join([str(caught.value), repr(caught.value.__cause__), caplog.text])
    assert "wr0ng-secret" not in told


def test_a_pool_that_was_closed_is_unavailable(database: Database):
    opened = Pool(database.reader)
    opened.close()
    with pytest.raises(DatabaseUnavailable):
        opened.run(SELECT_GENERATION)


def test_times_are_utc_and_binary_values_come_as_they_are(database: Database):
    with closing(Pool(database.reader)) as opened:
        assert opened.run(statement("SHOW timezone")) == [("UTC",)]
        assert opened.run(statement(r"SELECT '\x00ff'::bytea"), binary=True) == [(b"\x00\xff",)]


def test_a_busy_pool_is_not_taken_for_a_database_that_is_away(database: Database):
    with (
        closing(Pool(replace(database.reader, pool_size=1, pool_wait_s=0.4))) as small,
        ThreadPoolExecutor(1) as threads,
    ):
        small.run(statement("SELECT 1"))
        busy = threads.submit(small.run, statement("SELECT pg_sleep(2)"))
        time.sleep(0.2)
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(DatabaseUnavailable):
                small.run(statement("SELECT 1"))
            assert time.monotonic() - began > 0.35, "it waits as long as it is to"
        busy.result()


@pytest.mark.parametrize("form", [lambda some: some, kept_ready])
@pytest.mark.parametrize("read", ["run", "run_texts"])
def test_other_threads_run_while_one_waits_for_the_database(
    database: Database, form: Callable[[Statement], Statement], read: str
):
    waits = form(statement("SELECT 'done' FROM pg_advisory_lock_shared(7)"))
    with closing(Pool(replace(database.reader, pool_size=1))) as opened, database.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(7)")
        with ThreadPoolExecutor(1) as other:
            result = other.submit(getattr(opened, read), waits)
            wait_until_one_waits(database)  # never, where the thread that waits holds the interpreter's lock
            holder.execute("SELECT pg_advisory_unlock(7)")
            result.result(WITHIN_S)
