"""What the text of a coordinate reference system in `spatial_ref_sys` says of its axes."""

from __future__ import annotations

import re

AXIS = re.compile(r'AXIS\["[^"]*", *(\w+)')
UPWARDS = ("UP", "DOWN")

EASTING_FIRST = "(lon-lat)"
"""In the names of geographic systems whose longitude comes first, which name no axes either."""

WRAPPED = re.compile(r'(COMPD_CS\["[^"]*", *|BOUNDCRS\[SOURCECRS\[)?GEOG(CS|CRS)\[')
"""A geographic system, also one with heights beside it, or one that is bound to another."""


def is_northing_first(text: str) -> bool:
    """Whether the official order is northing or latitude first, and PostGIS has the two the other way round.

    WKT 1 names the axes of few such systems: most that name none have the northing first (seen for EPSG:2193, 3006 and
    31468 against 3067 and 27700). Systems with three axes name them, or the upright one alone. Where south comes first,
    it does so in PostGIS too. Agrees with PROJ 9.5 for all systems with a code.
    """
    level = [direction for direction in (name.upper() for name in AXIS.findall(text)) if direction not in UPWARDS]
    return level[0] == "NORTH" if level else bool(text) and EASTING_FIRST not in text


def is_in_degrees(text: str) -> bool:
    """Whether the coordinates are degrees. The text is WKT or, for a system without a code, PROJJSON."""
    return WRAPPED.match(text) is not None or '"GeographicCRS"' in text
