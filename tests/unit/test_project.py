"""pyproject.toml, the locked requirement files and the imports say the same of what each service needs."""

from __future__ import annotations

import ast
import functools
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from click.testing import CliRunner
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cli.main import isthmus
from core import VERSION

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SCRIPT = (ROOT / "scripts/lock").read_text(encoding="utf-8")
LOCKS = {group: ROOT / path for group, path in re.findall(r"^  \[(\w+)\]=(\S+)$", SCRIPT, re.MULTILINE)}
EVERY_GROUP = pytest.mark.parametrize("group", LOCKS)
ENTRY = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>[^\\]+))? \\\n"
    r"(?P<hashes>(?: {4}--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)"
    r" {4}# via (?P<via>.+)\n",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Locked:
    """A package of a locked file, and who asked for it."""

    name: str
    version: str
    applies: bool
    via: frozenset[str]


def parse_group(name: str) -> list[Requirement]:
    """What a dependency group asks for, with the groups that it includes."""
    asked: list[Requirement] = []
    for item in PYPROJECT["dependency-groups"][name]:
        asked += [Requirement(item)] if isinstance(item, str) else parse_group(item["include-group"])
    return asked


def names(requirements: list[Requirement]) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements}


def parse_lock(group: str) -> list[Locked]:
    """Every package of a locked file, also those of another system than this."""
    found: list[Locked] = []
    for match in ENTRY.finditer(LOCKS[group].read_text(encoding="utf-8")):
        marker = match["marker"]
        applies = Marker(marker).evaluate() if marker else True
        found.append(Locked(match["name"], match["version"], applies, frozenset(match["via"].split(", "))))
    return found


def needed_by(requirements: list[Requirement]) -> set[str]:
    """The names of all packages that these need on this machine, by what the installed ones say of themselves."""
    done: set[tuple[str, frozenset[str]]] = set()
    todo = list(requirements)
    while todo:
        requirement = todo.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in done:
            continue
        done.add(key)
        for extra in ("", *requirement.extras):
            further = map(Requirement, requires(requirement.name) or [])
            todo += [item for item in further if item.marker is None or item.marker.evaluate({"extra": extra})]
    return {name for name, _ in done}


def third_party(folder: Path) -> Iterator[str]:
    """The modules of other people that a folder's modules import."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]


MODULES = functools.cache(packages_distributions)


def distributions_of(folder: Path) -> set[str]:
    """The packages whose modules a folder imports. Those of Python, of the project, and of stubs are none."""
    known = MODULES()
    wanted = set(third_party(folder)) - sys.stdlib_module_names
    return {canonicalize_name(known[module][0]) for module in wanted if module in known}


@EVERY_GROUP
def test_a_locked_file_holds_packages_with_hashes_and_nothing_else(group: str):
    text = LOCKS[group].read_text(encoding="utf-8")
    assert re.sub(r"\A(?:#.*\n)+", "", ENTRY.sub("", text)) == ""


@EVERY_GROUP
def test_what_a_group_asks_for_is_locked_at_a_version_it_allows(group: str):
    locked = {item.name: item.version for item in parse_lock(group) if item.applies}
    for requirement in parse_group(group):
        assert locked.get(canonicalize_name(requirement.name), "") in requirement.specifier, requirement


@EVERY_GROUP
def test_nothing_is_locked_that_nobody_asked_for(group: str):
    items = parse_lock(group)
    direct = {item.name for item in items if f"isthmus (pyproject.toml:{group})" in item.via}
    assert direct == names(parse_group(group))
    reached: set[str] = set()
    while found := {item.name for item in items if item.name in direct or item.via & reached} - reached:
        reached |= found
    assert reached == {item.name for item in items}


@EVERY_GROUP
def test_all_that_the_locked_packages_need_is_locked(group: str):
    assert {item.name for item in parse_lock(group) if item.applies} == needed_by(parse_group(group))


def test_a_package_has_one_version_in_all_locked_files():
    versions: dict[str, set[str]] = {}
    for item in (item for group in LOCKS for item in parse_lock(group) if item.applies):
        versions.setdefault(item.name, set()).add(item.version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    ("service", "groups"),
    [("core", ["core", "cli"]), ("api", ["api"]), ("loader", ["loader"]), ("cli", ["loader"]), ("netlab", ["netlab"])],
)
def test_a_service_imports_what_its_group_asks_for(service: str, groups: list[str]):
    asked = set[str]().union(*(names(parse_group(group)) for group in groups))
    assert distributions_of(ROOT / "services" / service) - asked == set()


def test_a_test_imports_what_some_group_asks_for():
    asked = set[str]().union(*(names(parse_group(group)) for group in LOCKS))
    assert distributions_of(ROOT / "tests") - asked == set()


def test_the_command_asks_for_what_its_groups_ask_for():
    asked = list(map(Requirement, PYPROJECT["project"]["dependencies"]))
    assert sorted(map(str, asked)) == sorted(map(str, parse_group("loader")))


@pytest.mark.parametrize("path", ["services/api/Dockerfile", "services/loader/Dockerfile", "scripts/lib/venv.sh"])
def test_nothing_is_installed_without_its_hashes(path: str):
    installs = re.findall(r"pip install .*", (ROOT / path).read_text(encoding="utf-8"))
    assert installs
    assert all("--require-hashes" in line for line in installs)


def test_the_command_of_the_project_is_the_command_line():
    module, _, name = PYPROJECT["project"]["scripts"]["isthmus"].partition(":")
    assert getattr(sys.modules[module], name) is isthmus


IMAGES = sorted((ROOT / "services").glob("*/Dockerfile"))


@pytest.mark.parametrize("path", IMAGES, ids=[path.parent.name for path in IMAGES])
def test_an_image_is_labelled_with_what_it_is(path: Path):
    labels = dict(re.findall(r"org\.opencontainers\.image\.(\w+)=(\"[^\"]+\"|\S+)", path.read_text(encoding="utf-8")))
    assert set(labels) == {"title", "description", "version", "licenses"}
    assert labels["version"] == VERSION
    assert labels["licenses"] == PYPROJECT["project"]["license"]


def test_the_version_is_that_of_core():
    assert PYPROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "core.VERSION"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)


def test_the_command_line_tells_the_version():
    told = CliRunner().invoke(isthmus, ["--version"], prog_name="isthmus")
    assert told.output == f"isthmus, version {VERSION}\n"
