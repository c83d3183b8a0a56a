"""Fixtures that every part of the tests shares: one cluster for the run, databases cloned from its template."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.cluster import Cluster, Database, private_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A private PostGIS cluster, migrated."""
    with private_cluster() as running:
        yield running


@pytest.fixture(scope="module")
def module_database(cluster: Cluster) -> Iterator[Database]:
    """A database of a test module's own, for modules that read what they loaded once."""
    database = cluster.clone()
    yield database
    cluster.drop(database)


@pytest.fixture
def database(cluster: Cluster) -> Iterator[Database]:
    """A database of a test's own, with an empty data folder."""
    database = cluster.clone()
    yield database
    cluster.drop(database)
