"""Coordinate reference systems that a client may ask for, and which axis comes first in them."""

from __future__ import annotations

from dataclasses import dataclass

from core.catalog.collections import Collection
from core.errors import BadParameter

EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
DIGITS_OF_DEGREES, DIGITS_OF_METRES = 7, 3
"""A centimetre and a millimetre."""


@dataclass(frozen=True, slots=True)
class Crs:
    """A system by its URI. `northing_first`: its coordinates are latitude or northing, then longitude or easting."""

    uri: str
    srid: int
    northing_first: bool
    digits: int
    """Decimals of its coordinates."""

    @property
    def in_degrees(self) -> bool:
        """Whether its coordinates are degrees."""
        return self.digits == DIGITS_OF_DEGREES


CRS84 = Crs("http://www.opengis.net/def/crs/OGC/1.3/CRS84", 4326, northing_first=False, digits=DIGITS_OF_DEGREES)
EPSG_4326 = Crs(f"{EPSG}4326", 4326, northing_first=True, digits=DIGITS_OF_DEGREES)
EPSG_3857 = Crs(f"{EPSG}3857", 3857, northing_first=False, digits=DIGITS_OF_METRES)
EVERYWHERE = (CRS84, EPSG_4326, EPSG_3857)
"""What every collection is answered in."""


def storage_crs(collection: Collection) -> Crs | None:
    """The system that the collection is stored in; None without geometry, or when the system has no EPSG code.

    Degrees of WGS 84 are stored longitude first: CRS84.
    """
    srid = collection.srid
    if srid is None or collection.srs_authority != "EPSG":
        return None
    common = {crs.srid: crs for crs in (CRS84, EPSG_3857)}
    digits = DIGITS_OF_DEGREES if collection.in_degrees else DIGITS_OF_METRES
    return common.get(srid) or Crs(f"{EPSG}{srid}", srid, northing_first=collection.northing_first, digits=digits)


def crs_list(collection: Collection) -> list[Crs]:
    """The systems that the collection is answered in, CRS84 first. That of srid 0 is nobody knows which: as it is."""
    if not collection.has_geometry:
        return []
    if collection.srid == 0:
        return [CRS84]
    storage = storage_crs(collection)
    return [*EVERYWHERE, *([storage] if storage and storage not in EVERYWHERE else [])]


def accepted_crs(collection: Collection) -> list[Crs]:
    """The systems that a request may name. Without a geometry the default one, which clients send to be sure."""
    return crs_list(collection) or [CRS84]


def parse_crs(name: str, text: str, collection: Collection) -> Crs:
    """The system of a URI, `[EPSG:3067]` or `EPSG:3067`. Raises: BadParameter (Part 2, /req/crs/crs-exception)"""
    wanted = text.removeprefix("[").removesuffix("]")
    for crs in accepted_crs(collection):
        short = "OGC:CRS84" if crs is CRS84 else f"EPSG:{crs.srid}"
        if wanted in (crs.uri, short):
            return crs
    known = ", ".join(crs.uri for crs in accepted_crs(collection))
    raise BadParameter(f"{name} is '{text}'", hint=f"available: {known}", parameter=name)
