"""Links: every address in an answer is made here, from one base."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

from core.catalog.collections import Collection

JSON = "application/json"
GEOJSON = "application/geo+json"
JSON_FG = "application/vnd.ogc.fg+json"
HTML = "text/html"
CSV = "text/csv"
GEOJSON_SEQ = "application/geo+json-seq"
JSON_LINES = "application/x-ndjson"
FLATGEOBUF = "application/flatgeobuf"
GEOPACKAGE = "application/geopackage+sqlite3"
PARQUET = "application/vnd.apache.parquet"
ZIP = "application/zip"
KML = "application/vnd.google-earth.kml+xml"
JSON_LD = "application/ld+json"
SCHEMA_JSON = "application/schema+json"
OPENAPI_JSON = "application/vnd.oai.openapi+json;version=3.0"
METRICS = "text/plain; version=0.0.4; charset=utf-8"
MVT = "application/vnd.mapbox-vector-tile"
PNG = "image/png"
PICTURES = (PNG, "image/jpeg", "image/webp", "image/avif")
"""What tiles of a file may be besides vector tiles."""

MAPLIBRE_STYLE = "application/vnd.mapbox.style+json"
SVG = "image/svg+xml"
OGC_REL = "http://www.opengis.net/def/rel/ogc/1.0/"

Link = dict[str, Any]

PLAIN = re.compile(r"[\w/.~-]*", re.ASCII)
"""Paths that have nothing to escape."""

PLAIN_PART = re.compile(r"[\w.~-]*", re.ASCII)
"""Segments of paths, names and values that have nothing to escape."""


@dataclass(frozen=True, slots=True)
class Links:
    """Makes addresses below `base`, the address of the landing page without its slash at the end."""

    base: str

    def url(self, *parts: str, query: Mapping[str, str] | None = None) -> str:
        """The address of a resource; each part is one segment of the path."""
        path = "".join([f"/{part if PLAIN_PART.fullmatch(part) else quote(part, safe='')}" for part in parts]) or "/"
        return f"{self.base}{path}{'?' + query_text(query) if query else ''}"

    def link(self, rel: str, type: str, title: str, *parts: str, query: Mapping[str, str] | None = None) -> Link:
        """A link object of the OGC standards."""
        return {"href": self.url(*parts, query=query), "rel": rel, "type": type, "title": title}

    def collection(self, collection: Collection, *parts: str) -> str:
        """The address of a collection, or of something below it."""
        return self.url("collections", collection.id, *parts)

    def template(self, *parts: str, places: Sequence[str], query: Mapping[str, str] | None = None) -> str:
        """The address below a resource with places such as `{z}`, which stay as they are."""
        return f"{self.url(*parts)}/{'/'.join(places)}{'?' + query_text(query) if query else ''}"


def queryables_header(links: Links, collection: Collection) -> tuple[str, str]:
    """The header that says what filters of features may name (Part 3, /req/queryables/queryables-link)."""
    goal = links.collection(collection, "queryables")
    return "Link", f'<{goal}>; rel="{OGC_REL}queryables"; type="{SCHEMA_JSON}"'


def query_text(query: Mapping[str, str]) -> str:
    """A query as it stands in an address."""
    return "&".join([f"{quoted_part(name)}={quoted_part(value)}" for name, value in query.items()])


def quoted_part(text: str) -> str:
    """A name or a value of a query, escaped where it has to be."""
    return text if PLAIN_PART.fullmatch(text) else quote_plus(text)


def quoted_path(path: str) -> str:
    """A path as it stands in an address: the characters of its segments escaped where they have to be."""
    return path if PLAIN.fullmatch(path) else quote(path, safe="/~!$&'()*+,;=:@")


def self_and_alternate(here: str, given: Mapping[str, str], formats: Mapping[str, str], chosen: str) -> list[Link]:
    """The links `self` and `alternate` of a resource.

    here: its address without query; given: the query as it came; formats: f -> media type; chosen: the f of this answer
    """
    rest = query_text({key: value for key, value in given.items() if key != "f"}) if given else ""
    start = f"{here}?{rest}&f=" if rest else f"{here}?f="
    links: list[Link] = [{"href": start + chosen, "rel": "self", "type": formats[chosen], "title": "this document"}]
    for name, type in formats.items():
        if name != chosen:
            title = f"this document as {name.upper()}"
            links.append({"href": start + name, "rel": "alternate", "type": type, "title": title})
    return links
