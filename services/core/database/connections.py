"""The only module that connects to PostgreSQL: a pool for the API, connections for the loader."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from itertools import islice
from math import inf
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool, PoolTimeout

from core.database.copy_out import copy_out
from core.database.hosts import (
    AMONG_REPLICAS,
    GRACE_S,
    OF_A_STATEMENT,
    Deadlines,
    host_keywords,
    lifetime_s,
    reads_replicas,
)
from core.database.sqlstates import TOLD, error_class, is_left_behind, is_stale, translate, translated
from core.database.statement import CHUNK_ROWS, Prepared, PreparedStatements, Row, Statement, TextRows, texts_of
from core.errors import CatalogueMissing, DatabaseUnavailable
from core.settings import Settings

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]

BRIEF_S = 0.1
"""How long a request waits for a connection while the database is away."""


def conninfo(settings: Settings, **extra: str) -> str:
    """libpq's connection string; `extra` adds or replaces its keywords."""
    keywords: dict[str, Any] = {
        "host": settings.db_host,
        "port": settings.db_port,
        "dbname": settings.db_name,
        "user": settings.db_user,
        "password": settings.db_password or None,
        "connect_timeout": 5,
        "application_name": "isthmus",
        "client_encoding": "UTF8",
        "options": "-c timezone=UTC -c intervalstyle=iso_8601",
        **host_keywords(settings),
    }
    return make_conninfo("", **{**keywords, **extra})


def connect(settings: Settings) -> Connection:
    """One connection for a program that writes, as the role in the settings.

    Raises: DatabaseUnavailable
    """
    try:
        return psycopg.connect(conninfo(settings))
    except psycopg.Error as error:
        raise translate(error) from error


def set_timeout(timeout_s: float) -> sql.Composed:
    """The statement that limits those behind it in its transaction."""
    return sql.SQL("SET LOCAL statement_timeout = {}").format(sql.Literal(max(1, round(timeout_s * 1000))))


FIND_EXTENSIONS = """
SELECT set_config(
    'search_path', concat_ws(', ', NULLIF(current_setting('search_path'), ''), quote_ident(n.nspname)), false)
FROM pg_extension AS e
JOIN pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname IN ('postgis', 'unaccent') AND n.nspname <> ALL (current_schemas(true))
"""


def find_extensions(connection: Connection) -> None:
    """Look for functions also where a database has its extensions, which need not be schema public."""
    connection.execute(FIND_EXTENSIONS)


class Spent(threading.local):
    """Seconds of this thread since `begin`. `made`: tiles that were made; `found`: tiles that were kept."""

    db_s = 0.0
    make_s = 0.0
    made = 0
    found = 0

    def begin(self) -> None:
        """Count from 0: a thread serves one request after the other."""
        self.db_s = self.make_s = 0.0
        self.made = self.found = 0


spent = Spent()
"""What the current thread has spent. Waiting for a connection is time of the database."""


class Session(NamedTuple):
    """The settings of a connection: what a statement may take, and whether it is planned once or for each set of values
    (None: as before).

    PostgreSQL does not choose: a plan for all values transforms a box once for each row, though its estimate is of one.
    """

    timeout_s: float
    one_plan: bool | None

    def settings(self) -> sql.Composed:
        """The statements that make a connection do so."""
        mode = "force_generic_plan" if self.one_plan else "force_custom_plan"
        text = sql.SQL("SET statement_timeout = {}; SET plan_cache_mode = {}")
        return text.format(sql.Literal(round(self.timeout_s * 1000)), sql.Literal(mode))


class Database:
    """A pool of read-only connections. Opened without waiting, so that the API starts before PostgreSQL does."""

    def __init__(self, settings: Settings) -> None:
        """Connections open in the background; no statement runs yet."""
        self._timeout_s = settings.statement_timeout_s
        self.filter_timeout_s = min(settings.filter_timeout_s, settings.statement_timeout_s)
        """What a statement of a client's filter may take, where that may take long (`Filter.is_heavy`)."""
        self.reads_replicas = reads_replicas(settings)
        """Whether two statements may meet different states of the database, and the later one the older state."""
        self.retries = AMONG_REPLICAS if self.reads_replicas else OF_A_STATEMENT
        # No parallel workers, no compiled plans: either takes 15 ms or more to start, and requests are many already.
        options = (
            "-c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601 -c default_transaction_read_only=on"
            " -c max_parallel_workers_per_gather=0 -c jit=off -c synchronize_seqscans=off"
            " -c plan_cache_mode=force_custom_plan"
            f" -c statement_timeout={self._timeout_s * 1000}"
        )
        self.pool = ConnectionPool[Connection](
            conninfo(settings, options=options),
            min_size=1,
            max_size=settings.pool_size,
            timeout=settings.pool_wait_s,
            # Short: an attempt given up is begun afresh by the next request, a long one backs off to half a minute.
            reconnect_timeout=3.0,
            max_lifetime=lifetime_s(settings),
            kwargs={"autocommit": True},
            configure=partial(self._in_time, find_extensions),
            open=False,
        )
        check = self.pool.check_connection
        self.pool.check_connection = lambda conn: self._look_at(conn, check)
        self._in_use = Deadlines()
        self.pool.open()
        self._sessions: WeakKeyDictionary[Connection, Session] = WeakKeyDictionary()
        self._is_away = False
        self._usual = Session(self._timeout_s, one_plan=False)
        self._prepared: WeakKeyDictionary[Connection, PreparedStatements] = WeakKeyDictionary()

    def run(
        self,
        statement: Statement,
        *,
        binary: bool = False,
        timeout_s: float | None = None,
        one_plan: bool | None = False,
        within_s: float | None = None,
    ) -> list[tuple[Any, ...]]:
        """All rows of a statement. `binary` fetches bytea as it is, not as hexadecimal text.

        `timeout_s`: what it may take in the database; None: what every statement may. `one_plan`: one plan is good for
        all values of its parameters, so connections keep it; None: it makes no difference. `within_s`: when the
        database is taken for one that hangs; None: when it lets the statement run on beyond its limit.

        Raises: DatabaseUnavailable, CatalogueMissing, QueryTooSlow
        """
        session = self._session(timeout_s, one_plan=one_plan)
        if not binary and statement.prepared is not None:
            prepared, values = statement.prepared, statement.prepared.values(statement.params)
            return self._work(session, lambda on: self._prepared_of(on).rows(prepared, values), within_s)
        prepare = True if one_plan else None  # None: after some times

        def work(connection: Connection) -> list[tuple[Any, ...]]:
            with connection.cursor(binary=binary) as cursor:
                return cursor.execute(statement.text, statement.params or None, prepare=prepare).fetchall()

        return self._work(session, work, within_s)

    def run_texts(
        self,
        statement: Statement,
        *,
        most_bytes: float = inf,
        chunk_rows: int = CHUNK_ROWS,
        timeout_s: float | None = None,
        one_plan: bool = False,
    ) -> TextRows:
        """The rows of a statement whose first column is a text, some at a time until their texts have more bytes than
        are wanted; then the statement is cancelled. Other parameters and errors: as `run`
        """
        session = self._session(timeout_s, one_plan=one_plan)
        if statement.prepared is None:
            return self._work(session, lambda on: texts_of(on, statement, most_bytes, chunk_rows))
        prepared, values = statement.prepared, statement.prepared.values(statement.params)
        return self._work(session, lambda on: self._prepared_of(on).texts(prepared, values, most_bytes, chunk_rows))

    def run_together(self, *statements: Statement) -> list[list[tuple[Any, ...]]]:
        """All rows of each of some statements, which see the database in one state. Raises: as `run`"""

        def work(connection: Connection) -> list[list[tuple[Any, ...]]]:
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                return [connection.execute(some.text, some.params or None).fetchall() for some in statements]

        return self._work(self._usual, work, self._timeout_s * len(statements) + GRACE_S)

    def run_prepared(
        self, prepared: Prepared, params: Mapping[str, Any], *, timeout_s: float | None = None, one_plan: bool = False
    ) -> Row | None:
        """The first row of a statement that connections keep prepared; None without a row. `one_plan`: as `run`

        A fifth of the CPU that `run` takes. Raises: as `run`
        """
        session = self._session(timeout_s, one_plan=one_plan)
        values = prepared.values(params)
        return self._work(session, lambda on: self._prepared_of(on).row(prepared, values))

    def _session(self, timeout_s: float | None, *, one_plan: bool | None) -> Session:
        """The settings for a statement that may take so long."""
        return Session(self._timeout_s if timeout_s is None else timeout_s, one_plan)

    def _work(self, session: Session, work: Callable[[Connection], T], within_s: float | None = None) -> T:
        """What some work on a connection gives, tried as often as the policy has it. Raises: as `run`"""
        began = time.perf_counter()
        within_s = within_s or session.timeout_s + GRACE_S
        try:
            return self.retries.run(lambda: self._attempt(session, work, within_s), self._mend)
        except psycopg.Error as error:
            raise translate(error) from error
        finally:
            spent.db_s += time.perf_counter() - began

    def _attempt(self, session: Session, work: Callable[[Connection], T], within_s: float) -> T:
        """The work once. In a contextmanager it would take 5 µs more."""
        connection = self._take(within_s)
        try:
            done = work(self._set_up(connection, session))
        except BaseException as error:
            self._give_back(connection, error)
            raise
        self._give_back(connection)
        return done

    def _set_up(self, connection: Connection, session: Session) -> Connection:
        """The connection with some settings. They stay, and are set anew only where others are wanted: one that makes
        tiles is likely to make the next.
        """
        last = self._sessions.get(connection, self._usual)
        if session.one_plan is None:
            session = session._replace(one_plan=last.one_plan)
        if last != session:
            connection.execute(session.settings())
            self._sessions[connection] = session
        return connection

    def _mend(self, error: Exception) -> bool:
        """Whether another attempt may succeed, after what can be done for it: dead connections are replaced, what a
        connection prepared for a table as it was before is forgotten (`_give_back`), and where replicas answer, one of
        them may have a table that another one's catalogue names.
        """
        if not isinstance(error, psycopg.Error):
            return False
        kind = error_class(error)
        if kind is CatalogueMissing or is_stale(error):
            return self.reads_replicas or kind is None
        if kind is not DatabaseUnavailable or isinstance(error, PoolTimeout):
            return False
        self.pool.check()
        return True

    def _take(self, within_s: float) -> Connection:
        """A connection of the pool, to be given back within a time. While the database is away nobody waits long:
        threads are needed for what is cached.

        It is taken for away when it hangs, or when there is no connection in time, and nobody has one; until there is
        one again.
        """
        try:
            connection = self.pool.getconn(BRIEF_S if self._is_away else None)
        except PoolTimeout:
            self._is_away = self._is_away or not self._in_use
            raise
        self._is_away = False
        self._in_use.begin(connection, within_s)
        return connection

    def _give_back(self, connection: Connection, error: BaseException | None = None) -> None:
        """Give it back to the pool, which ends what it is in the middle of.

        Raises: DatabaseUnavailable where the database let the time of the connection pass. None of the others is used
        again then, and the request does not try again: it has waited long.
        """
        if error is not None:
            self._clean(connection, error)
        is_late = self._in_use.end(connection)
        if is_late:
            connection.close()
        self.pool.putconn(connection)
        if is_late and isinstance(error, psycopg.Error):
            self._is_away = True
            self.pool.drain()
            detail, hint = TOLD[DatabaseUnavailable]
            raise DatabaseUnavailable(detail, hint=hint) from error

    def _in_time(self, work: Callable[[Connection], None], connection: Connection) -> None:
        """Work of the pool on a connection that nobody has, cut off when it takes long. Raises: psycopg.Error"""
        self._in_use.begin(connection, GRACE_S)
        try:
            work(connection)
        finally:
            if self._in_use.end(connection):
                self._is_away = True
                connection.close()

    def _look_at(self, connection: Connection, check: Callable[[Connection], None]) -> None:
        """Whether an idle connection still works. Where one hangs, so do those behind it. Raises: psycopg.Error"""
        if self._is_away:
            connection.close()
        self._in_time(check, connection)

    def _clean(self, connection: Connection, error: BaseException) -> None:
        """Rid a connection of what an error leaves behind."""
        if self.reads_replicas and isinstance(error, psycopg.errors.UndefinedTable):
            connection.close()  # the pool makes another one, to another replica perhaps
        if is_stale(error):  # psycopg forgets what it prepared at a ROLLBACK, but not at each DEALLOCATE
            with suppress(psycopg.Error), connection.transaction(force_rollback=True):
                connection.execute("DEALLOCATE ALL")
        if is_left_behind(error):
            with suppress(psycopg.Error):
                connection.execute("SELECT ST_Transform(ST_Point(0, 0, 4326), 3857)")  # gets the error for others

    @contextmanager
    def _lease(self, within_s: float) -> Generator[Connection]:
        """A connection for as long as the block, and at most so long."""
        connection = self._take(within_s)
        try:
            yield connection
        except BaseException as error:
            self._give_back(connection, error)
            raise
        self._give_back(connection)

    def _prepared_of(self, connection: Connection) -> PreparedStatements:
        known = self._prepared.get(connection)
        if known is None:
            known = self._prepared[connection] = PreparedStatements(connection)
        return known

    def stream(self, statement: Statement, timeout_s: int) -> Generator[bytes]:
        """The bytes that `COPY … TO STDOUT` sends, some KB of whole rows at a time, whatever the size of the whole.

        Of a binary one, which must be of one column, the values alone.

        COPY takes no parameters, so psycopg writes the values into its text, quoted. When the generator is closed early
        the statement is cancelled. Raises: as `run`, at the first step or later
        """
        with translated():
            first, others = self.retries.run(lambda: begin(self._copy_out(statement, timeout_s)), self._mend)
            try:
                yield from first
                yield from others
            finally:
                others.close()

    def _copy_out(self, statement: Statement, timeout_s: int) -> Generator[bytes]:
        with self._lease(timeout_s + GRACE_S) as connection, connection.transaction():
            connection.execute(set_timeout(timeout_s))
            text = psycopg.ClientCursor(connection).mogrify(statement.text, statement.params or None)
            with closing(copy_out(connection, text.encode(), values=True)) as blocks:
                yield from blocks

    def render(self, statement: Statement) -> str:
        """The statement as one text with its values in it, quoted, for another process. Raises: DatabaseUnavailable"""
        with translated(), self.pool.connection() as connection:
            return psycopg.ClientCursor(connection).mogrify(statement.text, statement.params or None)

    def close(self) -> None:
        """Close every connection; in-flight requests end with an error."""
        self.pool.close()
        self._in_use.close()


def begin(chunks: Generator[T]) -> tuple[list[T], Generator[T]]:
    """The first of some values, if there are any, and the others. Raises: what making the first one raises"""
    return list(islice(chunks, 1)), chunks
