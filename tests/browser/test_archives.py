"""A file that `isthmus export` wrote, served again and drawn: MapLibre reads what it takes for tiles of the API."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from click.testing import CliRunner
from playwright.sync_api import Page

from browser.conftest import AREAS, LINES, POINTS, screenshot
from cli.main import isthmus
from support.browser import IDLE, open_map
from support.cluster import Cluster, environment
from support.publish import publish
from support.server import running_api

BY_LAYER = """() => window.isthmusMap.queryRenderedFeatures()
  .filter(({ source }) => !source.startsWith('isthmus:')).map((feature) => [feature.sourceLayer, feature.id])"""


def drawn_layers(page: Page) -> Counter[str]:
    """layer -> number of different features that are on the screen."""
    return Counter(layer for layer, _ in {tuple(pair) for pair in page.evaluate(BY_LAYER)})


@pytest.fixture(scope="module")
def url(cluster: Cluster) -> Iterator[str]:
    """An API whose one collection is a file of tiles: 40 points, 10 areas and 7 lines, in three layers."""
    database = cluster.clone()
    publish(database, "points", POINTS, columns={"name": "string", "size": "integer"})
    publish(database, "areas", AREAS, columns={"name": "string"}, geometry_type="Polygon")
    publish(database, "lines", LINES, columns={"name": "string"}, geometry_type="LineString")
    database = replace(database, reader=replace(database.reader, data_dir=database.owner.data_dir))
    target = str(database.owner.data_dir / "everything.pmtiles")
    with running_api(database) as address:
        shell = CliRunner(env=environment(database.owner, ISTHMUS_API=address))
        for arguments in (["export", "--all", "--pmtiles", target, "--zoom", "0-4"], ["load", target]):
            result = shell.invoke(isthmus, arguments)
            assert result.exit_code == 0, result.stderr
        with database.connect() as connection:
            connection.execute("UPDATE isthmus.collections SET withdrawn_at = now()")
        yield address
    cluster.drop(database)


def test_every_feature_of_the_file_is_drawn(page: Page):
    open_map(page, "/map#1/10/0")
    assert drawn_layers(page) == {"points": 40, "areas": 10, "lines": 7}
    assert screenshot(page, "archive").stat().st_size > 10_000


def test_tiles_of_the_last_zoom_are_enlarged_beyond_it(page: Page):
    open_map(page, "/map#6/-30/0")
    assert drawn_layers(page)["lines"] in range(1, 7)


def test_preview_of_the_file_draws_its_tiles(page: Page):
    page.goto("/collections/everything?f=html")
    page.wait_for_function("() => window.isthmusMap?.getSource('everything')")
    page.evaluate(IDLE)
    assert drawn_layers(page) == {"points": 40, "areas": 10, "lines": 7}
