"""A dataset is served once its rows and the indexes of boxes are there; what low zooms show is prepared after that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shapely

from bench.generate import write_points as write_many_points
from loader.catalogue import open_catalogue
from loader.load import Job, load_dataset
from loader.overviews import later
from loader.overviews.later import make_next_overview
from loader.progress import Event
from loader.scan import scan
from loader.states.roll_back import roll_back
from support.loading import Loader, codes, write_ogr, write_points

MANY = 25_000
"""Points of a table that has its overview later."""


@pytest.fixture
def many(loader: Loader) -> Loader:
    """A loader that has loaded many points, and prepared nothing yet."""
    write_many_points(loader.path("many.parquet"), MANY)
    assert loader.load("many.parquet", overviews=False).status == "loaded"
    return loader


def tables(loader: Loader) -> list[str]:
    rows = loader.connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'data' ORDER BY tablename")
    return [row[0] for row in rows]


def generation(loader: Loader) -> int:
    return loader.one("SELECT number FROM isthmus.generation")


def test_a_large_table_is_served_before_low_zooms_are_prepared(many: Loader) -> None:
    collection = many.catalog()["many"]
    assert (collection.row_count, collection.tiling, collection.is_prepared) == (MANY, None, False)
    assert tables(many) == [collection.table]
    assert many.one("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%%USING gist (geom%%'") == 2


def test_its_overview_follows_in_one_step_and_the_report_tells_of_it(many: Loader) -> None:
    before = generation(many)
    assert make_next_overview(many.connection, many.data_dir, many.events.append)
    assert generation(many) == before + 1
    tiling = many.tiling("many")
    assert tiling.made_later and tiling.full_zoom > 0
    assert tables(many) == [many.catalog()["many"].table, tiling.table]
    assert many.one("SELECT count(*) > 0 FROM isthmus.tile_counts")
    assert "tiles-prepared" in [note["code"] for note in many.one("SELECT report -> 'notes' FROM isthmus.sources")]
    assert "tiles-prepared" in next((many.data_dir / "var/reports").glob("many*")).read_text()
    assert not make_next_overview(many.connection, many.data_dir, many.events.append)
    assert [event.values["collection"] for event in many.events if event.event == "prepared"] == ["many"]


def test_a_small_table_has_its_overview_from_the_start(loader: Loader) -> None:
    write_many_points(loader.path("few.parquet"), 15_000)
    loader.load("few.parquet", overviews=False)
    tiling = loader.tiling("few")
    assert tiling.full_zoom > 0 and not tiling.made_later


def test_what_breaks_off_leaves_nothing_and_is_made_by_the_next(many: Loader) -> None:
    class KilledError(Exception):
        """Stands for the end of the process: the transaction is rolled back."""

    def kill(event: Event) -> None:
        if event.values.get("step") == "low zooms":
            raise KilledError

    for _ in range(2):
        with pytest.raises(KilledError):
            make_next_overview(many.connection, many.data_dir, kill)
        assert many.catalog()["many"].tiling is None
        assert tables(many) == [many.catalog()["many"].table]
        assert many.one("SELECT count(*) FROM isthmus.tile_counts") == 0
    with open_catalogue(many.settings) as another:
        assert make_next_overview(another, many.data_dir, many.events.append)
    assert many.tiling("many").full_zoom > 0


def test_an_overview_that_ends_the_loader_again_and_again_is_given_up(
    many: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(later, "MOST_ATTEMPTS", 0)
    make_next_overview(many.connection, many.data_dir, many.events.append)
    assert many.catalog()["many"].tiling is None
    assert not make_next_overview(many.connection, many.data_dir, many.events.append)
    assert "tiles-not-prepared" in [note["code"] for note in many.one("SELECT report -> 'notes' FROM isthmus.sources")]


def test_a_side_car_that_names_no_column_fails_the_load_at_once(loader: Loader) -> None:
    write_many_points(loader.path("many.parquet"), MANY)
    loader.path("many.toml").write_text('[tiles]\nrank = "sice"\n')
    report = loader.load("many.parquet", overviews=False)
    assert report.status == "failed"
    assert report.error and "size" in str(report.error["hint"])


def test_the_side_car_of_the_load_decides_what_low_zooms_show(loader: Loader) -> None:
    write_many_points(loader.path("many.parquet"), MANY)
    side_car = loader.path("many.toml")
    side_car.write_text('[tiles]\nrank = "size"\nproperties = ["kind"]\n')
    loader.load("many.parquet", overviews=False)
    side_car.unlink()
    make_next_overview(loader.connection, loader.data_dir, loader.events.append)
    assert (loader.tiling("many").rank, loader.tiling("many").properties) == ("size", ("kind",))


def test_a_version_that_is_served_again_has_its_overview_then(many: Loader) -> None:
    write_many_points(many.path("many.parquet"), MANY + 1)
    many.load("many.parquet")
    assert many.tiling("many").made_later
    roll_back(many.connection, "many", None)
    assert many.catalog()["many"].tiling is None
    assert make_next_overview(many.connection, many.data_dir, many.events.append)
    assert many.tiling("many").full_zoom > 0


def test_large_shapes_come_in_parts_without_a_change_of_the_table(loader: Loader) -> None:
    angles = np.linspace(0, 2 * np.pi, 5000)
    lakes = [shapely.Polygon(np.column_stack([x + np.cos(angles), 50 + np.sin(angles)])) for x in range(4)]
    shapes = [*lakes, *shapely.box(np.arange(MANY) / 1000, 40, np.arange(MANY) / 1000 + 0.0005, 40.1)]
    table = pa.table({"geometry": pa.array(shapely.to_wkb(shapes), pa.binary())})
    write_ogr(loader.path("lakes.gpkg"), table, "GPKG", geometry_type="Polygon", SPATIAL_INDEX="NO")
    loader.load("lakes.gpkg", overviews=False)
    file = "SELECT pg_relation_filenode(to_regclass('data.' || table_name)), xmin::text FROM isthmus.versions"
    before = loader.one(file)
    make_next_overview(loader.connection, loader.data_dir, loader.events.append)
    tiling = loader.tiling("lakes")
    assert tiling.has_large and tiling.large == (("polygons", 256),)
    assert loader.one(file) == before
    name = loader.catalog()["lakes"].table
    assert loader.one(f"SELECT count(*) FROM data.{name} WHERE isthmus_corners > 256") == 4


def load_meanwhile(loader: Loader, name: str, other: str) -> tuple[str, str]:
    """Load a file, and in the middle of that another one, over a connection of its own; what became of them."""
    datasets = scan(loader.data_dir).datasets
    ends: list[str] = []
    with open_catalogue(loader.settings) as connection:

        def listen(event: Event) -> None:
            if event.event == "rows" and not ends:
                inner = Job(connection, loader.settings, datasets[other], "the test", loader.events.append)
                ends.append(load_dataset(inner).status)

        outer = load_dataset(Job(loader.connection, loader.settings, datasets[name], "the test", listen))
    return outer.status, ends[0]


def test_a_small_file_is_served_while_a_large_one_loads(loader: Loader) -> None:
    write_many_points(loader.path("large.parquet"), MANY)
    write_points(loader.path("small.geojson"), ["a", "b"])
    assert load_meanwhile(loader, "large.parquet", "small.geojson") == ("loaded", "loaded")
    assert sorted(loader.catalog()) == ["large", "small"]


def test_the_name_goes_to_the_one_that_is_served_first(loader: Loader) -> None:
    write_many_points(loader.path("roads.parquet"), MANY)
    write_points(loader.path("roads.geojson"), ["a", "b"])
    assert load_meanwhile(loader, "roads.parquet", "roads.geojson") == ("loaded", "loaded")
    found = loader.catalog()
    assert {id: one.source_path for id, one in found.items()} == {
        "roads": "roads.geojson",
        "roads_parquet": "roads.parquet",
    }
    assert found["roads_parquet"].table.startswith("roads_parquet_")
    assert found["roads_parquet"].row_count == MANY
    notes = loader.one("SELECT report -> 'notes' FROM isthmus.sources WHERE path = 'roads.parquet'")
    assert "name-taken" in [note["code"] for note in notes]


def test_two_files_of_one_unknown_system_get_one_number(loader: Loader) -> None:
    """One after the other, as both take a number of ours: the second waits for the first, and finds what it wrote."""
    wkt = 'PROJCS["Own",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],' \
        'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],' \
        'PARAMETER["central_meridian",7.5],UNIT["metre",1]]'  # fmt: skip
    point = pa.table({"geometry": pa.array([shapely.to_wkb(shapely.Point(1000, 5_000_000))], pa.binary())})
    for name in ("one", "two"):
        write_ogr(loader.path(f"{name}.gpkg"), point, "GPKG", crs=wkt, geometry_type="Point")
    loader.load_all("one.gpkg", "two.gpkg")
    assert loader.catalog()["one"].srid == loader.catalog()["two"].srid


def test_a_file_that_changes_while_it_is_loaded_is_not_served(loader: Loader) -> None:
    write_many_points(loader.path("large.parquet"), MANY)
    dataset = scan(loader.data_dir).datasets["large.parquet"]

    def change(event: Event) -> None:
        if event.event == "step":
            loader.path("large.parquet").unlink(missing_ok=True)

    report = load_dataset(Job(loader.connection, loader.settings, dataset, "the test", change))
    assert report.status == "failed"
    assert report.error and report.error["code"] == "dataset-changed"
    assert (dict(loader.catalog()), tables(loader)) == ({}, [])


def test_a_database_of_the_release_before_needs_no_reload(loader: Loader) -> None:
    """Versions that it loaded have no wish, and those with large shapes a column that marks them."""
    write_many_points(loader.path("few.parquet"), 15_000)
    report = loader.load("few.parquet", overviews=False)
    assert codes(report)
    loader.connection.execute("UPDATE isthmus.versions SET to_prepare = DEFAULT")
    assert not make_next_overview(loader.connection, loader.data_dir, loader.events.append)
    assert loader.tiling("few").full_zoom > 0


def test_the_folder_of_reports_may_be_gone(many: Loader, tmp_path: Path) -> None:
    settings = replace(many.settings, data_dir=tmp_path)
    assert make_next_overview(many.connection, settings.data_dir, many.events.append)
