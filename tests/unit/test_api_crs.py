"""Which systems a collection is answered in, and which axis comes first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.query.crs import CRS84, EPSG_3857, EPSG_4326, Crs, crs_list, parse_crs, storage_crs
from core.catalog.collections import Collection
from core.errors import BadParameter

TM35FIN = 'PROJCS["ETRS89 / TM35FIN(E,N)",AXIS["Easting",EAST],AXIS["Northing",NORTH],AUTHORITY["EPSG","3067"]]'
GAUSS_KRUGER = 'PROJCS["DHDN / 3-degree Gauss-Kruger zone 4",AUTHORITY["EPSG","31468"]]'
ETRS89 = 'GEOGCS["ETRS89",AUTHORITY["EPSG","4258"]]'
UPRIGHT = 'VERT_CS["height",AXIS["Up",UP]]'
LAMBERT = 'PROJCS["RGF93 / Lambert-93",AXIS["X",EAST],AXIS["Y",NORTH]]'
LEVEL = 'AXIS["latitude",north,ORDER[1]],AXIS["longitude",east,ORDER[2]],AXIS["height",up,ORDER[3]]'
LON_LAT = 'AXIS["longitude",east],AXIS["latitude",north],AXIS["height",up]'


@pytest.mark.parametrize(
    ("srid", "text", "northing_first", "digits"),
    [
        (3067, TM35FIN, False, 3),
        (31468, GAUSS_KRUGER, True, 3),
        (4258, ETRS89, True, 7),
        (4979, f'GEOGCRS["WGS 84",{LEVEL}]', True, 7),
        (3823, f'BOUNDCRS[SOURCECRS[GEOGCRS["TWD97",{LEVEL}]],TARGETCRS[GEOGCRS["WGS 84"]]]', True, 7),
        (7034, f'BOUNDCRS[SOURCECRS[GEOGCRS["RGSPM06 (lon-lat)",{LON_LAT}]]]', False, 7),
        (7035, 'GEOGCS["RGSPM06 (lon-lat)"]', False, 7),
        (5498, f'COMPD_CS["NAD83 + NAVD88 height",GEOGCS["NAD83"],{UPRIGHT}]', True, 7),
        (5845, f'COMPD_CS["SWEREF99 TM + RH2000 height",PROJCS["SWEREF99 TM"],{UPRIGHT}]', True, 3),
        (5698, f'COMPD_CS["RGF93 / Lambert-93 + NGF-IGN69 height",{LAMBERT},{UPRIGHT}]', False, 3),
        (2065, 'PROJCS["S-JTSK (Ferro) / Krovak",AXIS["X",SOUTH],AXIS["Y",WEST]]', False, 3),
        (4978, 'GEOCCS["WGS 84",AXIS["Geocentric X",OTHER],AXIS["Geocentric Y",OTHER]]', False, 3),
        (8857, "", False, 3),
    ],
)
def test_storage_system_has_its_official_axes(
    roads: Collection, srid: int, text: str, northing_first: bool, digits: int
):
    collection = replace(roads, srid=srid, srs_text=text)
    uri = f"http://www.opengis.net/def/crs/EPSG/0/{srid}"
    assert storage_crs(collection) == Crs(uri, srid, northing_first=northing_first, digits=digits)
    assert [crs.srid for crs in crs_list(collection)] == [4326, 4326, 3857, srid]


def test_degrees_of_wgs_84_are_stored_longitude_first(roads: Collection):
    assert storage_crs(roads) is CRS84
    assert crs_list(roads) == [CRS84, EPSG_4326, EPSG_3857]


def test_system_without_a_code_has_no_uri(roads: Collection):
    own = replace(roads, srid=910001, srs_authority=None, srs_text='{"type": "GeographicCRS"}')
    assert storage_crs(own) is None
    assert crs_list(own) == [CRS84, EPSG_4326, EPSG_3857]
    assert own.in_degrees


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", CRS84),
        ("OGC:CRS84", CRS84),
        ("[OGC:CRS84]", CRS84),
        ("http://www.opengis.net/def/crs/EPSG/0/4326", EPSG_4326),
        ("EPSG:3857", EPSG_3857),
    ],
)
def test_systems_have_several_names(roads: Collection, text: str, expected: Crs):
    assert parse_crs("crs", text, roads) is expected


@pytest.mark.parametrize("text", ["", "EPSG:2393", "4326", "EPSG:4326 ", "http://www.opengis.net/def/crs/EPSG/0/1"])
def test_other_systems_are_refused_with_those_there_are(roads: Collection, text: str):
    with pytest.raises(BadParameter) as caught:
        parse_crs("bbox-crs", text, roads)
    assert caught.value.parameter == "bbox-crs"
    assert "CRS84" in (caught.value.hint or "")
