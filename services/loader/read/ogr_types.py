"""Types of layers that pyogrio has no word for. It refuses a file that declares one, with all its layers."""

from __future__ import annotations

from pyogrio._geometry import GEOMETRY_TYPES

Z_FLAG = 2**31
WITHOUT_Z = {15: "PolyhedralSurface", 16: "TIN", 17: "Triangle"}
NAMES = {
    **dict.fromkeys((Z_FLAG, -Z_FLAG), "Unknown Z"),
    2000: "Measured Unknown",
    3000: "Measured 3D Unknown",
    **WITHOUT_Z,
    **{1000 + code: f"{name} Z" for code, name in WITHOUT_Z.items()},
    **{2000 + code: f"Measured {name}" for code, name in WITHOUT_Z.items()},
    **{3000 + code: f"Measured 3D {name}" for code, name in WITHOUT_Z.items()},
}
"""By GDAL's OGRwkbGeometryType: layers of any type with heights or measures, and of surfaces."""


def name_all_types() -> None:
    """Add them to pyogrio's table, in its spelling; it looks there whenever it opens a layer."""
    GEOMETRY_TYPES.update(NAMES)
