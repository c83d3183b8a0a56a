"""The page *Files* as Chromium draws it: every state, light and dark, and that it brings itself up to date."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import screenshot
from loader.catalogue import open_catalogue
from loader.errors import LoadBroken
from loader.load import save_failure
from loader.progress import Event
from loader.report import Report, describe
from loader.scan import scan
from loader.states.record import FolderRecord, recorded
from support.cluster import Database
from support.loading import Loader, write_points
from support.server import running_api

LONG = "a folder/with a name/that is as long as names in projects are_v2_final_2024-05-01_EPSG3067 (copy).geojson"


@pytest.fixture(scope="module")
def loader(module_database: Database) -> Iterator[Loader]:
    """A data folder with a file in each state but loading."""
    with open_catalogue(module_database.owner) as connection:
        loader = Loader(module_database.owner, connection)
        for names in (["a", "b"], ["c"]):
            write_points(loader.path("roads.geojson"), names)
            loader.load_all("roads.geojson")
        loader.path("roads.toml").write_text('colour = "red"')
        loader.load("roads.geojson", force=True)
        loader.path("bad.gpkg").write_text("no GeoPackage")
        loader.load("bad.gpkg")
        loader.path("dem.tif").write_bytes(b"II")
        write_points(loader.path(LONG), ["x"])
        write_points(loader.path("<b>crash</b>.geojson"), ["x"])
        dataset = scan(loader.data_dir).datasets["<b>crash</b>.geojson"]
        for _ in range(3):
            error = LoadBroken(f"{dataset.path} met a mistake of Isthmus (KeyError)", hint="the loader's log says more")
            now = loader.one("SELECT now()")
            report = replace(Report(dataset.path, "failed", "the test", now, now), error=describe(error))
            save_failure(connection, report, dataset.signature, error)
        look(loader)
        yield loader


def look(loader: Loader) -> None:
    """Let the catalogue know what lies in the folder."""
    FolderRecord().save(loader.connection, loader.settings, scan(loader.data_dir))


@pytest.fixture(scope="module")
def url(loader: Loader, module_database: Database) -> Iterator[str]:
    """The address of an API on that folder."""
    look(loader)
    with running_api(module_database) as address:
        yield address


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_shows_every_state(page: Page, loader: Loader, scheme: str) -> None:
    write_points(loader.path("big.geojson"), ["x"])
    look(loader)
    dataset = scan(loader.data_dir).datasets["big.geojson"]
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    with recorded(loader.settings, dataset, loader.events.append) as listen:
        listen(Event("rows", "big.geojson", {"layer": "", "rows": 430_112, "of": 600_000}))
        page.goto("/files?f=html")
        states = page.locator(".verdict").all_inner_texts()
        assert states == ["loading", "queued", "failed", "set aside", "not read", "served"]
        assert page.locator("progress").get_attribute("value") == "43"
        assert page.locator(".path").nth(3).inner_text() == "<b>crash</b>.geojson"
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        page.locator("summary", has_text="versions of roads").click()
        page.locator("summary", has_text="assumed").click()
        assert screenshot(page, f"files-{scheme}").stat().st_size > 30_000
        page.set_viewport_size({"width": 400, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        screenshot(page, f"files-small-{scheme}")


def test_it_follows_a_load_and_keeps_open_what_is_open(page: Page, loader: Loader) -> None:
    write_points(loader.path("big.geojson"), ["x"])
    look(loader)
    dataset = scan(loader.data_dir).datasets["big.geojson"]
    with recorded(loader.settings, dataset, loader.events.append):
        page.goto("/files?f=html")
        page.locator("summary", has_text="versions of roads").click()
        expect(page.locator("[data-path='big.geojson'] .verdict")).to_have_text("loading")
    loader.load_all("big.geojson")
    expect(page.locator("[data-path='big.geojson'] .verdict")).to_have_text("served", timeout=15_000)
    expect(page.get_by_text("isthmus rollback roads --to")).to_be_visible()


def test_without_scripts_the_page_asks_again_by_itself(browser: Browser, url: str) -> None:
    context = browser.new_context(base_url=url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/files?f=html")
    with page.expect_navigation(timeout=15_000):
        pass
    assert "Files" in page.title()
    context.close()


def test_the_navigation_leads_there(page: Page) -> None:
    page.goto("/?f=html")
    page.get_by_role("link", name="Files", exact=True).click()
    assert page.locator("h1").inner_text() == "Files"
    page.get_by_role("link", name="1 failed").click()
    expect(page.locator(".verdict")).to_have_text(["failed"])
