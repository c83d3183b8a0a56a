"""The styles that the API makes, drawn by MapLibre in Chromium as anybody would use them: what is drawn is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from browser.conftest import screenshot
from loader.catalogue import open_catalogue
from support.browser import IDLE
from support.cluster import ROOT, Cluster
from support.loading import Loader
from support.publish import publish
from support.server import running_api

SAMPLES = ROOT / "data/samples"

MIXED = """
SELECT fid, ST_SetSRID(ST_GeomFromText(wkt), 4326) AS geom FROM (VALUES
    (1, 'MULTIPOINT(0 0, 10 0)'), (2, 'MULTILINESTRING((0 10, 20 10), (0 15, 20 15))'),
    (3, 'MULTIPOLYGON(((0 20, 10 20, 10 30, 0 30, 0 20)), ((20 20, 30 20, 30 30, 20 30, 20 20)))'),
    (4, 'POINT(-20 0)'), (5, 'LINESTRING(-30 10, -10 10)'), (6, 'POLYGON((-30 20, -10 20, -10 30, -30 30, -30 20))')
) AS mixed (fid, wkt)
"""

DRAW = """async ([root, style]) => {
  const maplibregl = await import(`${root}/static/vendor/maplibre-gl/maplibre-gl.mjs`);
  document.body.innerHTML = '<div id="drawn"></div>';
  Object.assign(document.getElementById('drawn').style, { position: 'fixed', inset: 0 });
  window.isthmusMap = new maplibregl.Map({ container: 'drawn', style: `${root}${style}`, fadeDuration: 0 });
  await new Promise((done) => window.isthmusMap.once('idle', done));
}"""
BY_LAYER = """() => window.isthmusMap.queryRenderedFeatures().map((feature) => [feature.layer.id, feature.id])"""


def drawn(page: Page, style: str) -> Counter[str]:
    """Draw a style; layer -> number of different features on the screen."""
    page.goto("/health/live?f=html")
    page.evaluate(DRAW, [page.url.partition("/health")[0], style])
    page.evaluate(IDLE)
    return Counter(layer for layer, _ in {tuple(pair) for pair in page.evaluate(BY_LAYER)})


def test_style_of_the_dataset_draws_every_feature_of_every_collection(page: Page):
    found = drawn(page, "/tiles/WebMercatorQuad/style.json")
    assert found == {"points/point": 40, "areas/area": 10, "areas/edge": 10, "lines/line": 7, "corner/point": 2}
    screenshot(page, "style_dataset")


def test_style_of_some_collections_draws_these(page: Page):
    found = drawn(page, "/tiles/WebMercatorQuad/style.json?collections=areas,lines")
    assert found == {"areas/area": 10, "areas/edge": 10, "lines/line": 7}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("points", {"points/point": 40}),
        ("areas", {"areas/area": 10, "areas/edge": 10}),
        ("lines", {"lines/line": 7}),
    ],
)
def test_style_of_a_collection_begins_where_all_of_it_is_seen(page: Page, name: str, expected: dict[str, int]):
    assert drawn(page, f"/collections/{name}/tiles/WebMercatorQuad/style.json") == expected


@pytest.fixture
def own_page(browser: Browser, cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page on an API with collections of this test's own: `publish` some, and load the samples."""
    database = cluster.clone()
    request.param(database)
    with running_api(database) as address:
        context = browser.new_context(viewport={"width": 1200, "height": 800}, base_url=address)
        yield context.new_page()
        context.close()
    cluster.drop(database)


def publish_mixed(database) -> None:
    """Every kind of geometry in one collection."""
    publish(database, "mixed", MIXED, columns={}, geometry_type="Geometry")


def load_samples(database) -> None:
    """Countries and cities of the world."""
    with open_catalogue(database.owner) as connection:
        for name in ("countries.gpkg", "cities.parquet"):
            loader = Loader(database.owner, connection)
            for file in SAMPLES.glob(f"{name.partition('.')[0]}.*"):
                loader.path(file.name).write_bytes(file.read_bytes())
            loader.load(name)


@pytest.mark.parametrize("own_page", [publish_mixed], indirect=True)
def test_collection_of_mixed_geometries_draws_each_by_its_kind(own_page: Page):
    found = drawn(own_page, "/collections/mixed/tiles/WebMercatorQuad/style.json")
    assert found == {"mixed/point": 2, "mixed/line": 2, "mixed/area": 2, "mixed/edge": 2}


@pytest.mark.parametrize("own_page", [load_samples], indirect=True)
def test_map_of_the_world_looks_like_the_world(own_page: Page):
    """A picture for people, of real data; here only that there is much on it."""
    found = drawn(own_page, "/tiles/WebMercatorQuad/style.json")
    assert found["countries/area"] > 150
    assert found["cities/point"] > 1000
    screenshot(own_page, "style_world")
