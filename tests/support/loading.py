"""Load files in a test, and look at what became of them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio.raw
import shapely
from psycopg import sql
from psycopg.rows import dict_row

from core.catalog.collections import SELECT_COLLECTIONS, Catalog, parse_catalog
from core.catalog.versions import Tiling
from core.database.connections import Connection
from core.settings import Settings
from loader.catalogue import read_report
from loader.load import Job, load_dataset
from loader.overviews.later import make_next_overview
from loader.progress import Event
from loader.report import Report, parse_report
from loader.scan import scan
from loader.table.cleanup import clean_up

POINT = {"type": "Point", "coordinates": [24.94, 60.17]}


@dataclass
class Loader:
    """A loader with its own data folder and database."""

    settings: Settings
    connection: Connection
    events: list[Event] = field(default_factory=list)

    @property
    def data_dir(self) -> Path:
        return self.settings.data_dir

    def path(self, name: str) -> Path:
        """The place of a file in the data folder; folders on the way are made."""
        place = self.data_dir / name
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def load(self, name: str, *, force: bool = False, overviews: bool = True) -> Report:
        """Load one file of the data folder, clean up, and make the overviews that follow."""
        dataset = scan(self.data_dir).datasets[name]
        report = load_dataset(Job(self.connection, self.settings, dataset, "the test", self.events.append, force))
        clean_up(self.connection, self.settings.keep_versions)
        return report if not overviews else self.prepared(report)

    def prepared(self, report: Report) -> Report:
        """A report, once the overviews that follow the loads are there."""
        while make_next_overview(self.connection, self.data_dir, self.events.append):
            pass
        if report.status != "loaded":
            return report
        values = read_report(self.connection, report.path)
        return parse_report(values) if values else report

    def load_all(self, *names: str) -> None:
        """Load files that must load."""
        for name in names:
            report = self.load(name)
            assert report.status == "loaded", report.error

    def tiling(self, id: str) -> Tiling:
        """What was prepared for the tiles of a collection."""
        found = self.catalog()[id].tiling
        assert found is not None
        return found

    def catalog(self) -> Catalog:
        """The served collections, read as the API reads them."""
        return parse_catalog(0, self.connection.execute(SELECT_COLLECTIONS.text).fetchall())

    def rows(self, id: str) -> list[dict[str, Any]]:
        """All rows of a collection in order of fid: every column, geometry as WKT in `geom`."""
        collection = self.catalog()[id]
        columns = [sql.Identifier(column.column) for column in collection.columns]
        if collection.has_geometry:
            columns += [sql.SQL("ST_AsText(geom, 9) AS geom"), sql.SQL("ST_AsText(geom_3857, 0) AS geom_3857")]
        text = sql.SQL("SELECT {} FROM {} ORDER BY fid").format(
            sql.SQL(", ").join([sql.Identifier("fid"), *columns]), sql.Identifier("data", collection.table)
        )
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(text).fetchall()

    def column(self, id: str, name: str) -> list[Any]:
        """The values of one column in order of fid."""
        return [row[name] for row in self.rows(id)]

    def one(self, text: str, *values: Any) -> Any:
        """The first value of a statement."""
        row = self.connection.execute(text, values or None).fetchone()
        return row[0] if row else None


def codes(report: Report) -> list[str]:
    """The codes of a report's notes."""
    return [note.code for note in report.notes]


def feature(properties: dict[str, Any] | None = None, geometry: Any = POINT, **members: Any) -> dict[str, Any]:
    """A GeoJSON feature."""
    return {"type": "Feature", "properties": properties or {}, "geometry": geometry, **members}


def write_geojson(path: Path, features: Sequence[dict[str, Any]], **members: Any) -> Path:
    """A feature collection."""
    path.write_text(json.dumps({"type": "FeatureCollection", **members, "features": list(features)}))
    return path


def write_points(path: Path, names: Sequence[str], *, y: float = 60.0) -> Path:
    """GeoJSON of points at longitudes 0, 1, 2, … with one property, `name`."""
    geometries = [{"type": "Point", "coordinates": [x, y]} for x in range(len(names))]
    return write_geojson(path, [feature({"name": n}, g) for n, g in zip(names, geometries, strict=True)])


def wkb(texts: Sequence[str | None]) -> pa.Array:
    """WKT as a WKB column."""
    with np.errstate(invalid="ignore"):  # of coordinates that are no numbers
        shapes = [None if text is None else shapely.to_wkb(shapely.from_wkt(text), flavor="iso") for text in texts]
    return pa.array(shapes, pa.binary())


def write_ogr(path: Path, table: pa.Table, driver: str, **options: Any) -> Path:
    """Any format that GDAL writes; the geometry is the column `geometry`, as WKB."""
    settings = {"crs": "EPSG:4326", "geometry_type": "Unknown", **options}
    if "geometry" in table.column_names:
        settings["geometry_name"] = "geometry"
    else:
        settings |= {"geometry_type": None, "crs": None}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided")
        pyogrio.raw.write_arrow(table, path, driver=driver, **settings)
    return path


def random_points(count: int, seed: int = 7) -> pa.Array:
    """Points all over the world."""
    random = np.random.default_rng(seed)
    shapes = shapely.points(random.uniform(-179, 179, count), random.uniform(-80, 80, count))
    return pa.array(shapely.to_wkb(shapes), pa.binary())
