"""docs/features.md tells every parameter of a request for features, and every header that web pages may read."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from support.cluster import ROOT
from support.http import get

PAGE = (ROOT / "docs/features.md").read_text(encoding="utf-8")


def told(section: str) -> set[str]:
    """The names in the first column of a section's table."""
    rows = re.findall(r"^\| (`.*?) \|", PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0], re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_every_parameter_is_told_and_no_other(client: FlaskClient):
    definition = get(client, "/api")
    parameters = definition["paths"]["/collections/{collectionId}/items"]["get"]["parameters"]
    referred = [definition["components"]["parameters"][one["$ref"].rsplit("/")[-1]] for one in parameters]
    assert told("Parameters") == {one["name"] for one in referred if one["in"] == "query"}


def test_every_header_that_pages_may_read_is_told(client: FlaskClient):
    exposed = client.get("/collections/places/items").headers["Access-Control-Expose-Headers"]
    assert told("Headers") >= set(exposed.split(", "))


def test_the_example_finds_what_it_asks_for(client: FlaskClient):
    [query] = re.findall(r"/collections/cities/items\?(\S+)'", PAGE)
    page = get(client, f"/collections/places/items?{query}")
    assert [feature["properties"]["name"] for feature in page["features"]] == ["Helsinki", "Tampere", None]
