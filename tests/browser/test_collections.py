"""The pages of collections in Chromium: hostile values run nothing, the map that can be pasted draws, and the list is
searched and walked without JavaScript.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from browser.conftest import screenshot
from support.cluster import Cluster, Database
from support.publish import publish
from support.server import running_api

HOSTILE = (
    "<script>window.harmed=1</script>",
    '"><img src=x onerror="window.harmed=1">',
    "'><svg onload=window.harmed=1>",
    "</script><script>window.harmed=1</script>",
    "javascript:window.harmed=1",
    "{{ 7 * 7 }}${7 * 7}",
    "</title><body onload=window.harmed=1>",
    '<a href="javascript:window.harmed=1" autofocus onfocus="window.harmed=1">x</a>',
    "]]><iframe srcdoc='<script>parent.harmed=1</script>'>",
    "</textarea></pre><style>@import 'x'</style>",
)
WIDTH, HEIGHT = 40, 250
"""Properties and rows: 10,000 values."""

COLUMNS = [f"{HOSTILE[number % len(HOSTILE)][:55]}{number}" for number in range(WIDTH)]
LINES = """
SELECT n AS fid, 'kind ' || n % 3 AS kind, n % 90 AS height, date '2024-01-01' + n AS built,
    ST_MakeLine(ST_Point(-60, n / 4.0 - 30), ST_Point(60, n / 4.0 - 30)) AS geom
FROM generate_series(0, 239) AS n
"""


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Database]:
    database = cluster.clone()
    publish(
        database,
        "lines",
        LINES,
        columns={"kind": "string", "height": "integer", "built": "date"},
        geometry_type="LineString",
    )
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in COLUMNS)
    values = ", ".join("'" + text.replace("'", "''") + "'" for text in HOSTILE)
    texts = ", ".join(f"(ARRAY[{values}])[({place} + least(n % 30, 9)) % 10 + 1] || n % 9" for place in range(WIDTH))
    select = f"SELECT n AS fid, {texts}, ST_Point(n % 90, n % 45) AS geom FROM generate_series(1, {HEIGHT}) AS n"
    select = f"SELECT * FROM ({select}) AS t (fid, {names}, geom)"
    publish(database, "hostile", select, columns=dict.fromkeys(COLUMNS, "string"))  # type: ignore[arg-type]
    with database.connect() as connection:
        connection.execute(
            "UPDATE isthmus.collections SET title = %s, description = %s, attribution = %s, license = %s, keywords = %s"
            " WHERE id = 'hostile'",
            [*HOSTILE[:3], HOSTILE[4], list(HOSTILE)],
        )
        connection.execute(
            "INSERT INTO isthmus.collections (id, title, source_path, layer, current_version)"
            " SELECT 'more' || n, 'More ' || n, 'more' || n, '', current_version FROM isthmus.collections,"
            " generate_series(100, 169) AS n WHERE id = 'lines'"
        )
        connection.commit()
    yield database
    cluster.drop(database)


@pytest.fixture(scope="module")
def url(database: Database) -> Iterator[str]:
    """In place of the package's."""
    with running_api(database) as address:
        yield address


def test_hostile_values_names_and_words_are_texts(page: Page):
    for path in ("/collections?f=html&q=script", "/collections/hostile?f=html"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        for details in page.locator("details").all()[:20]:
            details.evaluate("element => { element.open = true; }")
        assert page.evaluate("window.harmed") is None
        assert (
            page.locator(
                "main script:not([src]), main iframe, main img:not(.cards img), main [onload], main [onerror]"
            ).count()
            == 0
        )
        assert page.evaluate("[...document.links].every((link) => /^https?:$/.test(link.protocol))")
    expect(page.locator("h1")).to_have_text(HOSTILE[0])
    assert page.locator("ul.profile > li").count() == WIDTH
    shown = page.locator("ul.profile table.top th").all_text_contents()
    assert len(shown) == 5 * WIDTH
    assert {text.strip()[:19] for text in shown} == {text[:19].strip() for text in HOSTILE}
    assert "harmed" in page.evaluate("document.querySelector('script[type=\"application/ld+json\"]').textContent")


def test_the_map_that_can_be_pasted_is_a_whole_page_that_draws(browser: Browser, url: str, page: Page, tmp_path: Path):
    page.goto("/collections/lines?f=html")
    text = page.get_by_label("MapLibre").text_content()
    assert text is not None
    (tmp_path / "map.html").write_text(text)
    context = browser.new_context(viewport={"width": 800, "height": 600})
    pasted = context.new_page()
    mistakes: list[str] = []
    pasted.on("pageerror", lambda error: mistakes.append(str(error)))
    pasted.on("console", lambda message: mistakes.append(message.text) if message.type == "error" else None)
    with pasted.expect_response(re.compile(r"/collections/lines/tiles/WebMercatorQuad/\d+/\d+/\d+")) as tile:
        pasted.goto(f"file://{tmp_path / 'map.html'}")
    assert tile.value.status == 200
    pasted.wait_for_load_state("networkidle")
    pasted.wait_for_timeout(1000)
    picture = Image.open(io.BytesIO(pasted.locator(".maplibregl-canvas").screenshot())).convert("RGB")
    screenshot(pasted, "collection-pasted-map")
    context.close()
    assert mistakes == []
    assert len(picture.resize((80, 60)).getcolors(100_000) or ()) > 20, "a sea without lines"


def test_the_page_of_a_collection_tells_each_property_on_any_screen(page: Page, browser: Browser, url: str):
    page.goto("/collections/lines?f=html")
    expect(page.get_by_role("heading", name="Properties")).to_be_visible()
    card = page.locator("#property-2")
    assert card.locator("rect").count() == 20
    picture = card.get_by_role("img", name="Histogram of height, whose numbers follow")
    assert (picture.bounding_box() or {})["height"] > 30
    card.get_by_text("Numbers of the histogram").click()
    counts = card.locator("details td:last-child").all_text_contents()
    assert sum(map(int, counts)) == 240
    page.evaluate("scrollTo(0, 0)")
    screenshot(page, "collection")
    for name, options in {
        "dark": {"color_scheme": "dark"},
        "phone": {"viewport": {"width": 390, "height": 844}},
    }.items():
        context = browser.new_context(base_url=url, **options)  # type: ignore[arg-type]
        other = context.new_page()
        other.goto("/collections/lines?f=html")
        other.wait_for_load_state("networkidle")
        screenshot(other, f"collection-{name}")
        assert other.evaluate("document.documentElement.scrollWidth <= innerWidth")
        context.close()


def test_collections_are_searched_and_walked_without_javascript(browser: Browser, url: str):
    context = browser.new_context(base_url=url, java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto("/collections?f=html")
    expect(page.get_by_role("status")).to_have_text("1 to 50 of 72 collections")
    page.get_by_role("link", name="next →").click()
    expect(page.get_by_role("status")).to_have_text("51 to 72 of 72 collections")
    page.get_by_label("Search").fill("more 11")
    page.get_by_label("Search").press("Enter")
    expect(page.get_by_role("status")).to_have_text("10 collections")
    expect(page.locator(".cards strong").first).to_have_text("More 110")
    page.get_by_label("Box").fill("100,50,120,60")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("No collection has all of that")).to_be_visible()
    screenshot(page, "collections-phone")
    page.get_by_role("link", name="all collections").click()
    expect(page.get_by_role("status")).to_have_text("1 to 50 of 72 collections")
    context.close()
