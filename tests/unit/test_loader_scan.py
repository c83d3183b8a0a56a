"""What a look at the data folder finds, and what it makes of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from loader.errors import DataFolderUnavailable, NotInDataFolder
from loader.scan import checksum, relative, scan


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def test_every_format_is_found_and_nothing_else(tmp_path: Path) -> None:
    datasets = ["a.gpkg", "b.GeoJSON", "c.geojsonl", "d.zip", "e.fgb", "f.parquet", "g.kml", "h.gpx", "i.csv", "k.shp"]
    others = ["README.md", "LICENCE.txt", "a.toml", "notes.json", "k.dbf", "image.png", "x.gpkg-wal", "x.gpkg.part"]
    put(tmp_path, *datasets, *others, "deep/er/l.kmz", "m.gdb/a00000001.gdbtable")
    assert list(scan(tmp_path).datasets) == sorted([*datasets, "deep/er/l.kmz", "m.gdb"])


def test_its_own_folder_and_hidden_ones_are_not_looked_into(tmp_path: Path) -> None:
    put(tmp_path, "var/a.gpkg", ".hidden/b.gpkg", ".c.gpkg", "deep/var/d.gpkg")
    assert list(scan(tmp_path).datasets) == ["deep/var/d.gpkg"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"type": "FeatureCollection", "features": []}', True),
        ('{ "bbox": [1],\n "type" :\t"Polygon"}', True),
        ('{"type": "Topology"}', False),
        ("[]", False),
        ("", False),
    ],
)
def test_a_json_is_a_dataset_when_it_names_a_geojson_type(tmp_path: Path, text: str, found: bool) -> None:
    (tmp_path / "a.json").write_text(text)
    assert bool(scan(tmp_path).datasets) == found


def test_a_shapefile_is_one_dataset_of_its_files(tmp_path: Path) -> None:
    put(tmp_path, "a.shp", "a.dbf", "a.SHX", "a.prj", "a.cpg", "a.toml", "b.dbf", "a.txt")
    (dataset,) = scan(tmp_path).datasets.values()
    assert [file.name for file in dataset.files] == ["a.shp", "a.SHX", "a.dbf", "a.prj", "a.cpg", "a.toml"]
    assert dataset.side_car == tmp_path / "a.toml"


def test_the_side_car_may_carry_the_whole_name(tmp_path: Path) -> None:
    put(tmp_path, "a.gpkg", "a.gpkg.toml")
    assert scan(tmp_path).datasets["a.gpkg"].side_car == tmp_path / "a.gpkg.toml"


@pytest.mark.parametrize("name", ["a.shp", "a.dbf", "a.toml"])
def test_the_signature_changes_with_any_of_the_files(tmp_path: Path, name: str) -> None:
    put(tmp_path, "a.shp", "a.dbf", "a.toml")
    before = scan(tmp_path).datasets["a.shp"].signature
    os.utime(tmp_path / name, (1, 1))
    assert scan(tmp_path).datasets["a.shp"].signature != before


def test_the_signature_stays_when_nothing_changes_and_where_reading_leaves_traces(tmp_path: Path) -> None:
    put(tmp_path, "a.gpkg", "b.gpkg")
    before = scan(tmp_path).datasets["a.gpkg"].signature
    put(tmp_path, "a.gpkg-shm")
    (tmp_path / "a.gpkg-wal").touch()  # SQLite leaves an empty one behind
    assert scan(tmp_path).datasets["a.gpkg"].signature == before
    put(tmp_path, "a.gpkg-wal")
    assert scan(tmp_path).datasets["a.gpkg"].signature != before


def test_the_checksum_follows_the_content_and_not_the_time_nor_the_side_car(tmp_path: Path) -> None:
    put(tmp_path, "a.gpkg", "a.toml")
    dataset = scan(tmp_path).datasets["a.gpkg"]
    before = checksum(dataset)
    os.utime(tmp_path / "a.gpkg", (1, 1))
    assert checksum(dataset) == before
    (tmp_path / "a.toml").write_text("title = 'x'")
    assert checksum(dataset) == before
    (tmp_path / "a.gpkg").write_text("x")
    assert checksum(dataset) != before


def test_a_folder_that_is_not_there_is_no_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataFolderUnavailable, match="cannot be read: No such file"):
        scan(tmp_path / "gone")


def test_links_to_files_count_and_links_to_folders_do_not_loop(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/a.gpkg")
    (tmp_path / "b.gpkg").symlink_to(tmp_path / "elsewhere/a.gpkg")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "dead.gpkg").symlink_to(tmp_path / "nowhere")
    assert list(scan(tmp_path).datasets) == ["b.gpkg", "elsewhere/a.gpkg"]


def test_a_name_that_is_no_utf8_is_still_a_path_that_can_be_stored(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"k\xf6ln.gpkg")).write_text("x")
    (path,) = scan(tmp_path).datasets
    assert path == "k�ln.gpkg"


def test_a_path_is_relative_to_the_data_folder_or_an_error(tmp_path: Path) -> None:
    assert relative(tmp_path, tmp_path / "a/../b.gpkg") == "b.gpkg"
    assert relative(tmp_path, tmp_path) == "."
    with pytest.raises(NotInDataFolder) as caught:
        relative(tmp_path, Path("/etc/passwd"))
    assert caught.value.hint is not None
    assert "copy it there" in caught.value.hint
