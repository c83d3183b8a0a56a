"""What a load changes and what it leaves: swap, failure, withdrawal, return, roll-back, names."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from core.database.connections import connect
from core.errors import UnknownCollection
from core.settings import Settings
from loader.catalogue import LOADER_LOCK, open_catalogue, read_known
from loader.errors import NoSuchVersion
from loader.load import Job, load_dataset
from loader.progress import Event, silent
from loader.report import report_file
from loader.scan import Scan, scan
from loader.states.roll_back import roll_back, versions_of
from loader.table.cleanup import clean_up
from loader.watch import Step, plan, run_step
from support.cluster import UID, Database
from support.loading import Loader, codes, feature, wkb, write_geojson, write_ogr, write_points


def step(loader: Loader) -> list[str]:
    """Bring the catalogue in line with the folder, as the watcher does when nothing moves; what was done."""
    now = scan(loader.data_dir)
    steps = plan(read_known(loader.connection), now, now)
    reports = [run_step(loader.connection, loader.settings, step, silent) for step in steps]
    clean_up(loader.connection, loader.settings.keep_versions)
    return [report.status for report in reports if report]


def tables(loader: Loader) -> list[str]:
    """The tables of versions."""
    return [
        row[0]
        for row in loader.connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'data' ORDER BY 1")
    ]


def views(loader: Loader) -> list[str]:
    """The stable views."""
    return [
        row[0]
        for row in loader.connection.execute("SELECT viewname FROM pg_views WHERE schemaname = 'published' ORDER BY 1")
    ]


def test_a_new_content_is_a_new_version_and_the_view_follows(loader: Loader) -> None:
    write_points(loader.path("p.geojson"), ["old"])
    loader.load("p.geojson")
    write_points(loader.path("p.geojson"), ["new", "newer"])
    loader.load("p.geojson")
    assert loader.column("p", "name") == ["new", "newer"]
    assert loader.one("SELECT count(*) FROM published.p") == 2
    assert tables(loader) == ["p_1", "p_2"]


def test_the_generation_rises_with_a_load_and_not_with_an_unchanged_file(loader: Loader) -> None:
    before = loader.one("SELECT number FROM isthmus.generation")
    write_points(loader.path("p.geojson"), ["a"])
    loader.load("p.geojson")
    loaded = loader.one("SELECT number FROM isthmus.generation")
    assert loader.load("p.geojson").status == "unchanged"
    assert before < loaded == loader.one("SELECT number FROM isthmus.generation")


def test_columns_may_change_between_versions(loader: Loader) -> None:
    write_geojson(loader.path("p.geojson"), [feature({"a": 1, "b": "x"})])
    loader.load("p.geojson")
    write_geojson(loader.path("p.geojson"), [feature({"b": 2.5})])
    assert loader.load("p.geojson").status == "loaded"
    assert loader.rows("p")[0]["b"] == 2.5
    assert [column.name for column in loader.catalog()["p"].columns] == ["b"]


def test_only_the_wanted_number_of_versions_is_kept(loader: Loader) -> None:
    for number in range(4):
        write_points(loader.path("p.geojson"), [f"v{number}"])
        loader.load("p.geojson")
    assert tables(loader) == ["p_3", "p_4"]
    assert [version.version for version in versions_of(loader.connection, "p")] == [4, 3]


def test_a_reader_of_the_old_table_delays_only_its_dropping(loader: Loader, database: Database) -> None:
    for name in ("one", "two"):
        write_points(loader.path("p.geojson"), [name])
        loader.load("p.geojson")
    with connect(database.reader) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT name FROM data.p_1").fetchall() == [("one",)]
        assert reader.execute("SELECT name FROM published.p").fetchall() == [("two",)]
        write_points(loader.path("p.geojson"), ["three"])
        started = time.monotonic()
        assert loader.load("p.geojson").status == "loaded"
        assert time.monotonic() - started < 10
        assert loader.column("p", "name") == ["three"]
        assert clean_up(loader.connection, 2) is False
        assert reader.execute("SELECT name FROM data.p_1").fetchall() == [("one",)]
        assert tables(loader) == ["p_1", "p_2", "p_3"]
    assert clean_up(loader.connection, 2) is True
    assert tables(loader) == ["p_2", "p_3"]
    assert loader.one("SELECT name FROM published.p") == "three"


def test_a_reader_sees_the_old_version_until_the_new_one_is_whole(loader: Loader, database: Database) -> None:
    write_points(loader.path("p.geojson"), ["old"])
    loader.load("p.geojson")
    write_points(loader.path("p.geojson"), ["new"] * 5)
    seen: list[object] = []
    with connect(database.reader) as reader:
        reader.autocommit = True
        query = "SELECT v.row_count FROM isthmus.collections c JOIN isthmus.versions v ON v.version = c.current_version"
        loader.events = Probe(lambda: seen.append(reader.execute(query).fetchone()))  # type: ignore[assignment]
        loader.load("p.geojson")
        seen.append(reader.execute(query).fetchone())
    assert set(seen[:-2]) == {(1,)}
    assert seen[-1] == (5,)


class Probe(list):
    """A list of events that looks at something at each."""

    def __init__(self, look: object) -> None:
        super().__init__()
        self.look = look

    def append(self, event: object) -> None:
        super().append(event)
        self.look()  # type: ignore[operator]


BROKEN = {
    "garbage.gpkg": b"this is no GeoPackage",
    "garbage.geojson": b'{"type": "FeatureCollection", "features": [',
    "garbage.fgb": b"fgb\x03garbage",
    "garbage.parquet": b"PAR1 garbage",
    "garbage.kml": b"<kml><Document><Placemark>",
    "garbage.zip": b"PK\x03\x04 garbage",
    "garbage.shp": b"\x00\x00\x27\x0a",
    "garbage.csv": b"\x00\xff\xfe",
    "empty.gpkg": b"",
    "empty.geojson": b"",
    "empty.csv": b"",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_fails_with_a_sentence_and_leaves_nothing(loader: Loader, name: str) -> None:
    loader.path(name).write_bytes(BROKEN[name])
    report = loader.load(name)
    if name == "garbage.csv":  # any bytes are a CSV: a table of one column with a strange name
        assert report.status in ("failed", "loaded")
        return
    assert report.status == "failed"
    assert report.error is not None
    assert report.error["message"]
    assert report.error["hint"]
    assert "Traceback" not in json.dumps(report.as_json())
    assert (tables(loader), list(loader.catalog())) == ([], [])
    assert loader.one("SELECT status FROM isthmus.sources WHERE path = %s", name) == "failed"
    assert json.loads(report_file(loader.data_dir, name).read_text())["error"] == report.error


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_geopackage_leaves_the_served_version(loader: Loader, share: float) -> None:
    path = loader.path("t.gpkg")
    points = pa.table({"n": pa.array(range(5000)), "geometry": wkb(["POINT (1 2)"] * 5000)})
    write_ogr(path, points, "GPKG", geometry_type="Point")
    loader.load("t.gpkg")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    report = loader.load("t.gpkg")
    assert report.status == "failed"
    assert loader.catalog()["t"].version == 1
    assert len(loader.rows("t")) == 5000
    assert tables(loader) == ["t_1"]


def test_one_bad_layer_keeps_the_whole_file_out(loader: Loader) -> None:
    write_ogr(loader.path("m.gpkg"), pa.table({"geometry": wkb(["POINT (1 2)"])}), "GPKG", layer="good")
    metres = pa.table({"geometry": wkb(["POINT (385000 6672000)"])})
    write_ogr(loader.path("m.gpkg"), metres, "GPKG", layer="metres", crs=None, append=True)
    assert loader.load("m.gpkg").status == "failed"
    assert (tables(loader), list(loader.catalog())) == ([], [])


def test_a_failed_file_is_tried_again_only_when_it_changes(loader: Loader) -> None:
    loader.path("p.geojson").write_text("{")
    assert step(loader) == ["failed"]
    assert step(loader) == []
    write_points(loader.path("p.geojson"), ["a"])
    assert step(loader) == ["loaded"]


def test_a_failure_between_two_good_contents_is_forgotten(loader: Loader) -> None:
    write_points(loader.path("p.geojson"), ["a"])
    good = loader.path("p.geojson").read_bytes()
    loader.load("p.geojson")
    loader.path("p.geojson").write_text("{")
    loader.load("p.geojson")
    loader.path("p.geojson").write_bytes(good)
    report = loader.load("p.geojson")
    assert (report.status, report.error) == ("unchanged", None)
    assert report.collections[0].rows == 1
    assert read_known(loader.connection)["p.geojson"].status == "loaded"


def test_a_removed_file_is_withdrawn_and_its_return_needs_no_load(loader: Loader) -> None:
    write_points(loader.path("p.geojson"), ["a"])
    step(loader)
    aside = loader.data_dir / "var" / "aside"
    loader.path("p.geojson").rename(aside)
    assert step(loader) == ["withdrawn"]
    assert (list(loader.catalog()), views(loader), tables(loader)) == ([], [], ["p_1"])
    shutil.copyfile(aside, loader.path("p.geojson"))  # another time stamp, the same content
    assert step(loader) == ["restored"]
    assert loader.catalog()["p"].version == 1
    assert views(loader) == ["p"]


def test_another_content_after_a_withdrawal_is_loaded(loader: Loader) -> None:
    write_points(loader.path("p.geojson"), ["a"])
    step(loader)
    loader.path("p.geojson").unlink()
    step(loader)
    write_points(loader.path("p.geojson"), ["b"])
    assert step(loader) == ["loaded"]
    assert loader.column("p", "name") == ["b"]


def test_a_layer_that_left_its_file_is_withdrawn(loader: Loader) -> None:
    table = pa.table({"geometry": wkb(["POINT (1 2)"])})
    for layer in ("one", "two", "three"):
        write_ogr(loader.path("m.gpkg"), table, "GPKG", layer=layer, append=layer != "one")
    loader.load("m.gpkg")
    loader.path("m.gpkg").unlink()
    for layer in ("one", "three"):
        write_ogr(loader.path("m.gpkg"), table, "GPKG", layer=layer, append=layer != "one")
    report = loader.load("m.gpkg")
    assert list(loader.catalog()) == ["one", "three"]
    assert "layer-gone" in codes(report)


def test_a_moved_file_keeps_its_name(loader: Loader) -> None:
    write_points(loader.path("p.geojson"), ["a"])
    step(loader)
    loader.path("p.geojson").rename(loader.path("folder/p.geojson"))
    assert step(loader) == ["withdrawn", "loaded"]
    assert loader.catalog()["p"].source_path == "folder/p.geojson"


def test_a_name_clash_is_solved_and_told_and_stays(loader: Loader) -> None:
    write_points(loader.path("a/p.geojson"), ["a"])
    write_points(loader.path("b/p.geojson"), ["b"])
    write_points(loader.path("c/p.geojson"), ["c"])
    assert step(loader) == ["loaded", "loaded", "failed"]
    assert {id: collection.source_path for id, collection in loader.catalog().items()} == {
        "p": "a/p.geojson",
        "p_geojson": "b/p.geojson",
    }
    report = json.loads(report_file(loader.data_dir, "b/p.geojson").read_text())
    assert report["notes"][0]["code"] == "name-taken"
    loader.path("a/p.geojson").unlink()
    step(loader)
    write_points(loader.path("b/p.geojson"), ["bb"])
    step(loader)
    assert list(loader.catalog()) == ["p_geojson"]


ODD_NAMES = {
    "two words.geojson": "two_words",
    "quo'te\"s.geojson": "quo_te_s",
    "道路.geojson": "道路",
    "Straße (Köln).geojson": "straße_köln",
    "100%.geojson": "100",
    "semi;colon--.geojson": "semi_colon",
    f"{'long' * 20}.geojson": "longlonglonglonglonglonglonglonglonglonglonglonglonglong_",
    "....geojson": "layer",
    "new\nline.geojson": "new_line",
}


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_odd_file_name_gives_a_plain_collection_id(loader: Loader, name: str) -> None:
    if name.startswith("."):
        name = f"_{name}"  # hidden files are no datasets
    write_points(loader.path(name), ["a"])
    assert loader.load(name).status == "loaded"
    (id,) = loader.catalog()
    assert id.startswith(ODD_NAMES.get(name, "layer"))
    assert len(id.encode()) <= 63
    assert loader.column(id, "name") == ["a"]
    write_points(loader.path(name), ["b"])
    loader.load(name)
    assert views(loader) == [id]


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's right to read everything, when the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(UID)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_that_may_not_be_read_fails_and_loads_when_it_may(loader: Loader) -> None:
    path = write_points(loader.path("p.geojson"), ["a"])
    loader.data_dir.chmod(0o777)
    path.chmod(0)
    with as_nobody():
        assert step(loader) == ["failed"]
        assert step(loader) == []
    assert (
        loader.one("SELECT report->'error'->>'hint' FROM isthmus.sources") == "let the loader's user read it: chmod a+r"
    )
    path.chmod(0o644)
    with as_nobody():
        assert step(loader) == ["loaded"]


def test_a_folder_that_cannot_be_listed_withdraws_nothing(loader: Loader) -> None:
    write_points(loader.path("inner/p.geojson"), ["a"])
    step(loader)
    loader.data_dir.chmod(0o777)
    (loader.data_dir / "inner").chmod(0)
    with as_nobody():
        assert scan(loader.data_dir).unreadable == ("inner",)
        assert step(loader) == []
    (loader.data_dir / "inner").chmod(0o755)
    assert list(loader.catalog()) == ["p"]


def test_a_file_that_changes_while_it_is_read_is_not_served(loader: Loader) -> None:
    path = write_points(loader.path("p.geojson"), ["a"])
    loader.events = Probe(lambda: write_points(path, ["a", "changed"]))  # type: ignore[assignment]
    report = loader.load("p.geojson")
    assert report.error is not None
    assert report.error["code"] == "dataset-changed"
    assert list(loader.catalog()) == []


def test_roll_back_serves_the_version_before_and_lasts(loader: Loader) -> None:
    for name in ("one", "two"):
        write_points(loader.path("p.geojson"), [name])
        step(loader)
    assert roll_back(loader.connection, "p", None)[0] == 1
    clean_up(loader.connection, 2)
    assert loader.column("p", "name") == ["one"]
    assert loader.one("SELECT name FROM published.p") == "one"
    os.utime(loader.path("p.geojson"))
    assert step(loader) == ["unchanged"]
    assert loader.column("p", "name") == ["one"]
    write_points(loader.path("p.geojson"), ["three"])
    step(loader)
    assert loader.column("p", "name") == ["three"]


def test_roll_back_needs_a_version_and_a_collection(loader: Loader) -> None:
    write_points(loader.path("p.geojson"), ["one"])
    loader.load("p.geojson")
    with pytest.raises(NoSuchVersion, match="no such version"):
        roll_back(loader.connection, "p", None)
    with pytest.raises(NoSuchVersion):
        roll_back(loader.connection, "p", 99)
    with pytest.raises(UnknownCollection) as caught:
        roll_back(loader.connection, "q", None)
    assert caught.value.hint is not None


def test_two_loaders_wait_for_each_other(loader: Loader, database: Database) -> None:
    write_points(loader.path("p.geojson"), ["a"])
    dataset, told = scan(loader.data_dir).datasets["p.geojson"], list[str]()
    with open_catalogue(database.owner) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [LOADER_LOCK])

        def listen(event: Event) -> None:
            told.append(event.event)
            if told.count("wait") == 3:
                other.execute("SELECT pg_advisory_unlock(%s)", [LOADER_LOCK])

        report = load_dataset(Job(loader.connection, loader.settings, dataset, "the test", listen))
    assert report.status == "loaded"
    assert told[:4] == ["start", "wait", "wait", "wait"]


def test_the_side_car_gives_title_description_and_attribution(loader: Loader) -> None:
    write_points(loader.path("p.geojson"), ["a"])
    loader.path("p.toml").write_text(
        'title = "Places"\ndescription = "All."\nattribution = "Me"\ntitel = "x"\n'
        'license = "CC0-1.0"\nkeywords = ["a", "b", "a", " "]\n'
    )
    report = loader.load("p.geojson")
    collection = loader.catalog()["p"]
    assert (collection.title, collection.description, collection.attribution) == ("Places", "All.", "Me")
    assert (collection.license, collection.keywords) == ("CC0-1.0", ("a", "b"))
    note = next(note for note in report.notes if note.code == "side-car-key-unknown")
    assert note.hint == "perhaps you meant 'title'"
    loader.path("p.toml").write_text('title = "Other"')
    assert step(loader) == ["described"]
    assert loader.catalog()["p"].title == "Other"


def test_new_words_of_a_side_car_are_served_without_loading_the_data_again(loader: Loader) -> None:
    write_points(loader.path("p.geojson"), ["a"])
    assert step(loader) == ["loaded"]
    before = loader.catalog()["p"]
    loader.path("p.toml").write_text('cache_control = "public, max-age=3600"\ncolour = "red"\n')
    assert step(loader) == ["described"]
    after = loader.catalog()["p"]
    assert (before.cache_control, after.cache_control) == (None, "public, max-age=3600")
    assert (after.version, after.table, after.loaded_at) == (before.version, before.table, before.loaded_at)
    assert after.changed_at > before.changed_at
    assert "side-car-key-unknown" in report_file(loader.data_dir, "p.geojson").read_text()
    loader.path("p.toml").unlink()
    assert step(loader) == ["described"]
    assert loader.catalog()["p"].cache_control is None
    assert "side-car-key-unknown" not in report_file(loader.data_dir, "p.geojson").read_text()
    loader.path("p.toml").write_text("# nothing\n")
    assert step(loader) == ["unchanged"]


def test_what_a_side_car_says_of_the_data_loads_it_again(loader: Loader) -> None:
    write_points(loader.path("p.geojson"), ["a"])
    assert step(loader) == ["loaded"]
    loader.path("p.toml").write_text('crs = "EPSG:4258"')
    assert step(loader) == ["loaded"]
    assert step(loader) == []
    loader.path("p.toml").write_text('crs = "EPSG:4258"\ntitle = "Q"')
    assert step(loader) == ["described"]


def test_a_roll_back_changes_since_when_answers_are_what_they_are(loader: Loader) -> None:
    for name in ("old", "new"):
        write_points(loader.path("p.geojson"), [name])
        loader.load("p.geojson")
    before = loader.catalog()["p"]
    roll_back(loader.connection, "p", None)
    after = loader.catalog()["p"]
    assert after.loaded_at < before.loaded_at
    assert after.changed_at > before.changed_at


def test_a_broken_side_car_fails_the_dataset_and_names_the_line(loader: Loader) -> None:
    write_points(loader.path("p.geojson"), ["a"])
    loader.path("p.toml").write_text("title = Places\n")
    report = loader.load("p.geojson")
    assert report.error is not None
    assert report.error["code"] == "side-car-invalid"
    assert "line 1" in str(report.error["message"])


def test_the_samples_load_without_a_warning(loader: Loader) -> None:
    samples = Path(__file__).parents[2] / "data" / "samples"
    shutil.copytree(samples, loader.data_dir / "samples")
    statuses = step(loader)
    assert statuses == ["loaded"] * 6
    rows = {id: collection.row_count for id, collection in loader.catalog().items()}
    assert rows == {
        "big_cities": 810,
        "cities": 24323,
        "countries": 241,
        "countries_110m_shp": 177,
        "ne_110m_admin_0_countries": 177,
        "ne_110m_populated_places_simple": 243,
        "ne_110m_rivers_lake_centerlines": 13,
        "roads": 2504,
    }
    assert all(collection.attribution for collection in loader.catalog().values())
    reports = [row[0] for row in loader.connection.execute("SELECT report FROM isthmus.sources")]
    assert [note for report in reports for note in report["notes"] if note["level"] == "warning"] == []
    assert all(part["crs_from"] in ("file", "side-car") for report in reports for part in report["collections"])


def test_a_settings_object_of_the_reader_cannot_load(database: Database) -> None:
    settings: Settings = database.reader
    with pytest.raises(Exception, match="permission denied"):
        open_catalogue(settings)


def test_nothing_is_done_when_the_folder_is_as_the_catalogue_knows_it(loader: Loader) -> None:
    write_points(loader.path("p.geojson"), ["a"])
    step(loader)
    now = scan(loader.data_dir)
    assert plan(read_known(loader.connection), now, now) == []
    assert plan(read_known(loader.connection), Scan(), now) == []
    assert plan({}, now, now) == [Step("load", "p.geojson", "the file is new", now.datasets["p.geojson"])]
