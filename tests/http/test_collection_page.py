"""The page of a collection: its numbers are those of PostgreSQL, estimates say so, and its lines can be pasted."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from loader.catalogue import open_catalogue
from loader.scan import scan
from loader.states.record import FolderRecord
from support.cluster import Cluster, Database
from support.loading import Loader, write_points
from support.odd import sources_app
from support.publish import publish
from support.read_back import SYSTEM_PYTHON
from support.server import running_api

SHOPS = """
SELECT n AS fid, CASE WHEN n % 11 > 0 THEN 'kind ' || n % 7 END AS kind, n * 37 % 1000 AS height, n % 3 = 0 AS open,
  (n % 4)::int AS code, timestamptz '2020-01-01Z' + n * interval '7 hours' AS seen,
  date '2020-01-01' + n % 400 AS built,
  'name ' || n AS name, sqrt(n) AS area, '{}'::jsonb AS more, NULL::text AS nothing,
  ST_Point(((n::bigint * 7919) % 36000) / 100.0 - 180, ((n::bigint * 104729) % 16000) / 100.0 - 80) AS geom
FROM generate_series(1, ROWS) AS n
"""
COLUMNS = {
    **{"kind": "string", "height": "integer", "open": "boolean", "code": "integer", "seen": "datetime"},
    **{"built": "date", "name": "string", "area": "number", "more": "json", "nothing": "string"},
}
SMALL, LARGE = 1000, 60_000
OWN = """
CREATE SCHEMA own;
CREATE TABLE own.small AS SELECT n AS id, 'a' || n % 3 AS kind FROM generate_series(1, 30) AS n;
CREATE TABLE own.large AS SELECT n AS id, 'a' || n % 3 AS kind, n % 50 AS "%height"
FROM generate_series(1, 200000) AS n;
ALTER TABLE own.small ADD PRIMARY KEY (id);
ALTER TABLE own.large ADD PRIMARY KEY (id);
CREATE VIEW own.slow AS SELECT id, kind, md5(kind) AS hash FROM own.large;
ANALYZE own.small, own.large;
GRANT USAGE ON SCHEMA own TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA own TO PUBLIC;
"""


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Database]:
    database = cluster.clone()
    publish(database, "shops", SHOPS.replace("ROWS", str(SMALL)), columns=COLUMNS, temporal_column="seen")  # type: ignore[arg-type]
    publish(database, "many", SHOPS.replace("ROWS", str(LARGE)), columns=COLUMNS, temporal_column="seen")  # type: ignore[arg-type]
    publish(database, "table", "SELECT 1 AS fid, 5 AS amount", columns={"amount": "integer"}, srid=None)
    yield database
    cluster.drop(database)


@pytest.fixture(scope="module")
def client(database: Database) -> Iterator[FlaskClient]:
    pool = Pool(database.reader)
    yield create_app(database.reader, pool).test_client()
    pool.close()


def rows(database: Database, text: str) -> list[Any]:
    """What PostgreSQL says."""
    with database.connect() as connection:
        return connection.execute(text).fetchall()  # type: ignore[arg-type]


def page(client: FlaskClient, id: str) -> str:
    response = client.get(f"/collections/{id}?f=html")
    assert response.status_code == 200
    return response.text


def properties(text: str) -> dict[str, dict[str, Any]]:
    """What the page shows of each property: its facts, its values and the table of its histogram, as texts."""
    found: dict[str, dict[str, Any]] = {}
    for part in re.findall(r'<li id="property-\d+">(.*?)</li>', text, re.DOTALL):
        [name] = re.findall(r"<h3><code>(.*?)</code>", part)
        facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", part))
        top = part.partition('<table class="top">')[2]
        values = re.findall(r'<th scope="row">(?:<a[^>]*>)?(.*?)(?:</a>)?</th><td>(.*?)</td>', top)
        bars = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td></tr>", part)
        found[unescape(name)] = {**facts, "values": values, "bars": bars, "svg": part.count("<rect ")}
    return found


def number(text: str) -> float:
    """The first number of a text."""
    return float(re.findall(r"-?[\d,]+(?:\.\d+)?", text)[0].replace(",", ""))


def test_every_number_of_a_small_collection_is_that_of_postgresql(client: FlaskClient, database: Database):
    text = page(client, "shops")
    assert "Every number is counted, over 1,000 features." in text
    assert "about" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    shown = properties(text)
    assert list(shown) == list(COLUMNS)
    for name, kind in COLUMNS.items():
        [(filled,)] = rows(database, f"SELECT count({name}) FROM data.shops_1")  # noqa: S608
        assert number(shown[name]["Filled"]) == filled
        if kind != "json":
            [(distinct,)] = rows(database, f"SELECT count(DISTINCT {name}) FROM data.shops_1")  # noqa: S608
            assert number(shown[name]["Distinct"]) == distinct
    top = rows(database, "SELECT kind, count(*) FROM data.shops_1 WHERE kind IS NOT NULL GROUP BY 1")
    expected = sorted(top, key=lambda row: (-row[1], row[0]))[:5]
    assert [(value, number(count)) for value, count in shown["kind"]["values"]] == expected
    assert sorted(shown["code"]["values"]) == [("0", "250"), ("1", "250"), ("2", "250"), ("3", "250")]
    assert shown["open"]["values"] == [("false", "667"), ("true", "333")]
    assert shown["height"]["Range"] == "0 to 999"
    [(first, last)] = rows(database, "SELECT min(built), max(built) FROM data.shops_1")
    assert shown["built"]["Range"] == f"{first} to {last}"


@pytest.mark.parametrize("name", ["height", "area"])
def test_a_histogram_is_that_of_postgresql_and_has_its_numbers_as_a_table(
    client: FlaskClient, database: Database, name: str
):
    shown = properties(page(client, "shops"))[name]
    [(low, high)] = rows(database, f"SELECT min({name})::float8, max({name})::float8 FROM data.shops_1")  # noqa: S608
    counted = dict(
        rows(
            database,
            f"SELECT least(width_bucket({name}::float8, {low!r}, {high!r}, 20), 20), count(*)"  # noqa: S608
            " FROM data.shops_1 GROUP BY 1",
        )
    )
    counts = [number(count) for _, _, count in shown["bars"]]
    assert len(counts) == 20
    assert sum(counts) == SMALL
    assert counts == pytest.approx([counted.get(bar + 1, 0) for bar in range(20)], abs=1)
    assert shown["svg"] == sum(count > 0 for count in counts)


def test_values_lead_to_their_features(client: FlaskClient):
    text = page(client, "shops")
    [href] = re.findall(r'<a href="http://localhost(/collections/shops/items\?f=html&amp;kind=kind\+0)">', text)
    shown = properties(text)["kind"]["values"]
    matched = client.get(unescape(href).replace("f=html", "f=json&resultType=hits")).json["numberMatched"]
    assert f"{matched}" == dict(shown)["kind 0"]


def test_numbers_of_a_large_collection_are_estimates_near_the_truth_that_say_so(
    client: FlaskClient, database: Database
):
    text = page(client, "many")
    assert "Numbers are estimates" in text
    shown = properties(text)
    for name, kind in COLUMNS.items():
        [(filled,)] = rows(database, f"SELECT count({name}) FROM data.many_2")  # noqa: S608
        assert shown[name]["Filled"].startswith("about ")
        assert number(shown[name]["Filled"]) == pytest.approx(filled, rel=0.05, abs=100)
        if kind != "json":
            [(distinct,)] = rows(database, f"SELECT count(DISTINCT {name}) FROM data.many_2")  # noqa: S608
            assert shown[name]["Distinct"].startswith("about ")
            assert number(shown[name]["Distinct"]) == pytest.approx(distinct, rel=0.3)
    counts = dict(rows(database, "SELECT kind, count(*) FROM data.many_2 GROUP BY 1"))
    assert len(shown["kind"]["values"]) == 5
    for value, count in shown["kind"]["values"]:
        assert count.startswith("about ")
        assert number(count) == pytest.approx(counts[value], rel=0.15)
    for name in ("height", "area", "seen", "built"):
        bars = [number(count) for _, _, count in shown[name]["bars"]]
        assert sum(bars) == pytest.approx(LARGE, rel=0.05)
        assert len(bars) == 20
    [(low, high)] = rows(database, "SELECT min(area), max(area) FROM data.many_2")
    counted = rows(
        database,
        f"SELECT count(*) FROM data.many_2 GROUP BY least(width_bucket(area, {low}, {high}, 20), 20)",  # noqa: S608
    )
    largest = max(count for (count,) in counted)
    assert max(number(count) for _, _, count in shown["area"]["bars"]) == pytest.approx(largest, rel=0.15)


def test_sizes_of_downloads_are_near_the_files(client: FlaskClient):
    text = page(client, "shops")
    assert "Sizes with ~ are estimates" in text
    for f in ("geojson", "csv", "geojsonl", "fgb", "kml"):
        [(told, unit)] = re.findall(rf'items\?f={f}">[^<]*<span class="quiet">~([\d.]+) (KB|MB)</span>', text)
        size = len(client.get(f"/collections/shops/items?f={f}").data)
        assert float(told) * {"KB": 1e3, "MB": 1e6}[unit] == pytest.approx(size, rel=0.1 if f == "geojson" else 0.6)


def test_the_size_of_a_file_that_is_made_is_its_own(client: FlaskClient):
    assert "GeoParquet <span" in page(client, "many")
    assert re.search(r'f=parquet">GeoParquet <span class="quiet">~', page(client, "many"))
    size = len(client.get("/collections/many/items?f=parquet").data)
    assert f'f=parquet">GeoParquet <span class="quiet">{size / 1e6:.2g} MB</span>' in page(client, "many")


def test_a_table_without_geometry_has_a_page(client: FlaskClient):
    text = page(client, "table")
    assert "pandas.read_csv" in text
    assert "MapLibre" not in text
    assert properties(text)["amount"]["Filled"] == "1, 100 %"


def test_tables_of_somebody_are_counted_or_estimated_and_views_of_much_are_left(cluster: Cluster):
    database = cluster.clone()
    with database.connect() as connection:
        connection.execute(OWN)
        connection.commit()
    with sources_app(database, schemas="own") as app:
        client = app.test_client()
        small, large = (properties(page(client, f"{id}")) for id in ("small", "large"))
        assert sorted(small["kind"]["values"]) == [("a0", "10"), ("a1", "10"), ("a2", "10")]
        assert number(large["kind"]["Distinct"]) == 3
        assert number(large["%height"]["Distinct"]) == 50
        assert number(large["kind"]["Filled"]) == pytest.approx(200_000, rel=0.02)
        assert "Distinct" not in page(client, "slow")
    cluster.drop(database)


def described(database: Database) -> None:
    """Words about a collection, some of them hostile."""
    with database.connect() as connection:
        connection.execute(
            "UPDATE isthmus.collections SET title = 'Shops </script><b>', description = 'All & more.',"
            " keywords = '{retail,\"<i>\"}', license = 'CC-BY-4.0', attribution = 'Me' WHERE id = 'shops'"
        )
        connection.commit()


def test_search_engines_find_a_dataset_of_schema_org_and_catalogues_one_of_dcat(
    client: FlaskClient, database: Database
):
    described(database)
    client.get("/collections")  # asks for the catalogue of this moment
    text = page(client, "shops")
    [data] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', text, re.DOTALL)
    found = json.loads(data)
    assert (found["@context"], found["@type"], found["@id"]) == (
        "https://schema.org/",
        "Dataset",
        "http://localhost/collections/shops",
    )
    assert (found["name"], found["description"]) == ("Shops </script><b>", "All & more.")
    assert found["license"] == "https://creativecommons.org/licenses/by/4.0/"
    assert found["keywords"] == ["retail", "<i>"]
    south, west, north, east = map(float, found["spatialCoverage"]["geo"]["box"].split())
    assert client.get("/collections/shops").json["extent"]["spatial"]["bbox"] == [[west, south, east, north]]
    assert found["temporalCoverage"].startswith("2020-01-01T07:00:00Z/2020-")
    assert [one["name"] for one in found["variableMeasured"]] == list(COLUMNS)
    assert {one["encodingFormat"] for one in found["distribution"]} >= {"application/geo+json", "text/csv"}
    assert '<a rel="license" href="https://creativecommons.org/licenses/by/4.0/">CC-BY-4.0</a>' in text
    document = client.get("/collections/shops").json
    [href] = [one["href"] for one in document["links"] if one["type"] == "application/ld+json"]
    response = client.get(href.removeprefix("http://localhost"))
    assert response.content_type == "application/ld+json"
    assert client.get("/collections/shops", headers={"Accept": "application/ld+json"}).json == response.json
    assert (response.json["@type"], response.json["dct:title"]) == ("dcat:Dataset", "Shops </script><b>")
    assert response.json["dct:license"] == {"@id": found["license"]}
    assert response.json["dct:spatial"]["dcat:bbox"]["@value"].startswith(f"POLYGON(({west} {south},")
    assert len(response.json["dcat:distribution"]) == len(found["distribution"])


def test_a_licence_that_is_no_address_is_a_text(client: FlaskClient, database: Database):
    with database.connect() as connection:
        connection.execute("UPDATE isthmus.collections SET license = 'javascript:alert(1)' WHERE id = 'table'")
        connection.commit()
    client.get("/collections")
    text = page(client, "table")
    assert 'href="javascript' not in text
    assert "javascript:alert(1)" in text
    assert client.get("/collections/table?f=dcat").json["dct:rights"] == ["javascript:alert(1)"]


def test_page_tells_which_file_it_was_and_how_the_load_went(module_database: Database):
    with open_catalogue(module_database.owner) as connection:
        loader = Loader(module_database.owner, connection)
        write_points(loader.path("places.geojson"), ["a", "b"])
        loader.path("places.toml").write_text('colour = "red"\nlicense = "CC0-1.0"\nkeywords = ["towns"]')
        assert loader.load("places.geojson").status == "loaded"
        FolderRecord().save(connection, loader.settings, scan(loader.data_dir))
        pool = Pool(module_database.reader)
        try:
            client = create_app(module_database.reader, pool).test_client()
            text = page(client, "places")
            assert "<code>places.geojson</code>, 1 KB" in text
            assert "&#39;colour&#39; in places.toml means nothing" in text
            assert '<span class="verdict served">served</span>' in text
            assert ">towns</a>" in text
            loader.path("places.geojson").write_text("{")
            assert loader.load("places.geojson").status == "failed"
            FolderRecord().save(connection, loader.settings, scan(loader.data_dir))
            text = page(client, "places")
            assert '<span class="verdict failed">failed</span>' in text
            assert "which was loaded before, is served meanwhile" in text
        finally:
            pool.close()


@pytest.fixture(scope="module")
def address(database: Database) -> Iterator[str]:
    """The API as it runs."""
    with running_api(database, ISTHMUS_SPOOL_DIR=str(database.owner.data_dir / "spool")) as url:
        yield url


def lines(address: str, program: str, id: str = "shops") -> str:
    """What the page says for a program."""
    with urllib.request.urlopen(f"{address}/collections/{id}?f=html") as response:
        text = response.read().decode()
    [found] = re.findall(rf'<pre tabindex="0" role="group" aria-label="{program}">(.*?)</pre>', text, re.DOTALL)
    return unescape(found)


def run(command: list[str], folder: Path) -> str:
    """The output of a program that must not fail."""
    environment = {"PATH": os.environ["PATH"], "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": "/tmp"}
    environment["HOME"] = str(folder)
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_lines_for_a_shell_can_be_pasted(address: str, tmp_path: Path):
    for program in ("curl", "ogr2ogr"):
        run(["bash", "-euc", lines(address, program)], tmp_path)
        assert "Feature Count: 1000" in run(["ogrinfo", "-so", "-al", "shops.gpkg"], tmp_path)
        (tmp_path / "shops.gpkg").unlink()


@pytest.mark.parametrize(("id", "last"), [("shops", "[1000 rows x 12 columns]"), ("table", "0 1 5")])
def test_lines_for_python_can_be_pasted(address: str, tmp_path: Path, id: str, last: str):
    printed = run([sys.executable, "-c", lines(address, "GeoPandas", id)], tmp_path)
    assert last in " ".join(printed.split())


def test_lines_for_qgis_can_be_pasted(address: str, tmp_path: Path):
    head = "from qgis.core import *\napplication = QgsApplication([], False)\napplication.initQgis()\n"
    tail = "\nprint(layer.isValid(), layer.featureCount())\nQgsProject.instance().clear()\napplication.exitQgis()\n"
    printed = run([SYSTEM_PYTHON, "-c", f"{head}{lines(address, 'QGIS')}{tail}"], tmp_path)
    assert printed.strip() == "True 1000"


def test_lines_for_r_download_a_file_and_read_it(address: str):
    """R is not among what the tests install: what it is told to fetch is fetched here."""
    text = lines(address, "R")
    assert text.endswith('features <- st_read("shops.gpkg")')
    [wanted] = re.findall(r'download.file\("([^"]+)", "shops.gpkg", mode = "wb"\)', text)
    with urllib.request.urlopen(wanted) as response:
        assert response.read(15) == b"SQLite format 3"
