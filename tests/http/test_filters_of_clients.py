"""Conditions that GDAL and QGIS leave to the server: they write names, plus signs and days in ways of their own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from api.cql2.text_encoding.tokens import as_cql2
from api.middleware.fast_path import spelt_out
from support.cluster import Cluster, Database
from support.publish import publish
from support.read_back import ask_qgis
from support.server import running_api

ROADS = r"""
SELECT n AS fid, 'road ' || n AS "road name", 'A' || n || ' + B' AS "a+b", 'C:\new\' || n AS path, 10.0 ^ n AS size,
       date '2024-01-01' + n AS day, timestamptz '2024-01-01 12:00Z' + n * interval '1 day' AS seen, 'x' || n AS "like",
       'it''s ' || n AS "it's", ST_Point(n, n) AS geom
FROM generate_series(1, 30) AS n
"""
COLUMNS = {"road name": "string", "a+b": "string", "path": "string", "size": "number", "day": "date"}
COLUMNS |= {"seen": "datetime", "like": "string", "it's": "string"}


WAYS = """
CREATE SCHEMA gis;
CREATE TABLE gis.ways (key uuid PRIMARY KEY, name text, "like" text, "not" text, seen timestamptz,
                       geom geometry(Point, 4326));
INSERT INTO gis.ways SELECT lpad(n::text, 32, '0')::uuid, 'A + ' || n, 'x' || n, 'y' || n, '2024-01-01 00:00Z',
                            ST_Point(n, n, 4326)
FROM generate_series(1, 30) AS n;
GRANT USAGE ON SCHEMA gis TO PUBLIC;
GRANT SELECT ON gis.ways TO PUBLIC;
"""


@pytest.fixture(scope="module")
def url(cluster: Cluster) -> Iterator[str]:
    """The API with more features than GDAL reads to know the types."""
    database: Database = cluster.clone()
    publish(database, "roads", ROADS, columns=COLUMNS)
    with database.connect() as connection:
        connection.execute(WAYS)
    with running_api(database, ISTHMUS_SCHEMAS="gis") as address:
        yield address
    cluster.drop(database)


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("\"road name\" = 'road 7'", 1),
        ("\"road name\" LIKE 'road 1%' AND NOT (\"road name\" = 'road 1' OR \"it's\" = 'it''s 12')", 9),
        ("\"a+b\" = 'A3 + B'", 1),
        (r"path = 'C:\new\3'", 1),
        ('"like" <> \'x1\' AND "like" IS NOT NULL', 29),
        ("size > 1e+27", 3),
        ("day > '2024-01-21'", 10),
        ("day = '2024/01/21'", 1),
        ("day BETWEEN '2024-01-02' AND '2024-01-04'", 3),
        ("seen >= '2024-01-21' AND seen < '2024-01-22T12:00:00Z'", 1),
    ],
)
def test_gdal_finds_what_a_condition_means(url: str, condition: str, found: int):
    assert found_by_gdal(url, "roads", condition) == found


@pytest.mark.parametrize(("id", "name"), [("roads", "road name"), ("ways", "like")])
def test_gdal_leaves_conditions_and_counts_to_the_server(url: str, id: str, name: str):
    """It looks for both at the path of the collection in the definition of the API."""
    command = ["ogrinfo", "--debug", "on", "-ro", "-so", f"OAPIF:{url}", id, "-where", f"\"{name}\" LIKE '%1'"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Feature Count: 3" in told.stdout
    assert "evaluated" not in told.stderr
    [counted] = {line for line in told.stderr.splitlines() if "resultType=hits" in line}
    assert "filter=" in counted


@pytest.mark.parametrize("operator", ["=", "LIKE"])
def test_gdal_finds_ids_that_are_no_numbers_by_its_own_name_for_them(url: str, operator: str):
    assert found_by_gdal(url, "ways", f"id {operator} '00000000-0000-0000-0000-000000000003'") == 1


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("name = 'A + 3'", 1),
        ("\"like\" IN ('x1', 'x2')", 2),
        ("\"like\" LIKE 'x1%' AND NOT (\"like\" = 'x1')", 10),
        ("\"not\" = 'y3' OR \"not\" > 'y8'", 2),
        ("seen IN ('2024-01-01T01:00:00+01:00')", 30),
    ],
)
def test_qgis_finds_what_a_condition_means(url: str, condition: str, found: int):
    told = ask_qgis(f"url='{url}' typename='ways'", "OAPIF", condition)
    assert (told["count"], len(told["rows"])) == (found, found)
    assert not told["adds"]


def found_by_gdal(url: str, id: str, condition: str) -> int:
    """How many features ogrinfo finds, without a word on standard error."""
    command = ["ogrinfo", "-ro", "-q", f"OAPIF:{url}", id, "-where", condition]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.stderr == ""
    return told.stdout.count("OGRFeature(")


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("a = 1", "a = 1"),
        ("(a b = 'a b = 1') OR (a b IS NULL)", '("a b" = \'a b = 1\') OR ("a b" IS NULL)'),
        ("a b c <> 'x'", "\"a b c\" <> 'x'"),
        ("q\"q LIKE 'a\\_%'", '"q""q" LIKE \'a\\_%\''),
        ("and ILIKE 'x'", "\"and\" ILIKE 'x'"),
        ("(and = 'it''s and = \\') AND (= = 2)", "(\"and\" = 'it''s and = \\\\') AND (\"=\" = 2)"),
        ("name = 'open", "name = 'open"),
    ],
)
def test_names_and_backslashes_are_spelt_as_the_standard_does(sent: str, meant: str):
    assert as_cql2(sent, ["a", "a b", "a b c", 'q"q', "and", "=", "name"]) == meant


def test_only_plus_signs_of_who_writes_spaces_as_gdal_are_plus_signs():
    assert spelt_out("f=a+b&filter=a%20=%20'b+c'&x=1+1") == "f=a+b&filter=a%20=%20'b%2Bc'&x=1+1"
    assert spelt_out("filter=a+=+1") == "filter=a+=+1"
