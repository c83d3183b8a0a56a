"""JSON-FG: what the root of a document has beside the members of GeoJSON.

Source: OGC Features and Geometries JSON 1.0 (OGC 21-045r1), requirements classes Core, and Feature Types and Schemas
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from api.http.links import Links
from api.query.crs import CRS84, Crs
from core.catalog.collections import Collection

CLASSES = "http://www.opengis.net/spec/json-fg-1/1.0/conf"
DIMENSIONS = {"Point": 0, "LineString": 1, "Polygon": 2, "MultiPoint": 0, "MultiLineString": 1, "MultiPolygon": 2}


def root_members(collection: Collection, crs: Crs, links: Links) -> dict[str, Any]:
    """The members of the root. The CRS is that of every place; in CRS84 there are none."""
    members: dict[str, Any] = {
        "conformsTo": [f"{CLASSES}/core", f"{CLASSES}/types-schemas"],
        "featureType": collection.id,
        "featureSchema": links.collection(collection, "schema"),
    }
    if crs is not CRS84:
        members["coordRefSys"] = crs.uri
    return members


def dimension_member(collection: Collection) -> dict[str, int]:
    """For a page whose geometries are of one kind: how many dimensions they have."""
    dimension = DIMENSIONS.get(collection.geometry_type or "")
    return {} if dimension is None else {"geometryDimension": dimension}


def with_root_members(document: bytes, members: Mapping[str, Any]) -> bytes:
    """A GeoJSON document with more members, ahead of its own: readers look for `conformsTo` at the beginning."""
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
    return b"{" + text[1:-1].encode() + b"," + document[1:]
