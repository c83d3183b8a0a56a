"""A real Chromium on the real pages, served by the API from real PostGIS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from support.browser import chromium
from support.cluster import ROOT, Cluster
from support.network import leave_network
from support.publish import publish
from support.server import running_api

SCREENSHOTS = ROOT / "tests/screenshots"
POINTS = """
SELECT n AS fid, 'place ' || n AS name, n * 10 AS size, ST_Point(n * 3 - 60, n - 10) AS geom
FROM generate_series(0, 39) AS n
"""
AREAS = """
SELECT n AS fid, '<b>area</b> ' || n AS name, NULL::text AS note,
    ST_MakeEnvelope(n * 20 - 100, 20, n * 20 - 85, 40, 4326) AS geom
FROM generate_series(0, 9) AS n
"""
LINES = """
SELECT n AS fid, 'line ' || n AS name, ST_MakeLine(ST_Point(-120, -20 - n * 3), ST_Point(120, -25 - n * 3)) AS geom
FROM generate_series(0, 6) AS n
"""

CORNER = "SELECT n AS fid, 1e24::float8 AS mass, ST_Point(n * 10, n * 10) AS geom FROM generate_series(0, 1) AS n"


@pytest.fixture(scope="package")
def url(cluster: Cluster) -> Iterator[str]:
    """The address of an API with 40 points, 10 areas, 7 lines, and 2 points of which one is where four tiles meet."""
    database = cluster.clone()
    publish(database, "points", POINTS, columns={"name": "string", "size": "integer"})
    publish(database, "areas", AREAS, columns={"name": "string", "note": "string"}, geometry_type="Polygon")
    publish(database, "lines", LINES, columns={"name": "string"}, geometry_type="LineString")
    publish(database, "corner", CORNER, columns={"mass": "number"})
    leave_network(database.reader.data_dir)
    with running_api(database) as address:
        yield address
    cluster.drop(database)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with chromium() as running:
        yield running


@pytest.fixture
def complaints() -> list[str]:
    """What went wrong in the page; must be empty at the end, so a test that expects something takes it out."""
    return []


@pytest.fixture
def page(browser: Browser, url: str, complaints: list[str]) -> Iterator[Page]:
    """A page on which any error of a script, and any request to another server, is a complaint."""
    context = browser.new_context(viewport={"width": 1200, "height": 800}, base_url=url)
    page = context.new_page()

    def check_request(request: Request) -> None:
        if not request.url.startswith((url, "blob:", "data:")):
            complaints.append(request.url)

    def check_message(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", check_message)
    page.on("request", check_request)
    yield page
    context.close()
    assert complaints == []


def screenshot(page: Page, name: str) -> Path:
    """Keep a picture of the page for people to look at; returns its path."""
    SCREENSHOTS.mkdir(exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path)
    return path
