"""Reading from replicas: which server is taken, what one that is behind or gone costs, and what the loader leaves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from threading import Timer

import psycopg
import pytest
from psycopg import sql

from api.app import create_app
from core.database.connections import Database as Pool, connect, conninfo
from core.database.statement import Statement
from core.errors import CatalogueMissing
from core.settings import Settings
from loader.table.cleanup import clean_up
from support.cluster import Cluster, Database
from support.http import get
from support.publish import publish
from support.replica import primary_cluster, unmade_replica

PLACES = "SELECT n AS fid, ST_Point(n, n) AS geom FROM generate_series(1, 3) AS n"
SLOT = Statement(sql.SQL("SELECT current_setting('primary_slot_name')"))
"""Which server answers: the name of a replica's slot, nothing for the primary."""


@dataclass(frozen=True, slots=True)
class Servers:
    """A primary and its two replicas, with one database."""

    primary: Cluster
    replicas: tuple[Cluster, Cluster]
    database: Database

    def settings(self, settings: Settings, target: str) -> Settings:
        """Settings that name all three."""
        hosts = ",".join(str(server.directory / "s") for server in (self.primary, *self.replicas))
        return replace(settings, db_host=hosts, db_target=target)

    def ask(self, server: Cluster, statement: str) -> object:
        """The one value of a superuser's statement."""
        settings = replace(self.database.owner, db_host=str(server.directory / "s"), db_user="isthmus_tests")
        with psycopg.connect(conninfo(settings), autocommit=True) as connection:
            row = connection.execute(statement).fetchone()  # type: ignore[arg-type]
        return row[0] if row else None

    def wait_until_level(self) -> None:
        """Until both replicas have all that the primary has. Raises: AssertionError"""
        end, deadline = self.ask(self.primary, "SELECT pg_current_wal_lsn()"), time.monotonic() + 30
        for server in self.replicas:
            while not self.ask(server, f"SELECT pg_last_wal_replay_lsn() >= '{end}'"):
                assert time.monotonic() < deadline, "the replicas do not catch up"
                time.sleep(0.02)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Started once for these tests; each leaves them running and level."""
    with ExitStack() as stack:
        primary = stack.enter_context(primary_cluster())
        replicas = [stack.enter_context(unmade_replica(primary, f"reading_{n}")) for n in (1, 2)]
        for replica in replicas:
            replica.start()
        found = Servers(primary, (replicas[0], replicas[1]), primary.database("isthmus"))
        found.wait_until_level()
        yield found


@contextmanager
def standing_still(servers: Servers, *replicas: Cluster) -> Iterator[None]:
    """Replicas that apply nothing as long as the block runs."""
    for replica in replicas:
        servers.ask(replica, "SELECT pg_wal_replay_pause()")
        while servers.ask(replica, "SELECT pg_get_wal_replay_pause_state()") != "paused":
            time.sleep(0.01)
    try:
        yield
    finally:
        for replica in replicas:
            servers.ask(replica, "SELECT pg_wal_replay_resume()")
        servers.wait_until_level()


def connect_to_both(reading: Pool) -> None:
    """Fill the pool, whose connections are taken in turn, until it leads to both replicas."""
    slots = set[object]()
    while len(slots) < 2:
        with ExitStack() as stack:
            held = [stack.enter_context(reading.pool.connection()) for _ in range(reading.pool.max_size)]
            slots = {row for connection in held for row in connection.execute(SLOT.text).fetchall()}
            if len(slots) < 2:
                held[0].close()


def count(table: str) -> Statement:
    """A statement on a table of the loader's."""
    return Statement(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("data", table)))


def test_readers_get_replicas_and_writers_the_primary(servers: Servers) -> None:
    found = set[str]()
    for _ in range(20):
        with psycopg.connect(conninfo(servers.settings(servers.database.reader, "prefer-standby"))) as connection:
            found.update(slot for (slot,) in connection.execute(SLOT.text).fetchall())
        with connect(servers.settings(servers.database.owner, "read-write")) as connection:
            assert connection.execute(SLOT.text).fetchall() == [("",)]
    assert found == {"reading_1", "reading_2"}


def test_a_table_that_one_replica_does_not_have_yet_is_read_from_the_other(servers: Servers) -> None:
    with closing(Pool(servers.settings(servers.database.reader, "prefer-standby"))) as reading:
        behind, _ = servers.replicas
        with standing_still(servers, behind):
            version = publish(servers.database, "soon", PLACES, columns={})
            for _ in range(20):
                assert reading.run(count(f"soon_{version}")) == [(3,)]


def test_a_table_that_no_replica_has_yet_is_waited_for(servers: Servers) -> None:
    settings = servers.settings(servers.database.reader, "prefer-standby")
    with closing(Pool(settings)) as reading, standing_still(servers, *servers.replicas):
        version = publish(servers.database, "later", PLACES, columns={})
        began = time.monotonic()
        with pytest.raises(CatalogueMissing):
            reading.run(count(f"later_{version}"))
        assert 1.5 < time.monotonic() - began < 10
        for replica in servers.replicas:
            Timer(0.3, servers.ask, (replica, "SELECT pg_wal_replay_resume()")).start()
        assert reading.run(count(f"later_{version}")) == [(3,)]


def test_an_export_waits_for_a_replica_too(servers: Servers) -> None:
    with closing(Pool(servers.settings(servers.database.reader, "prefer-standby"))) as reading:
        behind, _ = servers.replicas
        with standing_still(servers, behind):
            version = publish(servers.database, "exported", PLACES, columns={})
            query = sql.SQL("COPY (SELECT fid FROM {}) TO STDOUT").format(sql.Identifier("data", f"exported_{version}"))
            for _ in range(10):
                assert b"".join(reading.stream(Statement(query), 10)) == b"1\n2\n3\n"


def test_a_new_version_is_served_soon_and_never_the_old_one_after_it(servers: Servers) -> None:
    """Every request sees all of a version or all of the one before, while one of the replicas stands still."""
    publish(servers.database, "towns", PLACES, columns={})
    servers.wait_until_level()
    settings = servers.settings(servers.database.reader, "prefer-standby")
    with closing(Pool(settings)) as reading, standing_still(servers, servers.replicas[0]):
        connect_to_both(reading)
        client = create_app(settings, reading).test_client()
        assert get(client, "/collections/towns/items")["numberMatched"] == 3
        publish(servers.database, "towns", PLACES.replace("3", "5"), columns={})  # type: ignore[arg-type]
        deadline, seen = time.monotonic() + 30, list[int]()
        while seen.count(5) < 150 and time.monotonic() < deadline:
            seen.append(get(client, "/collections/towns/items")["numberMatched"])
            time.sleep(0.01)
        assert set(seen) == {3, 5}
        assert seen == sorted(seen), "back to what was there before"


def test_a_replica_that_is_killed_costs_no_answer(servers: Servers) -> None:
    with closing(Pool(servers.settings(servers.database.reader, "prefer-standby"))) as reading:
        ended = time.monotonic() + 2.0
        Timer(0.5, servers.replicas[0].kill).start()
        answers = 0
        while time.monotonic() < ended:
            assert reading.run(SLOT) in ([("reading_1",)], [("reading_2",)])
            answers += 1
        assert answers > 100
        servers.replicas[0].start()
        servers.wait_until_level()


def test_without_replicas_the_primary_is_read(servers: Servers) -> None:
    for replica in servers.replicas:
        replica.stop()
    try:
        with closing(Pool(servers.settings(servers.database.reader, "prefer-standby"))) as reading:
            assert reading.run(SLOT) == [("",)]
    finally:
        for replica in servers.replicas:
            replica.start()
        servers.wait_until_level()


def test_the_loader_leaves_a_table_that_a_replica_reads(servers: Servers) -> None:
    """A long export on a replica: its table is dropped when it has ended, and not under it."""
    old = publish(servers.database, "long", PLACES, columns={})
    servers.wait_until_level()
    on_replica = replace(servers.database.reader, db_host=str(servers.replicas[0].directory / "s"))
    with connect(on_replica) as export, connect(servers.database.owner) as owner:
        export.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert export.execute(count(f"long_{old}").text).fetchall() == [(3,)]
        for _ in range(2):
            publish(servers.database, "long", PLACES, columns={})
        assert not clean_up(owner, keep_versions=2)
        time.sleep(1.5)  # longer than a replica takes to say what it reads
        assert not clean_up(owner, keep_versions=2)
        assert export.execute(count(f"long_{old}").text).fetchall() == [(3,)]
        export.rollback()
        deadline = time.monotonic() + 10
        while not clean_up(owner, keep_versions=2):
            assert time.monotonic() < deadline, "the table is never dropped"
            time.sleep(0.1)
        assert owner.execute("SELECT to_regclass(%s)", [f"data.long_{old}"]).fetchone() == (None,)
