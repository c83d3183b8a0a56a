"""The landing page and the list of conformance classes."""

from __future__ import annotations

from typing import Any

from api.http.links import HTML, JSON, MAPLIBRE_STYLE, OGC_REL, OPENAPI_JSON, Link, Links
from core import VERSION
from core.settings import Settings

STYLE = ("tiles", "WebMercatorQuad", "style.json")
DESCRIPTION = "Spatial files as OGC API features and vector tiles, served by Isthmus."

_FEATURES = "http://www.opengis.net/spec/ogcapi-features"
_COMMON = "http://www.opengis.net/spec/ogcapi-common"
_SCHEMAS = f"{_COMMON}-3/1.0/conf"
_JSON_FG = "http://www.opengis.net/spec/json-fg-1/1.0/conf"
_CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf"
_TMS = "http://www.opengis.net/spec/tms/2.0/conf"
_TILES = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf"

CONFORMS_TO = (
    f"{_COMMON}-1/1.0/conf/core",
    f"{_COMMON}-1/1.0/conf/landing-page",
    f"{_COMMON}-1/1.0/conf/json",
    f"{_COMMON}-1/1.0/conf/html",
    f"{_COMMON}-1/1.0/conf/oas30",
    f"{_COMMON}-2/1.0/conf/collections",
    f"{_COMMON}-2/1.0/conf/json",
    f"{_COMMON}-2/1.0/conf/html",
    f"{_FEATURES}-1/1.0/conf/core",
    f"{_FEATURES}-1/1.0/conf/geojson",
    f"{_FEATURES}-1/1.0/conf/html",
    f"{_FEATURES}-1/1.0/conf/oas30",
    f"{_FEATURES}-2/1.0/conf/crs",
    f"{_FEATURES}-3/1.0/conf/queryables",
    f"{_FEATURES}-3/1.0/conf/queryables-query-parameters",
    f"{_FEATURES}-3/1.0/conf/filter",
    f"{_FEATURES}-3/1.0/conf/features-filter",
    f"{_SCHEMAS}/schemas",
    f"{_SCHEMAS}/advanced-property-roles",
    f"{_SCHEMAS}/returnables-and-receivables",
    f"{_SCHEMAS}/queryables",
    f"{_SCHEMAS}/sortables",
    f"{_SCHEMAS}/profile-parameter",
    f"{_FEATURES}-5/1.0/conf/schemas",  # the names in the drafts, before Part 5 was Common Part 3 as well
    f"{_FEATURES}-5/1.0/conf/core-roles-features",
    f"{_FEATURES}-5/1.0/conf/returnables-and-receivables",
    f"{_FEATURES}-5/1.0/conf/queryables",
    f"{_FEATURES}-5/1.0/conf/sortables",
    f"{_FEATURES}-5/1.0/conf/profile-parameter",
    f"{_JSON_FG}/core",
    f"{_JSON_FG}/types-schemas",
    f"{_JSON_FG}/profiles",
    f"{_JSON_FG}/api",
    f"{_CQL2}/cql2-text",
    f"{_CQL2}/cql2-json",
    f"{_CQL2}/basic-cql2",
    f"{_CQL2}/advanced-comparison-operators",
    f"{_CQL2}/case-insensitive-comparison",
    f"{_CQL2}/accent-insensitive-comparison",
    f"{_CQL2}/basic-spatial-functions",
    f"{_CQL2}/basic-spatial-functions-plus",
    f"{_CQL2}/basic-spatial-operators",  # the name in the drafts, which QGIS looks for
    f"{_CQL2}/spatial-functions",
    f"{_CQL2}/temporal-functions",
    f"{_CQL2}/array-functions",
    f"{_CQL2}/property-property",
    f"{_CQL2}/functions",
    f"{_CQL2}/arithmetic",
    f"{_TMS}/tilematrixset",
    f"{_TMS}/tilematrixsetlimits",
    f"{_TMS}/tilesetmetadata",
    f"{_TMS}/json-tilematrixset",
    f"{_TMS}/json-tilematrixsetlimits",
    f"{_TMS}/json-tilesetmetadata",
    f"{_TILES}/core",
    f"{_TILES}/tileset",
    f"{_TILES}/tilesets-list",
    f"{_TILES}/dataset-tilesets",
    f"{_TILES}/geodata-tilesets",
    f"{_TILES}/collections-selection",
    f"{_TILES}/mvt",
    f"{_TILES}/oas30",
)
"""Only what is true; a test asks for the resources of each."""


def landing_document(settings: Settings, links: Links) -> dict[str, Any]:
    """Where everything begins."""
    return {
        "title": settings.title,
        "description": DESCRIPTION,
        "version": VERSION,
        "links": [
            links.link("service-desc", OPENAPI_JSON, "the API definition (OpenAPI 3.0)", "api"),
            links.link("service-doc", HTML, "the API for people", "api", query={"f": "html"}),
            links.link("conformance", JSON, "conformance classes", "conformance"),
            links.link(f"{OGC_REL}conformance", JSON, "conformance classes", "conformance"),
            links.link("data", JSON, "collections", "collections"),
            links.link(f"{OGC_REL}functions", JSON, "functions of filters", "functions"),
            links.link(f"{OGC_REL}tilesets-vector", JSON, "vector tiles of all collections", "tiles"),
            links.link(f"{OGC_REL}tiling-schemes", JSON, "tile matrix sets", "tileMatrixSets"),
            links.link("stylesheet", MAPLIBRE_STYLE, "MapLibre style of all collections", *STYLE),
            links.link("preview", HTML, "map of all collections", "map"),
            *network_links(settings, links),
        ],
    }


def network_links(settings: Settings, links: Links) -> list[Link]:
    """The link to the stack's network, where the operator lets it be seen."""
    shown = settings.network_page == "on"
    return [links.link("related", JSON, "network of the stack, as it was last seen", "network")] if shown else []


def conformance_document() -> dict[str, Any]:
    """The conformance classes that hold."""
    return {"conformsTo": list(CONFORMS_TO)}
