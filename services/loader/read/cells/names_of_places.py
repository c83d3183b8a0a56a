"""Names of columns that say where a row of a table is."""

from __future__ import annotations

from loader.report import Note

OF_UNITS = ("decimal{0}", "{0}_deg", "{1}_deg", "{1}_dd")
"""Names of Darwin Core, and of tables that say the unit."""

LON_NAMES = ("lon", "longitude", "lng", "long", "x", "easting", *(form.format("longitude", "lon") for form in OF_UNITS))
LAT_NAMES = ("lat", "latitude", "y", "northing", *(form.format("latitude", "lat") for form in OF_UNITS))
WKT_NAMES = ("wkt", "geom", "geometry", "the_geom", "wkb_geometry", "shape", "wkb")
NO_GEOMETRY = Note(
    "warning",
    "table-without-geometry",
    "the table has no column of coordinates, so it is published without geometry",
    "name the columns lon and lat (degrees), or one column wkt; or say in the side-car which they are: x and y, or wkt",
)
