"""Every recipe of docs/cql2.md, run over the sample data: it finds as many features as the page says."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.cql2.check.check import parse_filter
from api.cql2.check.queryables import FUNCTIONS
from api.cql2.tree import ast
from api.cql2.tree.literals import MAX_DEPTH, MAX_DIGITS, MAX_LENGTH, MAX_LENGTH_JSON, MAX_NODES, MOST_PAIRS
from core.catalog.collections import Catalog
from core.database.connections import Connection
from loader.catalogue import open_catalogue
from loader.scan import scan
from support.cluster import Database
from support.cql2 import count
from support.loading import Loader

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/cql2.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"```(cql2(?:-json)?) (\w+)\n([^`]*?)\n```\nFinds \*\*([\d,]+)\*\*", PAGE)


@pytest.fixture(scope="module")
def samples(module_database: Database) -> Iterator[tuple[Connection, Catalog]]:
    """The sample data, loaded as `up` loads it."""
    with open_catalogue(module_database.owner) as connection:
        loader = Loader(module_database.owner, connection)
        shutil.copytree(ROOT / "data/samples", loader.data_dir, dirs_exist_ok=True)
        for name in scan(loader.data_dir).datasets:
            assert loader.load(name).status == "loaded"
        yield connection, loader.catalog()


@pytest.mark.parametrize(("lang", "source", "text", "expected"), RECIPES, ids=[text[:50] for _, _, text, _ in RECIPES])
def test_recipe_finds_what_the_page_says(samples, lang: str, source: str, text: str, expected: str):
    connection, catalog = samples
    tree = parse_filter(text, "cql2-json" if lang == "cql2-json" else "cql2-text", catalog[source])
    assert count(connection, catalog[source], tree) == int(expected.replace(",", "")) > 0


def test_page_has_no_recipe_that_no_test_runs():
    assert len(RECIPES) == PAGE.count("```cql2") >= 15


def test_page_names_every_operator_function_and_limit():
    operators = (*ast.SPATIAL_OPS, *ast.TEMPORAL_OPS, *ast.ARRAY_OPS)
    assert [op for op in operators if f"`{op.upper()}`" not in PAGE] == []
    assert [name for name in FUNCTIONS if f"`{name}(" not in PAGE] == []
    limits = (MAX_LENGTH, MAX_LENGTH_JSON, MAX_DEPTH, MAX_NODES, MAX_DIGITS, MOST_PAIRS)
    assert [limit for limit in limits if f"{limit:,}" not in PAGE] == []
