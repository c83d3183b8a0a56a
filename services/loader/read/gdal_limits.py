"""What GDAL may do in this process: read the formats that are published, and nothing over the network.

GDAL believes the content and not the ending: text that says OGRVRTDataSource, saved as `.geojson`, would open any file
of the machine, and WFS or a link in `crs` would call out. See `drivers` for the one driver of each file.
"""

from __future__ import annotations

import sys

from core.settings import tell_libraries

LEFT_OUT = (
    "ADBC,AIVector,AVCBin,AVCE00,AmigoCloud,CSV,CSW,Carto,DGN,EDIGEO,EEDA,ESRIJSON,Elasticsearch,"
    "GDALG,GPSBabel,GTFS,GeoRSS,HTTP,Idrisi,JML,KML,LVBAG,MBTiles,MEM,MVT,MapML,"
    "MiraMonVector,NGW,OAPIF,ODS,OGCAPI,OGR_GMT,OGR_PDS,OGR_VRT,OSM,PCIDSK,PDF,PDS4,PGDUMP,"
    "PLSCENES,PMTiles,S57,SQLite,SXF,Selafin,VDV,VFK,VICAR,WAsP,WFS,XLSX"
)
"""The drivers of the pinned pyogrio that are not needed."""

LIMITS = {
    "GDAL_SKIP": LEFT_OUT,
    "GDAL_HTTP_PROXY": "none://none.invalid",  # no scheme of a proxy: curl gives up before it asks for an address
    "GDAL_HTTPS_PROXY": "none://none.invalid",
    "no_proxy": "none.invalid",  # no host is an exception
    "PROJ_NETWORK": "OFF",
    "GML_DOWNLOAD_SCHEMA": "NO",
}


def limit_gdal() -> None:
    """Give GDAL the drivers that are needed, and no network. Raises: RuntimeError where pyogrio, by whose import GDAL
    reads this, is imported already
    """
    if "pyogrio" in sys.modules:
        raise RuntimeError("pyogrio is imported already: GDAL has all its drivers")
    tell_libraries(LIMITS)
