"""Rules of the house that no linter knows: one owner for each outside thing, and every script says how it is used."""

from __future__ import annotations

import ast
import os
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "services"
SCRIPTS = [path for path in sorted((ROOT / "scripts").iterdir()) if path.is_file()]


@cache
def modules() -> list[tuple[str, ast.Module]]:
    """Each module of the services, by its path below services/. Parsed once."""
    paths = sorted(SERVICES.rglob("*.py"))
    return [(path.relative_to(SERVICES).as_posix(), ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def attributes(tree: ast.Module) -> set[str]:
    """Every `name.attribute` in a module."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name))
    return {f"{node.value.id}.{node.attr}" for node in nodes if isinstance(node.value, ast.Name)}


@pytest.mark.parametrize(
    ("names", "owner"),
    [
        ({"os.environ", "os.getenv", "os.environb"}, "core/settings.py"),
        ({"psycopg.connect"}, "core/database/connections.py"),
    ],
)
def test_one_module_owns_each_outside_thing(names: set[str], owner: str):
    users = [path for path, tree in modules() if attributes(tree) & names]
    assert users == [owner]


def test_nothing_catches_everything_and_goes_on():
    """But for what answers a mistake of ours with a 500, and what counts it against a dataset."""
    owners = ("api/middleware/fast_path.py", "loader/states/faults.py")
    for path, tree in modules():
        for node in ast.walk(tree) if path not in owners else ():
            if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) == "Exception"):
                pytest.fail(f"{path}:{node.lineno} catches everything")


def test_every_module_says_why_it_exists():
    assert [path for path, tree in modules() if not ast.get_docstring(tree)] == []


def test_a_class_name_lives_in_one_room_of_a_service():
    rooms: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path, tree in modules():
        service, _, room = path.rpartition("/")[0].partition("/")
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                rooms[service, node.name].add(room)
    assert {name: found for name, found in rooms.items() if len(found) > 1} == {}


@pytest.mark.parametrize("path", SCRIPTS, ids=[path.name for path in SCRIPTS])
def test_script_can_be_run_and_says_how(path: Path):
    text = path.read_text(encoding="utf-8")
    assert os.access(path, os.X_OK)
    assert "set -Eeuo pipefail" in text
    assert re.search(r"^# usage: ", text, re.MULTILINE)
    assert text.rstrip().endswith('main "$@"')


def test_readme_and_architecture_are_short_and_links_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 120
    assert len((ROOT / "docs/architecture.md").read_text(encoding="utf-8").splitlines()) < 150
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(path: Path):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
