"""The demos of docs/networking.md in real Docker: inherited by the classes of the modes, which start a stack anyway."""

from __future__ import annotations

import os
import shutil
from typing import ClassVar

from netlab.cli.tutorial import PAGES
from netlab.tutorial.page import ANY, parse_page
from support.stack import ROOT, Stack, wait_for

EACH_TIME = 2
"""So many demos of each mode run with every commit, and all of them before a release."""

SAMPLES = ROOT / "data/samples"


def demos_of(mode: str) -> list[str]:
    """The demos that need that mode. Those that need none run beside bridge mode."""
    modes = (mode, ANY) if mode == "bridge" else (mode,)
    return [demo.name for demo in parse_page(PAGES["en"].read_text(encoding="utf-8")) if demo.mode in modes]


class TeachesTheLesson:
    """Each demo prints what its page says. `demo` is each of the mode's, see tests/stack/conftest.py."""

    mode: ClassVar[str]

    def test_the_demo_does_what_its_page_says(self, stack: Stack, demo: str) -> None:
        for name in ("cities.toml", "cities.parquet"):
            if not (stack.data / name).exists():
                shutil.copy(SAMPLES / name, stack.data)
        wait_for(lambda: stack.status("/collections/cities") == 200, 30, "the cities of the demos are served")
        done = stack.script("isthmus", "net", "demo", demo, "--check")
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        assert done.stdout.startswith(f"{demo} ... as the page says\n")
        assert os.geteuid() != 0 or "not run" not in done.stdout
