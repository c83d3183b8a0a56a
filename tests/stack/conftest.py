"""Stacks for the tests: one folder for all of Docker's modes, so that starting the next mode is also a switch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.lesson import EACH_TIME, demos_of
from support.stack import Stack, engine_answers, new_stack, wait_for

pytest.register_assert_rewrite("support.every_mode", "support.net_promises")  # so that failures show values


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`demo`: each demo of the lesson that the class's mode allows, as a test of its own."""
    if "demo" in metafunc.fixturenames:
        demos = demos_of(metafunc.cls.mode)
        rare = [pytest.param(demo, marks=pytest.mark.long) for demo in demos[EACH_TIME:]]
        metafunc.parametrize("demo", demos[:EACH_TIME] + rare)


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker engine. Without one the tests that need it fail: a skip would look like a pass."""
    if not engine_answers():
        pytest.fail("NOT RUN: no Docker engine answers; ./scripts/up --install-docker installs and starts one")


@pytest.fixture(scope="session")
def home(engine: None) -> Iterator[Stack]:
    """The folder, port and project that Docker's modes share."""
    with new_stack() as running:
        yield running


@pytest.fixture(scope="class")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The stack in the mode of the test's class. Native mode has a folder of its own."""
    mode = request.cls.mode
    if mode == "native":
        with new_stack() as native:
            (native.folder / "roots").touch()
            native.folder.chmod(0o700)  # like a clone below /root
            native.up(mode)
            yield native
        return
    home: Stack = request.getfixturevalue("home")
    home.more = {}
    home.up(mode)
    yield home


@pytest.fixture(scope="class")
def points(stack: Stack) -> str:
    """A collection of 40 points, named after the mode."""
    name = f"points_{stack.mode}"
    stack.drop_points(name, 40)
    wait_for(lambda: stack.serves(name, 40), 20, f"{name} is served")
    return name


@pytest.fixture
def idle() -> Iterator[Stack]:
    """A stack of a test's own that nobody started yet."""
    with new_stack() as stack:
        yield stack
