"""Pictures of the network as Chromium draws them: on the page of the API, alone, in light and in dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from browser.conftest import screenshot
from netlab.diagram.html import html
from netlab.diagram.svg import picture
from netlab.model.observation import MODES, Observation
from netlab.observe.recording import load
from netlab.parse.observation import parse
from support.cluster import ROOT
from support.made_stack import Made, made_stack

OUTSIDE = """() => [...document.querySelectorAll('svg.netlab g > text')].filter((text) => {
  const room = text.parentNode.querySelector('rect').getBBox(), box = text.getBBox();
  return box.x < room.x - 0.5 || box.x + box.width > room.x + room.width + 0.5
    || box.y < room.y - 0.5 || box.y + box.height > room.y + room.height + 0.5;
}).map((text) => text.textContent)"""
"""Texts that stick out of their boxes, with the fonts that this browser has."""


def recorded(mode: str) -> Observation:
    return parse(load(ROOT / f"tests/data/netlab/{mode}.json"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_shows_the_picture(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto("/network?f=html")
    image = page.locator("figure img")
    image.evaluate("(image) => image.decode()")
    assert image.evaluate("(image) => image.naturalWidth") > 900
    assert page.locator("h2").all_inner_texts() == ["Containers", "Published ports", "Storage"]
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert screenshot(page, f"network-{scheme}").stat().st_size > 30_000


def test_the_picture_opens_alone_and_its_text_can_be_selected(page: Page) -> None:
    page.goto("/network?f=html")
    page.click("figure a")
    assert page.url.endswith("/network/picture")
    page.keyboard.press("Control+A")
    assert "172.18.0.4/16" in page.evaluate("document.getSelection().toString()")


def colours(page: Page) -> tuple[str, str]:
    """The colours of the paper and of a container's name."""
    paper = page.evaluate("getComputedStyle(document.querySelector('.paper')).fill")
    return paper, page.evaluate("getComputedStyle(document.querySelector('.container text')).fill")


def test_a_picture_alone_follows_light_and_dark(page: Page, tmp_path: Path, complaints: list[str]) -> None:
    (tmp_path / "network.svg").write_text(picture(recorded("bridge")), encoding="utf-8")
    page.emulate_media(color_scheme="light")
    page.goto(f"file://{tmp_path}/network.svg")
    assert colours(page) == ("rgb(255, 255, 255)", "rgb(11, 63, 68)")
    page.emulate_media(color_scheme="dark")
    assert colours(page) == ("rgb(18, 25, 27)", "rgb(197, 240, 241)")
    page.emulate_media(color_scheme="dark", media="print")
    assert colours(page) == ("rgb(255, 255, 255)", "rgb(11, 63, 68)")
    complaints.remove(f"file://{tmp_path}/network.svg")


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "swarm"])
def test_no_text_sticks_out_of_its_box(browser: Browser, mode: str) -> None:
    page = browser.new_page()
    page.set_content(picture(recorded(mode)))
    assert page.evaluate(OUTSIDE) == []
    page.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("count", [1, 4, 10])
def test_nor_in_pictures_of_made_stacks(browser: Browser, mode: str, count: int) -> None:
    page = browser.new_page()
    page.set_content(picture(made_stack(Made(mode, count, 2, 2, "0.0.0.0", "isthmus-3f2a9c81d0", long=count == 10))))
    assert page.evaluate(OUTSIDE) == []
    page.close()


def test_the_page_of_net_show_asks_nobody_and_fits_the_window(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "network.html").write_text(html(recorded("container")), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1000, "height": 700})
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"file://{tmp_path}/network.html")
    assert asked == [f"file://{tmp_path}/network.html"]
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert len(page.pdf(prefer_css_page_size=True)) > 10_000
    page.emulate_media(media="print", color_scheme="dark")
    page.set_viewport_size({"width": 1030, "height": 700})
    assert page.evaluate("[...document.querySelectorAll('table')].every((one) => one.scrollWidth <= 1030)")
    page.close()
