"""A collection as a value, for tests that need no database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.bbox import BBox
from core.catalog.collections import Collection, Column


@pytest.fixture
def roads() -> Collection:
    """Version 7 of a collection of lines."""
    return Collection(
        id="roads",
        title="Roads",
        description=None,
        attribution=None,
        source_path="roads.gpkg",
        version=7,
        table="roads_7",
        row_count=3,
        srid=4326,
        srs_authority="EPSG",
        srs_text='GEOGCS["WGS 84"]',
        geometry_type="LineString",
        null_geometries=0,
        bbox_crs84=BBox(24, 60, 25, 61),
        storage_bbox=(24, 60, 25, 61),
        temporal_column="opened",
        temporal_end_column=None,
        interval=None,
        columns=(
            Column("name", "name", "string"),
            Column("lanes", "lanes", "integer"),
            Column("opened", "opened", "date"),
            Column('we"ird', 'we"ird', "string"),
            Column("limit", "limit", "integer"),
            Column("tags", "tags", "json"),
        ),
        loaded_at=datetime(2024, 1, 1, tzinfo=UTC),
        changed_at=datetime(2024, 1, 1, tzinfo=UTC),
        cache_control=None,
    )
