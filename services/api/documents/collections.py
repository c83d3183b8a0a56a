"""What OGC API Common describes: the landing page, the conformance classes, and collections."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from api.documents import without_none
from api.formats.registry import EXPORTS, is_offered
from api.http.links import GEOJSON, HTML, JSON, MAPLIBRE_STYLE, OGC_REL, OPENAPI_JSON, PNG, SCHEMA_JSON, Link, Links
from api.query.crs import CRS84, crs_list, storage_crs
from core import VERSION
from core.catalog.collections import Collection
from core.settings import Settings

GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
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
    """The landing page: links to everything; to the stack's network and files where the operator lets them be seen."""
    network = links.link("related", JSON, "network of the stack, as it was last seen", "network")
    files = links.link("related", JSON, "files of the data folder, and what became of each", "files")
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
            links.link("related", JSON, "saved views of the pages to explore", "views"),
            *([network] if settings.network_page == "on" else []),
            *([files] if settings.files_page == "on" else []),
        ],
    }


def conformance_document() -> dict[str, Any]:
    """The list of conformance classes."""
    return {"conformsTo": list(CONFORMS_TO)}


def collection_document(collection: Collection, links: Links) -> dict[str, Any]:
    """One collection: what it is, where it lies, and links to what it offers."""
    storage = storage_crs(collection)
    document = {
        "id": collection.id,
        "title": collection.title,
        "description": collection.description,
        "attribution": collection.attribution,
        "keywords": list(collection.keywords) or None,
        "license": collection.license,
        "itemType": "feature",
        "extent": extent(collection) or None,
        "crs": [crs.uri for crs in crs_list(collection)] or None,
        "storageCrs": storage.uri if storage else None,
        "links": collection_links(collection, links),
    }
    return without_none(document)


def extent(collection: Collection) -> dict[str, Any]:
    """The spatial extent in CRS84 degrees and the temporal one, as far as there are any."""
    found: dict[str, Any] = {}
    if collection.bbox_crs84:
        found["spatial"] = {"bbox": [collection.bbox_crs84.as_list()], "crs": CRS84.uri, **storage_extent(collection)}
    if collection.interval:
        found["temporal"] = {"interval": [[rfc3339(end) for end in collection.interval]], "trs": GREGORIAN}
    return found


def storage_extent(collection: Collection) -> dict[str, Any]:
    """The extent in the stored CRS, axes in official order (Common Part 2, /req/collections/description-extent, B)."""
    storage, box = storage_crs(collection), collection.storage_bbox
    if storage in (None, CRS84) or box is None:
        return {}
    west, south, east, north = box
    official = [south, west, north, east] if storage.northing_first else [west, south, east, north]
    return {"storageCrsBbox": [official]}


def rfc3339(instant: datetime | None) -> str | None:
    """An instant in UTC with a `Z`; None stays None, the open end."""
    return instant.isoformat().replace("+00:00", "Z") if instant else None


def collection_links(collection: Collection, links: Links) -> list[Link]:
    """Links of a collection. The address of `items` has no query, since GDAL adds ids to it."""
    here = ("collections", collection.id)
    found = [
        links.link("self", JSON, "this collection", *here),
        links.link("items", GEOJSON, f"features of {collection.title}", *here, "items"),
        links.link("items", HTML, f"features of {collection.title} as a table", *here, "items", query={"f": "html"}),
        *(
            links.link(format.rel, format.media_type, str(format.whole), *here, "items", query={"f": name})
            for name, format in EXPORTS.items()
            if is_offered(format, collection)
        ),
        links.link(f"{OGC_REL}queryables", SCHEMA_JSON, "queryables", *here, "queryables"),
        links.link(f"{OGC_REL}sortables", SCHEMA_JSON, "sortables", *here, "sortables"),
        links.link(f"{OGC_REL}schema", SCHEMA_JSON, "schema of the properties", *here, "schema"),
        links.link("describedby", SCHEMA_JSON, "schema of a feature", *here, "feature-schema"),
        links.link("related", JSON, "aggregates of the features", *here, "aggregate"),
        links.link("related", JSON, "facets of the features", *here, "facets"),
        links.link("preview", HTML, "page to explore the features", *here, "explore"),
    ]
    if collection.has_tiles and not collection.needs_arguments:
        found.append(links.link(f"{OGC_REL}tilesets-vector", JSON, "vector tiles", *here, "tiles"))
        found.append(links.link("preview", PNG, "picture of the features", *here, "picture"))
        found.append(links.link("stylesheet", MAPLIBRE_STYLE, "MapLibre style", *here, *STYLE))
    return [*found, *license_links(collection.license)]


LICENSES = {
    **{
        f"CC-{kind}-{number}": f"https://creativecommons.org/licenses/{kind.lower()}/{number}/"
        for kind in ("BY", "BY-SA", "BY-NC", "BY-ND", "BY-NC-SA", "BY-NC-ND")
        for number in ("2.0", "2.5", "3.0", "4.0")
    },
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "ODbL-1.0": "https://opendatacommons.org/licenses/odbl/1-0/",
    "ODC-By-1.0": "https://opendatacommons.org/licenses/by/1-0/",
    "PDDL-1.0": "https://opendatacommons.org/licenses/pddl/1-0/",
    "OGL-UK-3.0": "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/",
    "DL-DE-BY-2.0": "https://www.govdata.de/dl-de/by-2-0",
    "DL-DE-ZERO-2.0": "https://www.govdata.de/dl-de/zero-2-0",
    "etalab-2.0": "https://www.etalab.gouv.fr/licence-ouverte-open-licence/",
}
"""Licences of data by their SPDX identifiers."""


def license_url(license: str | None) -> str | None:
    """The address of a licence; None where nobody knows it."""
    if license is None or license.startswith(("https://", "http://")):
        return license
    return next((url for id, url in LICENSES.items() if id.casefold() == license.casefold()), None)


def license_links(license: str | None) -> list[Link]:
    """A link to the licence, where its address is known."""
    url = license_url(license)
    return [{"href": url, "rel": "license", "type": HTML, "title": f"licence: {license}"}] if url else []
