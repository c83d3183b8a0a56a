"""Fixtures that every part of the tests shares: one cluster for the run, databases cloned from its template."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support.cluster import Cluster, Database, private_cluster

settings.register_profile(
    "commit", max_examples=25, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
settings.register_profile("long", max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("commit")
OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Add to the file TEST_COUNTS how many tests of each part ended how, and which failed, for scripts/test."""
    path = os.environ.get("TEST_COUNTS")
    if not path or hasattr(config, "workerinput"):  # a worker of xdist knows its own tests only
        return
    ended = [(how, report.nodeid) for how in OUTCOMES for report in terminalreporter.stats.get(how, [])]
    counts = Counter((nodeid.split("/")[1], how) for how, nodeid in ended)
    with Path(path).open("a", encoding="utf-8") as file:
        for part in sorted({part for part, _ in counts}):
            told = ", ".join(f"{counts[part, how]} {how}" for how in OUTCOMES if counts[part, how])
            file.write(f"{os.environ.get('TEST_LABEL', '')}{part:8} {told}\n")
        file.writelines(f"FAILED {nodeid}\n" for how, nodeid in ended if how in ("failed", "error"))


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
