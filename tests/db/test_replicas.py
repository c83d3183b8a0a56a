"""Streaming replicas as the entrypoint makes them: copied, following, copied anew when they cannot follow any more."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from core.database.connections import conninfo
from core.settings import Settings
from support.cluster import PASSWORD, ROOT, Cluster, as_other_user, private_cluster
from support.replica import primary_cluster, unmade_replica

HEALTH = ROOT / "services/postgis/health"


def ask(settings: Settings, statement: str, **extra: str) -> list[tuple[object, ...]]:
    """The rows of a statement. Raises: psycopg.Error"""
    with psycopg.connect(conninfo(settings, **extra), autocommit=True) as connection:
        cursor = connection.execute(statement)  # type: ignore[arg-type]
        return cursor.fetchall() if cursor.description else []


def superuser(cluster: Cluster) -> Settings:
    """The tests' superuser in the template database."""
    return replace(cluster.settings_of_template(), db_user="isthmus_tests")


def wait_for(look: Callable[[], bool], what: str) -> None:
    """Until it is so. Raises: AssertionError after half a minute"""
    deadline = time.monotonic() + 30
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def has_table(cluster: Cluster, name: str) -> bool:
    """Whether the table arrived."""
    return ask(superuser(cluster), f"SELECT to_regclass('data.{name}') IS NOT NULL") == [(True,)]


def make_table(primary: Cluster, name: str) -> None:
    """A table that replicas have to get."""
    ask(superuser(primary), f"CREATE TABLE data.{name} AS SELECT 1 AS fid")


def is_healthy(replica: Cluster) -> bool:
    """What the container's health check says, which reads the reader's password."""
    return subprocess.run([HEALTH], env=replica.environment, check=False, capture_output=True).returncode == 0


def log_of(cluster: Cluster) -> str:
    """What the entrypoint and PostgreSQL said."""
    return (cluster.directory / "log").read_text()


@pytest.fixture(scope="module")
def primary() -> Iterator[Cluster]:
    """A cluster that replicas may follow."""
    with primary_cluster() as running:
        yield running


def test_a_replica_is_copied_and_follows(primary: Cluster) -> None:
    make_table(primary, "before_the_copy")
    with unmade_replica(primary) as replica:
        replica.start()
        make_table(primary, "after_the_copy")
        wait_for(lambda: has_table(replica, "after_the_copy"), "the replica follows")
        assert has_table(replica, "before_the_copy")
        assert is_healthy(replica)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            make_table(replica, "written_on_the_replica")


def test_two_replicas_follow_with_a_slot_each(primary: Cluster) -> None:
    with unmade_replica(primary, "two_1") as one, unmade_replica(primary, "two_2") as two:
        one.start()
        two.start()
        make_table(primary, "for_both")
        for replica in (one, two):
            wait_for(lambda replica=replica: has_table(replica, "for_both"), "both follow")
        slots = "SELECT slot_name, active FROM pg_replication_slots WHERE slot_name LIKE 'two_%' ORDER BY 1"
        assert ask(superuser(primary), slots) == [("two_1", True), ("two_2", True)]


def test_a_replica_that_was_away_goes_on_where_it_was(primary: Cluster) -> None:
    with unmade_replica(primary, "away") as replica:
        replica.start()
        replica.stop()
        make_table(primary, "while_it_was_away")
        replica.start()
        wait_for(lambda: has_table(replica, "while_it_was_away"), "the replica caught up")
        assert log_of(replica).count("copying the primary") == 1


def test_a_copy_that_was_interrupted_is_begun_again(primary: Cluster) -> None:
    """The slot is there already, and so is half a copy."""
    with unmade_replica(primary, "interrupted") as replica:
        ask(superuser(primary), "SELECT pg_create_physical_replication_slot('interrupted', true)")
        half = replica.directory / "pg/17.new"
        subprocess.run([*as_other_user(), "mkdir", half], check=True)
        subprocess.run([*as_other_user(), "touch", half / "PG_VERSION"], check=True)
        replica.start()
        assert is_healthy(replica)
        assert not half.exists()


def test_a_replica_whose_slot_was_given_up_is_copied_anew() -> None:
    """It was away while the primary wrote more than it keeps for it."""
    settings = ("max_slot_wal_keep_size=48MB", "max_wal_size=32MB")
    with primary_cluster(settings) as primary, unmade_replica(primary) as replica:
        replica.start()
        replica.stop()
        for number in range(8):
            make_table(primary, f"lost_{number}")
            ask(superuser(primary), "SELECT pg_switch_wal()")
        ask(superuser(primary), "CHECKPOINT")
        assert ask(superuser(primary), "SELECT wal_status FROM pg_replication_slots") == [("lost",)]
        replica.start()
        wait_for(lambda: has_table(replica, "lost_7"), "the new copy has all")
        assert "no longer keeps the log" in log_of(replica)
        wait_for(lambda: is_healthy(replica), "it follows again")


def test_a_replica_of_another_database_is_copied_anew(primary: Cluster) -> None:
    """The primary's volume was deleted, those of the replicas were not."""
    with unmade_replica(primary, "other") as replica:
        with private_cluster(more=dict(primary.more)) as another:
            replica.more["ISTHMUS_PG_PRIMARY"] = str(another.directory / "s")
            replica.start()
            replica.stop()
        replica.more["ISTHMUS_PG_PRIMARY"] = str(primary.directory / "s")
        make_table(primary, "of_this_one")
        replica.start()
        wait_for(lambda: has_table(replica, "of_this_one"), "it has this primary's tables")
        assert "another database now" in log_of(replica)


def test_a_replica_that_does_not_follow_is_ill_and_without_a_primary_it_serves() -> None:
    with primary_cluster() as primary, unmade_replica(primary) as replica:
        replica.start()
        wait_for(lambda: is_healthy(replica), "well at first")
        ask(superuser(replica), "ALTER SYSTEM SET primary_slot_name = 'nobody_made_it'")
        ask(superuser(primary), "SELECT pg_create_physical_replication_slot('unused')")
        replica.more["ISTHMUS_PG_SLOT"] = "unused"
        assert not is_healthy(replica)
        primary.stop()
        assert is_healthy(replica), "reads outlive the primary"
        replica.more["ISTHMUS_PG_SLOT"] = "replica_1"
        replica.stop()
        replica.start()
        assert "serving the copy that is here" in log_of(replica)


@contextmanager
def void(address: str) -> Iterator[None]:
    """Nobody answers at an address, and nobody refuses: its queue is full, as the packets to a container that is gone
    are lost.
    """
    with socket.create_server((address, 5432), backlog=0), socket.create_connection((address, 5432)):
        yield


def test_a_primary_that_is_gone_without_a_word_is_asked_anew_soon(primary: Cluster) -> None:
    """A SYN to a container that is gone is sent for two minutes; the swarm kills what is ill for half of one."""
    with unmade_replica(primary, "patient") as replica:
        replica.start()
        replica.stop()
        replica.more["ISTHMUS_PG_PRIMARY"] = "127.71.72.73"
        with void("127.71.72.73"):
            replica.start()
            said = "could not connect to the primary"
            wait_for(lambda: log_of(replica).count(said) > 1, "it gave up, and tried again")


def test_the_replication_role_may_copy_and_nothing_else(primary: Cluster) -> None:
    file = Path(primary.more["ISTHMUS_REPLICATION_PASSWORD_FILE"])
    role = replace(superuser(primary), db_user="isthmus_replication", db_password=file.read_text())
    with pytest.raises(psycopg.OperationalError, match="pg_hba.conf rejects"):
        ask(role, "SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        ask(replace(role, db_password=PASSWORD), "IDENTIFY_SYSTEM", replication="true")


def test_a_server_that_replicas_may_not_follow_refuses_them() -> None:
    """What every mode of Compose is: no role, no rule."""
    with private_cluster() as ordinary:
        roles = ask(superuser(ordinary), "SELECT rolname FROM pg_roles WHERE rolname = 'isthmus_replication'")
        assert roles == []
        with pytest.raises(psycopg.OperationalError, match="no pg_hba.conf entry for replication|max_wal_senders"):
            ask(superuser(ordinary), "IDENTIFY_SYSTEM", replication="true")


def test_a_copy_is_not_started_as_a_primary(primary: Cluster) -> None:
    with unmade_replica(primary, "forgetful") as replica:
        replica.start()
        replica.stop()
        del replica.more["ISTHMUS_PG_PRIMARY"]
        with pytest.raises(AssertionError, match="is a replica's: set ISTHMUS_PG_PRIMARY"):
            replica.start()


def test_a_cluster_that_is_no_copy_is_never_replaced(primary: Cluster) -> None:
    """Somebody set ISTHMUS_PG_PRIMARY for a server that has data of its own."""
    with private_cluster(more=dict(primary.more)) as another:
        make_table(another, "precious")
        another.stop()
        another.more["ISTHMUS_PG_PRIMARY"] = str(primary.directory / "s")
        with pytest.raises(AssertionError, match="is no replica's: unset ISTHMUS_PG_PRIMARY"):
            another.start()
        del another.more["ISTHMUS_PG_PRIMARY"]
        another.start()
        assert has_table(another, "precious")


def test_a_primary_that_never_comes_is_waited_for_and_named(primary: Cluster) -> None:
    """Waiting is shortened here: the script's own ten minutes are for a swarm that starts."""
    with unmade_replica(primary, "early") as replica:
        folder = replica.directory / "postgis"
        shutil.copytree(ROOT / "services/postgis", folder)
        script = folder / "replica.sh"
        script.write_text(script.read_text().replace("wait_s=600", "wait_s=1"))
        replica.more["ISTHMUS_PG_PRIMARY"] = "/nowhere"
        command = [*as_other_user(), str(folder / "entrypoint")]
        done = subprocess.run(command, env=replica.environment, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 69
    assert "no primary to copy" in done.stderr
    assert "/nowhere" in done.stderr
