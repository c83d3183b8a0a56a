"""The landing page and the list of conformance classes."""

from __future__ import annotations

from typing import Any

from api.http.links import HTML, JSON, MAPLIBRE_STYLE, OGC_REL, OPENAPI_JSON, Links
from core import VERSION
from core.settings import Settings

STYLE = ("tiles", "WebMercatorQuad", "style.json")
DESCRIPTION = "Spatial files as OGC API features and vector tiles, served by Isthmus."

_CLASSES = {
    "ogcapi-common-1/1.0": "core landing-page json html oas30",
    "ogcapi-common-2/1.0": "collections json html",
    "ogcapi-features-1/1.0": "core geojson html oas30",
    "ogcapi-features-2/1.0": "crs",
    "ogcapi-features-3/1.0": "queryables queryables-query-parameters filter features-filter",
    "ogcapi-common-3/1.0": """
        schemas advanced-property-roles returnables-and-receivables queryables sortables profile-parameter
    """,
    # the names in the drafts, before Part 5 was Common Part 3 as well
    "ogcapi-features-5/1.0": """
        schemas core-roles-features returnables-and-receivables queryables sortables profile-parameter
    """,
    "json-fg-1/1.0": "core types-schemas profiles api",
    # basic-spatial-operators is the name in the drafts, which QGIS looks for
    "cql2/1.0": """
        cql2-text cql2-json basic-cql2 advanced-comparison-operators case-insensitive-comparison
        accent-insensitive-comparison basic-spatial-functions basic-spatial-functions-plus basic-spatial-operators
        spatial-functions temporal-functions array-functions property-property functions arithmetic
    """,
    "tms/2.0": """
        tilematrixset tilematrixsetlimits tilesetmetadata
        json-tilematrixset json-tilematrixsetlimits json-tilesetmetadata
    """,
    "ogcapi-tiles-1/1.0": """
        core tileset tilesets-list dataset-tilesets geodata-tilesets collections-selection mvt oas30
    """,
}
CONFORMS_TO = tuple(
    f"http://www.opengis.net/spec/{standard}/conf/{name}"
    for standard, names in _CLASSES.items()
    for name in names.split()
)
"""Only what is true; a test asks for the resources of each."""


def landing_document(settings: Settings, links: Links) -> dict[str, Any]:
    """The landing page: links to everything; to the stack's network where the operator lets it be seen."""
    network = links.link("related", JSON, "network of the stack, as it was last seen", "network")
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
            *([network] if settings.network_page == "on" else []),
        ],
    }


def conformance_document() -> dict[str, Any]:
    """The list of conformance classes."""
    return {"conformsTo": list(CONFORMS_TO)}
