"""The formats that features are answered in: one table for the routes, the links and the OpenAPI document."""

from __future__ import annotations

from dataclasses import dataclass

from api.http.links import (
    CSV,
    FLATGEOBUF,
    GEOJSON,
    GEOJSON_SEQ,
    GEOPACKAGE,
    HTML,
    JSON_FG,
    JSON_LINES,
    KML,
    MVT,
    PARQUET,
    ZIP,
)
from core.catalog.collections import Collection


@dataclass(frozen=True, slots=True)
class Format:
    """A format. `whole` None: a page at a time; else what the export of everything that matches is called in links.

    extension: of the file's name, where it is not the value of `f`
    knows_collections: it can hold geometry collections
    crs84_only: its readers take coordinates for longitudes and latitudes, whatever they are (RFC 7946, 4; OGC 07-147r2)
    """

    media_type: str
    whole: str | None = None
    charset: str = ""
    extension: str = ""
    binary: bool = False
    needs_geometry: bool = False
    knows_collections: bool = True
    crs84_only: bool = False
    rel: str = "items"
    """The relation of its link. GDAL takes a link to items of GeoJSON for the one to pages."""

    @property
    def title(self) -> str:
        """What an export is called where a list says that all are of features: `GeoPackage`."""
        words = (self.whole or "").removeprefix("all features").strip(" ,")
        return words.removeprefix("as ").removeprefix("a ")


ITEMS_FORMATS = {
    "json": Format(GEOJSON),
    "html": Format(HTML),
    "jsonfg": Format(JSON_FG),
    "geojson": Format(GEOJSON, "all features as GeoJSON", crs84_only=True, rel="enclosure"),
    "csv": Format(CSV, "all features as CSV", "utf-8"),
    "geojsonl": Format(JSON_LINES, "all features, one GeoJSON a line", crs84_only=True),
    "geojsonseq": Format(GEOJSON_SEQ, "all features as a GeoJSON text sequence", crs84_only=True),
    "fgb": Format(FLATGEOBUF, "all features as FlatGeobuf", binary=True, needs_geometry=True),
    "gpkg": Format(GEOPACKAGE, "all features as a GeoPackage", binary=True),
    "parquet": Format(PARQUET, "all features as GeoParquet", binary=True),
    "shp": Format(ZIP, "all features as a zipped Shapefile", extension="zip", binary=True, knows_collections=False),
    "kml": Format(KML, "all features as KML", needs_geometry=True, crs84_only=True),
}
"""By the value of `f`, the default first."""


def is_offered(format: Format, collection: Collection) -> bool:
    """Whether a collection can be had in a format, as far as its type of geometry says."""
    if not collection.has_geometry:
        return not format.needs_geometry
    return format.knows_collections or collection.geometry_type != "GeometryCollection"


def offered_exports(collection: Collection) -> dict[str, Format]:
    """The exports that a collection can be had as, by the value of `f`."""
    return {name: format for name, format in EXPORTS.items() if is_offered(format, collection)}


EXPORTS = {name: format for name, format in ITEMS_FORMATS.items() if format.whole}
"""Those that send every match."""

PAGES = {name: format.media_type for name, format in ITEMS_FORMATS.items() if not format.whole}
"""Those of a page, and of a single feature."""

MEDIA_TYPES = {name: format.media_type for name, format in ITEMS_FORMATS.items()}
"""The choice between them, as `choose_format` takes it."""

TILE_FORMATS = (("mvt", MVT),)
"""The formats of tiles, as `choose_format` takes them."""
