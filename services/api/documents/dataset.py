"""A collection as search engines and catalogues of data read it: a Dataset of schema.org, and of DCAT 3, as JSON-LD."""

from __future__ import annotations

from typing import Any

from api.documents import without_none
from api.documents.collections import license_url, rfc3339
from api.formats.registry import offered_exports
from api.http.links import Links
from core.bbox import BBox
from core.catalog.collections import Collection
from core.settings import Settings

MEDIA_TYPES = "https://www.iana.org/assignments/media-types/"
WKT = "http://www.opengis.net/ont/geosparql#wktLiteral"

DCAT_CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}


def description_of(collection: Collection) -> str:
    """What is said of a collection; a sentence where nobody said anything, since catalogues insist on one."""
    if collection.description:
        return collection.description
    number = "" if collection.row_count is None else f"{collection.row_count:,} "
    kind = f" ({collection.geometry_type})" if collection.geometry_type else ""
    return f"{collection.title}: {number}features{kind}, as OGC API features, vector tiles and files."


def schema_org(collection: Collection, links: Links, settings: Settings) -> dict[str, Any]:
    """The Dataset of schema.org, with what Google's dataset search reads."""
    here, box, interval = links.collection(collection), collection.bbox_crs84, collection.interval
    place = {"@type": "GeoShape", "box": f"{box.south} {box.west} {box.north} {box.east}"} if box else None
    has_picture = collection.has_tiles and not collection.needs_arguments
    members = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": here,
        "name": collection.title,
        "description": description_of(collection),
        "url": f"{here}?f=html",
        "identifier": collection.id,
        "keywords": list(collection.keywords) or None,
        "license": license_url(collection.license) or collection.license,
        "creditText": collection.attribution,
        "dateModified": None if collection.source else rfc3339(collection.changed_at),
        "isAccessibleForFree": True,
        "thumbnailUrl": links.collection(collection, "picture") if has_picture else None,
        "spatialCoverage": {"@type": "Place", "geo": place} if place else None,
        "temporalCoverage": "/".join(rfc3339(end) or ".." for end in interval) if interval else None,
        "variableMeasured": [
            without_none({"@type": "PropertyValue", "name": column.name, "description": column.description})
            for column in collection.columns
        ],
        "distribution": [
            {"@type": "DataDownload", "name": title, "encodingFormat": type, "contentUrl": url}
            for title, type, url in downloads(collection, links)
        ],
        "includedInDataCatalog": {"@type": "DataCatalog", "name": settings.title, "url": links.url()},
    }
    return without_none(members)


def dcat(collection: Collection, links: Links, settings: Settings) -> dict[str, Any]:
    """The dcat:Dataset."""
    here = links.collection(collection)
    license = license_url(collection.license)
    members = {
        "@context": DCAT_CONTEXT,
        "@id": here,
        "@type": "dcat:Dataset",
        "dct:title": collection.title,
        "dct:description": description_of(collection),
        "dct:identifier": collection.id,
        "dcat:keyword": list(collection.keywords) or None,
        "dct:license": {"@id": license} if license else None,
        "dct:rights": [text for text in (None if license else collection.license, collection.attribution) if text]
        or None,
        "dct:modified": None if collection.source else typed_time(rfc3339(collection.changed_at)),
        "dct:spatial": {"@type": "dct:Location", "dcat:bbox": wkt_box(collection.bbox_crs84)}
        if collection.bbox_crs84
        else None,
        "dct:temporal": period(collection),
        "dcat:landingPage": {"@id": f"{here}?f=html"},
        "dcat:distribution": [
            {
                "@type": "dcat:Distribution",
                "dct:title": title,
                "dcat:accessURL": {"@id": here},
                "dcat:downloadURL": {"@id": url},
                "dcat:mediaType": {"@id": f"{MEDIA_TYPES}{type}"},
            }
            for title, type, url in downloads(collection, links)
        ],
        "dct:isPartOf": {"@id": links.url(), "@type": "dcat:Catalog", "dct:title": settings.title},
    }
    return without_none(members)


def downloads(collection: Collection, links: Links) -> list[tuple[str, str, str]]:
    """(title, media type, address) of each file that a collection can be had as; none of a function."""
    if collection.needs_arguments:
        return []
    return [
        (format.title, format.media_type, links.url("collections", collection.id, "items", query={"f": f}))
        for f, format in offered_exports(collection).items()
    ]


def typed_time(moment: str | None) -> dict[str, str] | None:
    """An instant as a literal of RDF."""
    return {"@type": "xsd:dateTime", "@value": moment} if moment else None


def period(collection: Collection) -> dict[str, Any] | None:
    """From when to when."""
    if collection.interval is None:
        return None
    start, end = (typed_time(rfc3339(one)) for one in collection.interval)
    return without_none({"@type": "dct:PeriodOfTime", "dcat:startDate": start, "dcat:endDate": end})


def wkt_box(box: BBox) -> dict[str, str]:
    """A box as a literal; two where it crosses 180 degrees."""
    rings = [
        f"(({b.west} {b.south},{b.east} {b.south},{b.east} {b.north},{b.west} {b.north},{b.west} {b.south}))"
        for b in box.halves()
    ]
    text = f"POLYGON{rings[0]}" if len(rings) == 1 else f"MULTIPOLYGON({','.join(rings)})"
    return {"@type": WKT, "@value": text}
