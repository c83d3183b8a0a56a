"""A loader for a test: its own database, its own data folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from loader.catalogue import open_catalogue
from support.cluster import Database
from support.loading import Loader


@pytest.fixture
def loader(database: Database) -> Iterator[Loader]:
    """A loader on an empty catalogue."""
    with open_catalogue(database.owner) as connection:
        yield Loader(database.owner, connection)
