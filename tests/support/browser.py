"""Headless Chromium, as Debian packages it, and what MapLibre has drawn in it."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

# No look-ups of its own: on a machine without internet each one is a delay.
QUIET = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"]

DRAWN = """() => window.isthmusMap.queryRenderedFeatures()
  .filter(({ source }) => !source.startsWith('isthmus:')).map((feature) => [feature.source, feature.id])"""
IDLE = """() => new Promise((done) => {
  const map = window.isthmusMap;
  map.loaded() && !map.isMoving() ? done(true) : map.once('idle', () => done(true));
})"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that lives as long as the block. Root needs --no-sandbox."""
    path = shutil.which("chromium")
    assert path, "this test needs Chromium: apt-get install chromium"
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--disable-gpu", *flags, *QUIET])
        yield browser
        browser.close()


def open_map(page: Page, address: str = "/map") -> None:
    """Open the map and wait until it has drawn everything."""
    page.goto(address)
    page.wait_for_selector("body[data-ready=true]")
    page.evaluate(IDLE)


def drawn(page: Page) -> Counter[str]:
    """source -> number of different features that are on the screen."""
    return Counter(source for source, _ in {tuple(pair) for pair in page.evaluate(DRAWN)})
