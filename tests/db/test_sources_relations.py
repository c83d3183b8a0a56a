"""What relations.sql says of tables, which decides on how they are read."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from api.catalog.sources.model import parse_relation
from api.catalog.survey.watch import read_statement
from core.database.connections import conninfo
from support.cluster import Cluster, Database
from support.odd import as_superuser, database_with

TABLES = """
CREATE SCHEMA gis;
CREATE TABLE gis.plain (id integer);
CREATE MATERIALIZED VIEW gis.kept AS TABLE gis.plain;
CREATE VIEW gis.seen AS TABLE gis.plain;
CREATE TABLE gis.parent (id integer);
CREATE TABLE gis.child () INHERITS (gis.parent);
CREATE EXTENSION IF NOT EXISTS postgres_fdw SCHEMA public;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE gis.far (id integer) SERVER elsewhere;
CREATE TABLE gis.parts (id integer) PARTITION BY LIST (id);
CREATE TABLE gis.parts_0 PARTITION OF gis.parts FOR VALUES IN (0) PARTITION BY LIST (id);
CREATE TABLE gis.parts_0_0 PARTITION OF gis.parts_0 DEFAULT;
CREATE TABLE gis.partly_far (id integer) PARTITION BY LIST (id);
CREATE TABLE gis.partly_far_0 PARTITION OF gis.partly_far FOR VALUES IN (0) PARTITION BY LIST (id);
CREATE FOREIGN TABLE gis.partly_far_0_0 PARTITION OF gis.partly_far_0 DEFAULT SERVER elsewhere;
"""


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Database]:
    """A database with tables of every kind."""
    with database_with(cluster, TABLES) as database:
        yield database


def has_pages(database: Database) -> dict[str, bool]:
    """Which relations are read by pages, as the API's role sees them."""
    with psycopg.connect(conninfo(database.reader, options="-c lock_timeout=1s")) as connection:
        statement = read_statement("relations", ["gis"])
        found = map(parse_relation, connection.execute(statement.text, statement.params))
        return {relation.name: relation.has_pages for relation in found}


def test_tables_are_read_by_pages_and_those_of_partitions_too(database: Database):
    assert has_pages(database) == {
        "plain": True,
        "kept": True,
        "seen": False,
        "parent": False,
        "child": True,
        "far": False,
        "parts": True,
        "partly_far": False,
    }


def test_who_alters_a_partition_keeps_nobody_waiting(database: Database):
    with as_superuser(database) as connection:
        connection.execute("LOCK TABLE gis.parts_0_0, gis.parts IN ACCESS EXCLUSIVE MODE")
        assert has_pages(database)["parts"]
