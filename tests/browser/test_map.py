"""The map and the previews, drawn by MapLibre in Chromium: what is drawn is counted."""

from __future__ import annotations

import base64
import json
import re

from playwright.sync_api import Page, Route, expect

from browser.conftest import screenshot
from support.browser import IDLE, drawn, open_map


def test_every_feature_of_every_collection_is_drawn(page: Page):
    open_map(page, "/map#1/10/0")
    assert drawn(page) == {"points": 40, "areas": 10, "lines": 7, "corner": 2}
    assert screenshot(page, "map").stat().st_size > 10_000


def test_legend_names_every_collection_and_switches_it(page: Page):
    open_map(page, "/map#1/10/0")
    legend = page.locator("#legend li")
    expect(legend).to_have_count(4)
    page.get_by_label("areas").uncheck()
    page.evaluate(IDLE)
    assert drawn(page) == {"points": 40, "lines": 7, "corner": 2}
    page.get_by_label("areas").check()
    page.evaluate(IDLE)
    assert drawn(page)["areas"] == 10


def test_zoom_button_goes_to_the_extent(page: Page):
    open_map(page)
    page.get_by_title("zoom to points").click()
    page.evaluate(IDLE)
    bounds = page.evaluate("() => window.isthmusMap.getBounds().toArray()")
    (west, south), (east, north) = bounds
    assert west <= -60
    assert east >= 57
    assert south <= -10
    assert north >= 29
    assert east - west < 250


def test_click_shows_the_attributes_as_text_and_never_as_markup(page: Page):
    open_map(page, "/map#3/30/7")
    page.mouse.click(600, 435)
    popup = page.locator(".maplibregl-popup-content")
    expect(popup).to_contain_text("<b>area</b> 5")
    expect(popup).to_contain_text("note")
    assert popup.locator("b").count() == 0, "the whole feature came, in which a null has its name: tiles have none"


PIXEL = """async ([picture, x, y]) => {
  const [canvas, image] = [new OffscreenCanvas(1, 1).getContext('2d'), new Image()];
  image.src = `data:image/png;base64,${picture}`;
  await image.decode();
  canvas.drawImage(image, -x, -y);
  return [...canvas.getImageData(0, 0, 1, 1).data];
}"""


def colour_at(page: Page, x: int, y: int) -> list[int]:
    """The colour of a pixel of what the window shows. Of the window: a part of it is composed anew for the picture."""
    return page.evaluate(PIXEL, [base64.b64encode(page.screenshot()).decode(), x, y])


def test_map_stays_below_a_popup_with_more_attributes_than_it_shows(page: Page):
    """Chromium had left out the map below a popup that scrolled, as far as its text went on."""
    open_map(page, "/map#3/30/7")
    before = colour_at(page, 600, 500)
    page.mouse.click(600, 435)
    expect(page.locator(".maplibregl-popup-content")).to_contain_text("note")
    more = "rows => rows.at(-1).after(...Array.from({ length: 40 }, () => rows[0].cloneNode(true)))"
    page.locator(".maplibregl-popup tr").evaluate_all(more)
    page.wait_for_timeout(300)
    assert page.locator(".maplibregl-popup").bounding_box()["height"] < 400  # type: ignore[index]
    assert colour_at(page, 600, 500) == before


def test_popup_in_the_dark_is_dark_on_white_too(page: Page):
    page.emulate_media(color_scheme="dark")
    open_map(page, "/map#3/30/7")
    page.mouse.click(600, 435)
    for part in (".maplibregl-popup th", ".maplibregl-popup-close-button"):
        colour = page.locator(part).first.evaluate("element => getComputedStyle(element).color")
        assert sum(map(int, re.findall(r"\d+", colour)[:3])) < 3 * 128, f"{part} is {colour}"


def test_one_collection_alone_is_zoomed_to(page: Page):
    open_map(page, "/map?collections=lines")
    assert drawn(page) == {"lines": 7}
    expect(page.locator("#legend li")).to_have_count(1)


def test_one_collection_alone_is_zoomed_to_when_it_comes_late(page: Page):
    held: list[Route] = []
    page.route("**/style.json", lambda route: held.append(route))  # noqa: PLW0108 - a method has no room for its mark
    with page.expect_request("**/style.json"):
        page.goto("/map?collections=corner")
    page.wait_for_function("() => location.hash")
    held[0].continue_()
    page.wait_for_selector("body[data-ready=true]")
    page.evaluate(IDLE)
    assert page.evaluate("() => window.isthmusMap.getZoom()") > 3


def test_on_a_phone_a_collection_is_zoomed_to_and_the_legend_leaves_room(page: Page, complaints: list[str]):
    page.on("console", lambda message: complaints.append(message.text) if "cannot fit" in message.text else None)
    page.set_viewport_size({"width": 375, "height": 667})
    open_map(page)
    legend, whole = page.locator("#legend").bounding_box(), page.locator("#map").bounding_box()
    assert legend and whole and legend["height"] < whole["height"] / 2
    page.get_by_title("zoom to corner").click()
    page.evaluate(IDLE)
    assert drawn(page)["corner"] == 2
    assert page.evaluate("() => window.isthmusMap.getZoom()") > 3


def test_point_on_the_edge_of_its_tile_and_of_its_collection_is_drawn(page: Page):
    open_map(page, "/map?collections=corner")
    assert drawn(page) == {"corner": 2}


def test_tiles_keep_coming_when_the_map_moves(page: Page):
    open_map(page, "/map?collections=points#1/0/0")
    page.evaluate("() => window.isthmusMap.jumpTo({ center: [0, 10], zoom: 6 })")
    page.evaluate(IDLE)
    near = drawn(page)["points"]
    assert 1 <= near < 15


def test_preview_of_a_collection_draws_its_tiles(page: Page):
    page.goto("/collections/points?f=html")
    page.wait_for_function("() => window.isthmusMap?.getSource('points')")
    page.evaluate(IDLE)
    assert drawn(page) == {"points": 40}
    screenshot(page, "collection")


def test_page_of_a_tileset_draws_its_tiles_as_they_are_asked_for(page: Page):
    for given, expected in {"": 40, "&filter=size>200": 19, "&bbox=-60,-10,-50,0": 4}.items():
        page.goto(f"/collections/points/tiles/WebMercatorQuad?f=html{given}")
        page.wait_for_function("() => window.isthmusMap?.getSource('points')")
        page.evaluate(IDLE)
        assert drawn(page) == {"points": expected}
    page.goto("/tiles/WebMercatorQuad?f=html")
    page.wait_for_function("() => window.isthmusMap?.getSource('dataset')")
    page.evaluate(IDLE)
    assert drawn(page)["dataset"] >= 40
    screenshot(page, "tileset")


def test_preview_of_a_page_draws_the_features_of_that_page(page: Page):
    page.goto("/collections/points/items?limit=5&f=html")
    page.wait_for_function("() => window.isthmusMap?.getSource('page')")
    page.evaluate(IDLE)
    assert drawn(page) == {"page": 5}
    assert page.locator("tbody tr").count() == 5
    screenshot(page, "items")


def test_preview_of_a_page_draws_features_whose_numbers_are_large(page: Page):
    """MapLibre cannot pack a number of 2^70 or more among the properties of GeoJSON: the map stayed empty."""
    page.goto("/collections/corner/items?f=html")
    page.wait_for_function("() => window.isthmusMap?.getSource('page')")
    page.evaluate(IDLE)
    assert drawn(page) == {"page": 2}


def test_preview_of_a_feature_draws_parts_that_are_smaller_than_a_pixel(page: Page):
    def islets(route: Route) -> None:
        text = route.fetch().text()
        rings = [[[[x, 0], [x + 1e-4, 0], [x + 1e-4, 1e-4], [x, 0]]] for x in (0, 20, 40)]
        geometry = json.dumps({"type": "MultiPolygon", "coordinates": rings})
        route.fulfill(body=re.sub(r'"geometry": ?{[^}]*}', f'"geometry": {geometry}', text), content_type="text/html")

    page.route("**/collections/areas/items/1?f=html", islets)
    page.goto("/collections/areas/items/1?f=html")
    page.wait_for_function("() => window.isthmusMap?.getSource('page')")
    page.evaluate(IDLE)
    assert drawn(page) == {"page": 1}
    screenshot(page, "islets")


def test_next_link_of_the_table_leads_to_the_next_features(page: Page):
    page.goto("/collections/points/items?limit=5&f=html")
    page.get_by_role("link", name="next →").click()
    expect(page.locator("tbody tr").first).to_contain_text("place 5")
    page.get_by_role("link", name="← previous").click()
    expect(page.locator("tbody tr").first).to_contain_text("place 0")


def test_on_a_phone_parameters_of_the_api_fit_the_window(page: Page):
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto("/api?f=html")
    page.locator("details#getItems").evaluate("details => details.open = true")
    widest = page.locator("details#getItems td").evaluate_all(
        "cells => Math.max(...cells.map((cell) => cell.getBoundingClientRect().right))"
    )
    assert 200 < widest < 400


def test_landing_page_leads_to_the_map(page: Page):
    page.goto("/")
    expect(page.locator(".cards li")).to_have_count(4)
    screenshot(page, "landing")
    page.get_by_role("link", name="Open the map").click()
    page.wait_for_selector("body[data-ready=true]")


def test_map_without_its_api_says_so(page: Page, complaints: list[str]):
    page.route("**/collections?f=json", lambda route: route.fulfill(status=503, body="{}"))
    page.goto("/map")
    expect(page.locator("#status")).to_contain_text("could not be made")
    assert len(complaints) == 1
    assert "503" in complaints.pop()


BASEMAP = "() => window.isthmusMap.queryRenderedFeatures().filter(({ source }) => source === 'isthmus:basemap')"


def basemap(page: Page) -> set[str]:
    """The layers of the basemap that are drawn."""
    return set(page.evaluate(f"() => [...new Set(({BASEMAP})().map((feature) => feature.sourceLayer))]"))


def test_basemap_lies_under_the_map_light_and_dark(page: Page):
    open_map(page, "/map?collections=points#3/50/20")
    assert {"land", "boundaries", "countries"} <= basemap(page)
    light = colour_at(page, 700, 300)
    screenshot(page, "map-basemap")
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(300)
    page.evaluate(IDLE)
    dark = colour_at(page, 700, 300)
    screenshot(page, "map-basemap-dark")
    assert sum(light[:3]) > 600
    assert sum(dark[:3]) < 200
    expect(page.locator(".maplibregl-ctrl-attrib")).to_contain_text("Natural Earth")


def test_click_on_the_basemap_tells_nothing(page: Page):
    open_map(page, "/map?collections=corner#3/50/20")
    page.mouse.click(700, 300)
    page.wait_for_timeout(300)
    assert page.locator(".maplibregl-popup").count() == 0


def test_basemap_is_under_previews_too(page: Page):
    for address in (
        "/collections/areas?f=html",
        "/collections/areas/items?f=html",
        "/collections/areas/items/5?f=html",
    ):
        page.goto(address)
        page.wait_for_function("() => window.isthmusMap?.loaded() && window.isthmusMap.getStyle().layers.length > 8")
        page.evaluate(IDLE)
        assert "land" in basemap(page)
