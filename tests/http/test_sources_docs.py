"""docs/sources.md is true: what it tells an operator to run works, and gives what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from support.cluster import ROOT, Cluster, Database
from support.http import get
from support.odd import sources_app

TEXT = (ROOT / "docs/sources.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text below a heading."""
    return TEXT.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def statements(title: str) -> str:
    """The SQL in the code blocks of a section."""
    blocks = re.findall(r"(?:^ {4}.*\n|^\n)+", section(title), re.MULTILINE)
    lines = [line.removeprefix("    ") for block in blocks for line in block.splitlines() if line.startswith("    ")]
    return "\n".join(line for line in lines if not re.match(r"(docker|psql|curl|ISTHMUS|cd|gis\.)", line))


@pytest.fixture
def client(database: Database, cluster: Cluster) -> Iterator[FlaskClient]:
    """A client of the stack's own database, where the operator has done what the page says."""
    with database.connect() as connection:
        for title in ("In the stack's own database", "Comments", "Functions"):
            connection.execute(statements(title))  # type: ignore[arg-type]
        connection.execute(
            "INSERT INTO gis.wells"
            " SELECT n, 'well ' || n, ST_Transform(ST_SetSRID(ST_Point(24.9 + n / 1000.0, 60.2), 4326), 3067)"
            " FROM generate_series(1, 20) AS n"
        )
        connection.commit()
    with sources_app(database, "gis") as app:
        yield app.test_client()


def test_table_that_the_owner_makes_is_a_collection(client: FlaskClient):
    assert [collection["id"] for collection in get(client, "/collections")["collections"]] == ["wells", "wells_near"]
    found = get(client, "/collections/wells")
    assert (found["title"], found["description"]) == ("Wells of the region", "Wells in use.")
    assert get(client, "/collections/wells/items")["numberMatched"] == 20


def test_call_of_the_function_answers_what_is_near(client: FlaskClient):
    [command] = re.findall(r"curl 'http://127\.0\.0\.1:8080(/[^']*)'", section("Functions"))
    found = get(client, command)["features"]
    distances = [feature["properties"]["distance"] for feature in found]
    assert 5 < len(found) < 12
    assert distances == sorted(distances)
    assert distances[-1] <= 500


def test_every_tag_and_every_type_of_relation_is_described():
    for tag in ("@title", "@key", "@srid", "@time", "@omit"):
        assert tag in section("Comments")
    for word in ("foreign table", "materialised view", "SRID 0", "geography", "replica"):
        assert word in TEXT
