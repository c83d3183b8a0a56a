"""The page that explores a collection, in Chromium: what it shows is compared with PostgreSQL and with the API."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyogrio
import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import screenshot
from support.browser import IDLE, drawn
from support.cluster import Cluster, Database
from support.publish import publish
from support.server import running_api

SHOPS = """
SELECT n AS fid, 'shop ' || n AS name, (ARRAY['food', 'books', 'it''s "odd"', NULL])[n % 4 + 1] AS kind,
    n * 7 % 400 AS size, n % 3 = 0 AS open, date '2020-01-01' + n AS since, n % 9 / 4.0 AS score,
    timestamptz '2024-05-01T00:00:00Z' + n * interval '7 hours' AS seen,
    CASE n WHEN 7 THEN '<img src=x onerror="window.harmed=1">' ELSE 'note ' || n % 60 END AS note,
    ST_Point(n % 20 * 2 - 20, n / 20 * 2) AS geom
FROM generate_series(0, 399) AS n
"""
COLUMNS = {
    **{"name": "string", "kind": "string", "size": "integer", "open": "boolean", "since": "date", "score": "number"},
    **{"seen": "datetime", "note": "string"},
}
DISTRICTS = """
SELECT 1 AS fid, 'West' AS name, ST_Multi(ST_MakeEnvelope(-20.5, -0.5, -0.5, 39, 4326)) AS geom
UNION ALL SELECT 2, 'East', ST_Multi(ST_MakeEnvelope(-0.5, -0.5, 20.5, 39, 4326))
"""
PLAIN = "SELECT n AS fid, n AS size, NULL::geometry AS geom FROM generate_series(1, 3) AS n"


EVIL = r"""
SELECT n AS fid, replace(p.payload, 'N', n::text) AS name, replace(p.payload, 'N', n::text) AS kind, n AS size,
    ST_Point(n % 300 - 150, n % 150 - 75) AS geom
FROM generate_series(0, 9999) AS n,
    LATERAL (SELECT (ARRAY['<img src=x onerror="window.harmed=N">', '<script>window.harmed=N</script>',
        '"><svg onload=window.harmed=N>', '</script><script>window.harmed=N</script>', 'javascript:window.harmed=N',
        '{{7*7}}${window.harmed=N}', ''' onmouseover=window.harmed=N x=''', '<iframe srcdoc="<script>parent.harmed=N">',
        'https://x" onfocus="window.harmed=N" autofocus="', E'\x3c!--\u2028-->window.harmed=N'])[n % 10 + 1]
    ) AS p(payload)
"""
ELEMENTS = "() => document.querySelectorAll('img[src=x], iframe, [onload], [onerror], [onfocus], [onmouseover]').length"


@pytest.fixture(scope="module")
def shops(cluster: Cluster) -> Iterator[Database]:
    database = cluster.clone()
    publish(database, "shops", SHOPS, columns=COLUMNS)
    publish(database, "districts", DISTRICTS, columns={"name": "string"}, geometry_type="MultiPolygon")
    publish(database, "plain", PLAIN, columns={"size": "integer"}, srid=None, geometry_type=None)
    publish(database, "evil", EVIL, columns={"name": "string", "kind": "string", "size": "integer"})
    yield database
    cluster.drop(database)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder that the API sees."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def url(shops: Database, folder: Path) -> Iterator[str]:
    """In place of the package's: the same page and complaints, another API, whose pages have estimates of numbers."""
    with running_api(shops, ISTHMUS_DATA_DIR=str(folder), ISTHMUS_EXACT_COUNT_COST="0") as address:
        yield address


def explore(page: Page, query: str = "", id: str = "shops") -> None:
    page.goto(f"/collections/{id}/explore{query}")
    page.wait_for_selector("body[data-ready=true]")
    settled(page)


def settled(page: Page) -> None:
    """Wait until every answer is shown."""
    page.wait_for_function("() => !document.querySelector('[aria-busy=true]')")
    if page.locator("#map").count():
        page.evaluate(IDLE)


def told(shops: Database, condition: str = "true", what: str = "count(*)", group: str = "") -> list[tuple[Any, ...]]:
    """What PostgreSQL says of the shops."""
    with shops.connect() as connection:
        [(table,)] = connection.execute("SELECT max(table_name) FROM isthmus.versions WHERE collection_id = 'shops'")
        text = f"SELECT {what} FROM data.{table} WHERE {condition} {group}"  # noqa: S608
        return connection.execute(text).fetchall()  # type: ignore[arg-type]


def matches(page: Page) -> int:
    found = re.search(r"[\d,]+", page.locator("#matches").inner_text())
    assert found
    return int(found.group().replace(",", ""))


def facet(page: Page, name: str) -> dict[str, int]:
    """Value -> number, as a list of choices shows them."""
    rows = page.locator(f"details[data-property={name}] li")
    return {
        row.locator(".name").inner_text(): int(row.locator(".number").inner_text().replace(",", ""))
        for row in rows.all()
    }


def rows(page: Page) -> list[str]:
    """The first cells of the table."""
    return page.locator("#table tbody tr th").all_inner_texts()


def filter_of(page: Page) -> str:
    """The filter in the address, which the line shows too."""
    found = parse_qs(urlsplit(page.url).query).get("filter", [""])[0]
    assert page.locator("#line").input_value() == found
    return found


def asked(url: str, path: str) -> Any:
    with urllib.request.urlopen(url + path) as answer:
        return json.load(answer)


def test_every_number_is_postgresqls(page: Page, shops: Database):
    explore(page)
    assert matches(page) == told(shops)[0][0] == 400
    kinds = {value or "no value": number for value, number in told(shops, what="kind, count(*)", group="GROUP BY 1")}
    assert facet(page, "kind") == kinds
    opens = {str(value).lower(): number for value, number in told(shops, what="open, count(*)", group="GROUP BY 1")}
    assert facet(page, "open") == opens
    bars = page.locator("details[data-property=size] .twin td:nth-child(2)").all_text_contents()
    assert sum(map(int, bars)) == 400
    assert len(rows(page)) == 50
    assert drawn(page)["tiles"] == 400
    screenshot(page, "explore")


def test_choice_filters_everything_and_leaves_its_own_numbers(page: Page, shops: Database):
    explore(page)
    before = facet(page, "kind")
    page.get_by_role("checkbox", name="food").check()
    settled(page)
    assert filter_of(page) == "kind = 'food'"
    page.get_by_role("checkbox", name='it\'s "odd"').check()
    settled(page)
    assert filter_of(page) == "kind IN ('food', 'it''s \"odd\"')"
    condition = "kind IN ('food', 'it''s \"odd\"')"
    assert matches(page) == told(shops, condition)[0][0]
    assert facet(page, "kind") == before, "the own filter is left out"
    opens = told(shops, condition, "open, count(*)", "GROUP BY 1")
    assert facet(page, "open") == {str(value).lower(): number for value, number in opens}
    assert drawn(page)["tiles"] == matches(page)
    page.get_by_role("checkbox", name="no value").first.check()
    settled(page)
    assert matches(page) == told(shops, f"({condition} OR kind IS NULL)")[0][0]
    assert page.get_by_role("checkbox", name="food").is_checked()
    assert page.evaluate("() => document.activeElement.id") == "kind=null", "who works by keys stands where they were"


def test_back_undoes_a_filter_and_an_address_shows_the_same(page: Page, browser: Browser, url: str):
    explore(page)
    page.get_by_role("checkbox", name="books").check()
    settled(page)
    page.locator("#sort-size").click()
    settled(page)
    seen = (page.url, page.locator("#matches").inner_text(), rows(page))
    with browser.new_context(viewport={"width": 1200, "height": 800}) as other:
        elsewhere = other.new_page()
        elsewhere.goto(seen[0])
        elsewhere.wait_for_selector("body[data-ready=true]")
        settled(elsewhere)
        assert (elsewhere.locator("#matches").inner_text(), rows(elsewhere)) == seen[1:]
        assert elsewhere.get_by_role("checkbox", name="books").is_checked()
    page.go_back()
    page.go_back()
    settled(page)
    assert filter_of(page) == ""
    assert matches(page) == 400
    assert not page.get_by_role("checkbox", name="books").is_checked()
    page.go_forward()
    settled(page)
    assert matches(page) == 100


def test_sliders_work_by_keys(page: Page, shops: Database):
    explore(page)
    page.get_by_label("size: from").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    settled(page)
    found = re.fullmatch(r"size >= (\d+)", filter_of(page))
    assert found
    assert matches(page) == told(shops, f"size >= {found[1]}")[0][0] < 400
    page.get_by_label("size: to").focus()
    page.keyboard.press("PageDown")
    settled(page)
    found = re.fullmatch(r"size BETWEEN (\d+) AND (\d+)", filter_of(page))
    assert found
    assert matches(page) == told(shops, f"size BETWEEN {found[1]} AND {found[2]}")[0][0]
    assert page.evaluate("() => document.activeElement.id") == "to-size"


@pytest.mark.parametrize(
    ("name", "written", "condition"),
    [
        ("since", r"since >= DATE\('([-\d]+)'\)", "since >= '{}'"),
        ("seen", r"seen >= TIMESTAMP\('([-\dT:.]+Z)'\)", "seen >= '{}'"),
        ("score", r"score >= ([\d.]+)", "score >= {}"),
    ],
)
def test_ranges_of_days_times_and_numbers(page: Page, shops: Database, name: str, written: str, condition: str):
    explore(page)
    page.locator(f"#facet-{name}").evaluate("summary => summary.parentElement.open = true")
    page.get_by_label(f"{name}: from").focus()
    page.keyboard.press("PageUp")
    settled(page)
    found = re.fullmatch(written, filter_of(page))
    assert found
    assert matches(page) == told(shops, condition.format(found[1]))[0][0] < 400


def test_text_that_is_contained(page: Page, shops: Database):
    explore(page)
    page.get_by_label("name: contains").fill("OP 1")
    page.keyboard.press("Enter")
    settled(page)
    assert filter_of(page) == "CASEI(name) LIKE CASEI('%OP 1%')"
    assert matches(page) == told(shops, "name ILIKE '%op 1%'")[0][0]
    page.get_by_label("name: contains").fill("50%_'")
    page.keyboard.press("Enter")
    settled(page)
    assert page.locator("#matches").inner_text() == "0 features match"


def test_line_and_chips_are_one_filter(page: Page, shops: Database):
    explore(page)
    line = page.get_by_label("Filter (CQL2)")
    line.fill("size BETWEEN 10 AND 100 AND kind = 'food' AND size % 2 = 0 AND (open OR size < 50)")
    line.press("Enter")
    settled(page)
    chips = page.locator(".chip span").all_inner_texts()
    assert chips == ["size BETWEEN 10 AND 100", "kind = 'food'", "size % 2 = 0", "(open OR size < 50)"]
    condition = "size BETWEEN 10 AND 100 AND kind = 'food' AND size % 2 = 0 AND (open OR size < 50)"
    assert matches(page) == told(shops, condition)[0][0]
    assert page.get_by_role("checkbox", name="food").is_checked()
    page.get_by_role("button", name="Remove size % 2 = 0").click()
    settled(page)
    assert filter_of(page) == "size BETWEEN 10 AND 100 AND kind = 'food' AND (open OR size < 50)"
    line.fill("open OR size < 50")
    line.press("Enter")
    settled(page)
    page.get_by_role("checkbox", name="books").check()
    settled(page)
    assert filter_of(page) == "(open OR size < 50) AND kind = 'books'"
    assert matches(page) == told(shops, filter_of(page))[0][0]
    page.get_by_role("button", name="Clear all").click()
    settled(page)
    assert matches(page) == 400


def test_mistake_is_told_at_its_place_and_nothing_is_lost(page: Page, complaints: list[str]):
    explore(page)
    line = page.get_by_label("Filter (CQL2)")
    line.fill("kind = 'food' AND sise > 3")
    line.press("Enter")
    settled(page)
    expect(page.get_by_role("alert")).to_contain_text("no property 'sise', at position 18; perhaps you meant 'size'")
    assert line.get_attribute("aria-invalid") == "true"
    assert page.evaluate("() => document.getElementById('line').selectionStart") == 18
    assert len(rows(page)) == 50
    line.fill("kind = 'food' AND size > 3")
    line.press("Enter")
    settled(page)
    expect(page.locator("#mistake")).to_be_hidden()
    assert all("400" in complaint for complaint in complaints)
    complaints.clear()


def test_address_with_a_mistake_tells_it(page: Page, complaints: list[str]):
    explore(page, "?filter=nothing")
    expect(page.get_by_role("alert")).to_contain_text("no property 'nothing'")
    assert all("400" in complaint for complaint in complaints)
    complaints.clear()


def test_table_is_sorted_and_walked(page: Page, shops: Database):
    explore(page)
    for direction, arrow in (("ASC", "ascending"), ("DESC", "descending")):
        page.locator("#sort-size").click()
        settled(page)
        assert page.get_by_role("columnheader", name="size").get_attribute("aria-sort") == arrow
        wanted = told(shops, what="name", group=f"ORDER BY size {direction}, fid LIMIT 50")
        assert rows(page) == [name for (name,) in wanted]
    page.get_by_role("button", name="Next 50").click()
    expect(page.locator("#rows")).to_have_text("Rows 51 to 100")
    assert rows(page) == [n for (n,) in told(shops, what="name", group="ORDER BY size DESC, fid LIMIT 50 OFFSET 50")]
    page.get_by_role("button", name="Previous 50").click()
    expect(page.locator("#rows")).to_have_text("Rows 1 to 50")
    assert page.get_by_role("button", name="Previous 50").is_disabled()
    page.locator("#sort-size").click()
    settled(page)
    assert "sortby" not in page.url


def test_download_is_exactly_what_is_shown(page: Page, url: str, shops: Database):
    explore(page, "?filter=kind+%3D+%27food%27&sortby=-size")
    page.locator(".tools summary").click()
    for name in ("open", "since", "score", "seen", "note", "kind"):
        page.locator("#columns").get_by_label(name, exact=True).uncheck()
    settled(page)
    assert page.get_by_role("columnheader").all_inner_texts() == ["name", "size ▼"]
    page.locator("#download > summary").click()
    page.get_by_label("Format").select_option("csv")
    with urllib.request.urlopen(page.get_by_role("link", name="Download").get_attribute("href") or "") as answer:
        header, *lines = answer.read().decode().splitlines()
    assert header.split(",")[:3] == ["id", "name", "size"]
    wanted = told(shops, "kind = 'food'", "name", "ORDER BY size DESC, fid")
    assert [line.split(",")[1] for line in lines] == [name for (name,) in wanted]
    line = page.locator("#lines dd").first.inner_text()
    assert line.startswith("curl -o 'shops.csv' 'http")
    assert "kind%20%3D%20'\\''food'\\''" in line or "kind%20%3D%20%27food%27" in line


def test_lines_for_other_programs_give_what_is_shown(page: Page, shops: Database, tmp_path: Path):
    explore(page, "?filter=kind+%3D+%27it%27%27s+%22odd%22%27+AND+size+%3E+100&properties=name,size")
    page.locator("#download > summary").click()
    page.get_by_label("Format").select_option("csv")
    programs = [name.split(" ")[0] for name in page.locator("#lines dt").all_inner_texts()]
    lines = dict(zip(programs, page.locator("#lines dd").all_inner_texts(), strict=True))
    names = {name for (name,) in told(shops, "kind = 'it''s \"odd\"' AND size > 100", "name")}
    run = {"cwd": tmp_path, "check": True, "capture_output": True, "text": True}
    subprocess.run(["bash", "-c", lines["curl"]], **run)
    assert {line.split(",")[1] for line in (tmp_path / "shops.csv").read_text().splitlines()[1:]} == names
    subprocess.run(["bash", "-c", lines["ogr2ogr"]], **run)
    assert set(pyogrio.read_dataframe(tmp_path / "shops.gpkg")["name"]) == names
    (tmp_path / "line.py").write_text(f"{lines['GeoPandas']}\nprint(list(features['name']))")
    told_names = subprocess.run([sys.executable, "line.py"], **run).stdout
    assert set(ast.literal_eval(told_names)) == names
    assert lines["R"].startswith("library(sf)")
    assert "OGC API - Features" in lines["QGIS"]


def test_numbers_follow_the_map(page: Page, url: str):
    explore(page, "#5/5/-10")
    page.get_by_label("Numbers and table follow the map").check()
    settled(page)
    box = page.evaluate("() => window.isthmusMap.getBounds().toArray().flat().map(side => side.toFixed(6)).join(',')")
    found = asked(url, f"/collections/shops/facets?properties=kind&bbox={box}")
    counted = asked(url, f"/collections/shops/items?resultType=hits&count=exact&bbox={box}")["numberMatched"]
    assert 0 < matches(page) == counted < 400
    assert facet(page, "kind")["food"] == next(v["count"] for v in found["facets"][0]["values"] if v["value"] == "food")
    page.evaluate("() => window.isthmusMap.jumpTo({ center: [60, 60], zoom: 5 })")
    expect(page.locator("#matches")).to_have_text("0 features match")


def test_area_is_drawn_by_its_corners(page: Page, shops: Database):
    explore(page, "#3/10/0")
    page.get_by_role("button", name="Draw an area").click()
    box = page.locator("#map").bounding_box()
    assert box
    for x, y in ((0.4, 0.3), (0.6, 0.3), (0.6, 0.7), (0.4, 0.7)):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.get_by_role("button", name="Finish the area").click()
    settled(page)
    found = re.fullmatch(r"S_INTERSECTS\(geometry, (POLYGON\(\(.*\)\))\)", filter_of(page))
    assert found
    wanted = told(shops, f"ST_Intersects(geom, ST_GeomFromText('{found[1]}', 4326))")[0][0]
    assert 0 < matches(page) == wanted < 400
    assert drawn(page)["tiles"] == wanted
    page.get_by_role("button", name="Remove S_INTERSECTS").click()
    settled(page)
    assert matches(page) == 400


def test_area_is_what_the_map_shows(page: Page):
    explore(page, "#5/5/-10")
    page.get_by_role("button", name="Filter by what the map shows").click()
    settled(page)
    assert filter_of(page).startswith("S_INTERSECTS(geometry, BBOX(-")
    assert 0 < matches(page) < 400
    assert drawn(page)["tiles"] == matches(page)


def test_area_is_a_feature_of_another_collection(page: Page, shops: Database):
    """How many shops of food of more than 100 are there in the district West?"""
    explore(page)
    page.get_by_role("checkbox", name="food").check()
    page.get_by_text("Inside a feature of …").click()
    page.get_by_label("Inside a feature of").select_option("districts")
    page.get_by_label("its name").fill("wes")
    page.get_by_role("button", name="West").click()
    settled(page)
    expect(page.locator("#outline")).to_have_text("West: its outline, 5 corners.")
    wanted = told(shops, "kind = 'food' AND ST_X(geom) < -0.5")[0][0]
    assert matches(page) == wanted > 0


def test_row_leads_to_the_map_and_back(page: Page):
    explore(page)
    page.get_by_role("button", name="shop 42", exact=True).click()
    popup = page.locator(".maplibregl-popup-content")
    expect(popup).to_contain_text("shop 42")
    page.evaluate(IDLE)
    longitude, latitude = page.evaluate("() => window.isthmusMap.getCenter().toArray()")
    assert (round(longitude), round(latitude)) == (42 % 20 * 2 - 20, 42 // 20 * 2)
    expect(popup.get_by_role("link")).to_have_attribute("href", re.compile(r"/collections/shops/items/42\?f=html"))
    page.locator("#map").scroll_into_view_if_needed()
    box = page.locator("#map").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#table tr.marked")).to_have_attribute("data-id", "42")
    page.get_by_role("row", name="shop 41", exact=False).hover()
    assert "41" in json.dumps(page.evaluate("() => window.isthmusMap.getFilter('marked-shops/point')"))


def test_legend_has_categories_of_the_whole_filter(page: Page, shops: Database):
    explore(page, "?colour=kind&filter=size+%3C+200#8/0/-20")
    found = [row.locator("span").all_inner_texts()[1:] for row in page.locator("#legend li").all()]
    wanted = told(shops, "size < 200", "kind, count(*)", "GROUP BY 1")
    assert sorted(found) == sorted([kind or "other", str(number)] for kind, number in wanted)


def test_legend_has_classes_that_the_api_made(page: Page, url: str):
    explore(page)
    page.get_by_label("Colour by").select_option("size")
    expect(page.locator("#legend li")).to_have_count(5)
    for way in ("quantile", "jenks", "hist"):
        page.get_by_label("Classes").select_option(way)
        groups = asked(url, f"/collections/shops/aggregate?group-by=size:{way}(5)")["groups"]
        wanted = [f"{g['size_from']:g} – {g['size_to']:g}{g['count']}" for g in groups]
        expect(page.locator("#legend li")).to_have_text(wanted)
    colours = page.evaluate(
        "() => new Set(window.isthmusMap.queryRenderedFeatures({ layers: ['shops/point'] })"
        ".map(f => f.layer.paint['circle-color'].toString())).size"
    )
    assert colours == 5


def test_hostile_values_stay_text(page: Page):
    explore(page, "?filter=note+LIKE+%27%25onerror%25%27&colour=note")
    assert rows(page) == ["shop 7"]
    page.get_by_role("button", name="shop 7").click()
    expect(page.locator(".maplibregl-popup-content")).to_contain_text("<img src=x onerror")
    expect(page.locator("#legend")).to_contain_text("<img src=x onerror")
    assert page.evaluate("() => window.harmed") is None
    assert page.locator("img[src=x]").count() == 0


def test_phone_shows_one_pane_at_a_time(page: Page):
    page.set_viewport_size({"width": 390, "height": 800})
    explore(page)
    for name, shown in (("Filters", "#facets"), ("Map", "#map"), ("Table", "#table")):
        page.locator("#panes").get_by_text(name).click()
        for other in ("#facets", "#map", "#table"):
            expect(page.locator(other)).to_be_visible(visible=other == shown)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    screenshot(page, "explore-phone")


def test_keys_alone_reach_the_filters(page: Page):
    explore(page)
    page.keyboard.press("Tab")
    while page.evaluate("() => document.activeElement.textContent") != "Skip to the filters":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.closest('.facet') !== null")


def test_texts_are_chinese_where_they_are_asked_for(page: Page):
    explore(page, "?lang=zh")
    expect(page.locator("#matches")).to_have_text("符合条件的要素：400")
    assert page.locator("html").get_attribute("lang") == "zh"
    expect(page.get_by_role("link", name="English")).to_be_visible()


def test_collection_without_geometry_has_no_map(page: Page):
    explore(page, id="plain")
    assert page.locator("#map").count() == 0
    assert matches(page) == 3
    page.locator("#sort-size").click()
    settled(page)
    assert page.locator("#table tbody tr").count() == 3


def test_frame_shows_the_same_without_the_rest(page: Page, url: str, browser: Browser):
    explore(page, "?filter=kind+%3D+%27food%27")
    page.locator("#share > summary").click()
    frame = page.get_by_label("In a page of your own").input_value()
    found = re.fullmatch(r'<iframe src="(.*?)" title="shops" width="800" height="500"></iframe>', frame)
    assert found
    address = found[1].replace("&amp;", "&")
    assert "embed=1" in address
    page.goto(address)
    page.wait_for_selector("body[data-ready=true]")
    settled(page)
    expect(page.locator("#matches")).to_have_text("100 features match")
    expect(page.locator("#facets")).to_be_hidden()
    expect(page.locator("body > header")).to_be_hidden()
    expect(page.locator("#map")).to_be_visible()
    whole = page.get_by_role("link", name="Open the whole page").get_attribute("href") or ""
    assert "embed" not in whole
    assert "filter=kind" in whole


def test_saved_view_is_a_file_that_is_seen_when_it_is_dropped(page: Page, shops: Database, folder: Path, url: str):
    explore(page, "?filter=size+%3E+300&sortby=-size&colour=size:jenks&properties=name,size#4/5/-10")
    page.locator("#share > summary").click()
    page.get_by_label("Name of the view").fill("Large shops")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as a file").click()
    assert download.value.suggested_filename == "Large shops.json"
    (folder / "views").mkdir()
    download.value.save_as(folder / "views/Large shops.json")
    [view] = asked(url, "/views?f=json")["views"]
    assert (view["name"], view["title"], view["collection"]) == ("Large shops", "Large shops", "shops")
    page.goto(view["links"][0]["href"])
    page.wait_for_selector("body[data-ready=true]")
    settled(page)
    assert matches(page) == told(shops, "size > 300")[0][0]
    assert page.get_by_role("columnheader").all_inner_texts() == ["name", "size ▼"]
    assert page.get_by_label("Colour by").input_value() == "size"
    assert page.evaluate("() => window.isthmusMap.getZoom()") == 4
    page.get_by_role("button", name="Clear all").click()
    settled(page)
    assert matches(page) == 400
    assert "filter=&" in f"{urlsplit(page.url).query}&", "what differs from the view is in the address"
    page.reload()
    page.wait_for_selector("body[data-ready=true]")
    settled(page)
    assert matches(page) == 400


def test_ten_thousand_hostile_values_run_no_script(page: Page):
    for offset in range(0, 10_000, 2000):
        page.goto(f"/collections/evil/items?f=html&limit=2000&skipGeometry=true&offset={offset}")
        assert page.locator("tbody tr").count() == 2000
        assert (page.evaluate("() => window.harmed"), page.evaluate(ELEMENTS)) == (None, 0)
    explore(page, "?colour=kind", id="evil")
    page.get_by_role("button", name="Next 50").click()
    settled(page)
    page.locator("#table tbody button").first.click()
    expect(page.locator(".maplibregl-popup-content")).to_contain_text("window.harmed")
    page.locator("#table tbody tr").nth(3).hover()
    assert (page.evaluate("() => window.harmed"), page.evaluate(ELEMENTS)) == (None, 0)
