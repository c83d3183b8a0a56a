"""What a look at the data folder finds, and what it makes of it."""

from __future__ import annotations

import os
import socket
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
        ('{"type": "Topology"}', True),
        ('{"type": "module"}', False),
        ("[]", False),
        ("", False),
    ],
)
def test_a_json_is_a_dataset_when_it_names_a_type_of_geojson_or_topojson(
    tmp_path: Path, text: str, found: bool
) -> None:
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


def refusals(folder: Path) -> dict[str, str]:
    """What is said of the datasets that are not opened, by path."""
    return {path: found.refusal.detail for path, found in scan(folder).datasets.items() if found.refusal is not None}


def test_a_link_that_leaves_the_folder_is_not_opened_and_one_inside_is(tmp_path: Path) -> None:
    data = tmp_path / "data"
    put(tmp_path, "outside.csv", "outside.gdb/a00000001.gdbtable", "data/in/side.csv", "data/var/secret")
    (data / "out.csv").symlink_to(tmp_path / "outside.csv")
    (data / "dead.csv").symlink_to("../nowhere.csv")
    (data / "out.gdb").symlink_to(tmp_path / "outside.gdb")
    (data / "own.csv").symlink_to(data / "var/secret")
    (data / "out.json").symlink_to("/dev/zero")
    (data / "folder.gpkg").symlink_to(data / "in")
    (data / "good.csv").symlink_to("in/side.csv")
    leaves = "is a link that leaves the data folder: it is not opened"
    assert refusals(data) == {
        "out.csv": f"out.csv {leaves}",
        "dead.csv": f"dead.csv {leaves}",
        "out.gdb": f"out.gdb {leaves}",
        "own.csv": "own.csv is a link into var/, which is Isthmus's own: it is not opened",
        "out.json": f"out.json {leaves}",
        "folder.gpkg": "folder.gpkg is a link to a folder: it is not opened",
    }
    assert {"good.csv", "in/side.csv"} <= scan(data).datasets.keys()


def test_a_link_into_a_folder_that_is_reached_by_a_link_stays_in_it(tmp_path: Path) -> None:
    put(tmp_path, "real/a.csv")
    (tmp_path / "data").symlink_to("real")
    (tmp_path / "real/b.csv").symlink_to(tmp_path / "real/a.csv")
    assert refusals(tmp_path / "data") == {}
    assert list(scan(tmp_path / "data").datasets) == ["a.csv", "b.csv"]


def test_what_is_no_file_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    put(tmp_path, "good.csv")
    os.mkfifo("pipe.json")
    (tmp_path / "loop.csv").symlink_to("pool.csv")
    (tmp_path / "pool.csv").symlink_to("loop.csv")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.gpkg")
        said = refusals(tmp_path)
    assert said == {
        "loop.csv": "loop.csv is a link that leads back to itself: it is not opened",
        "pipe.json": "pipe.json is a named pipe: it is not opened",
        "pool.csv": "pool.csv is a link that leads back to itself: it is not opened",
        "socket.gpkg": "socket.gpkg is a socket: it is not opened",
    }
    assert "good.csv" in scan(tmp_path).datasets


@pytest.mark.parametrize(
    ("main", "beside"),
    [
        ("a.shp", "a.dbf"),
        ("a.shp", "A.SHX"),
        ("a.csv", "a.csvt"),
        ("a.gpkg", "a.gpkg-shm"),
        ("a.gpkg", "a.gpkg.aux.xml"),
        ("a.geojson", "a.toml"),
        ("a.gdb", "a.gdb/a00000002.gdbtable"),
    ],
)
def test_a_file_is_refused_with_what_belongs_to_it_and_no_other_is(tmp_path: Path, main: str, beside: str) -> None:
    put(tmp_path, "a.gdb/a00000001.gdbtable" if main == "a.gdb" else main, "b.csv")
    (tmp_path / "a.kml").symlink_to("/etc/hostname")  # another dataset
    os.mkfifo(tmp_path / beside)
    said = refusals(tmp_path)
    assert said.pop("a.kml") == "a.kml is a link that leaves the data folder: it is not opened"
    assert said == {main: f"{beside} is a named pipe, and belongs to {main}: it is not opened"}


def test_the_signature_of_what_is_refused_changes_with_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to("/etc/hostname")
    before = scan(tmp_path).datasets["a.csv"]
    assert scan(tmp_path).datasets["a.csv"] == before
    (tmp_path / "a.csv").unlink()
    (tmp_path / "a.csv").symlink_to("/etc/hosts")
    assert scan(tmp_path).datasets["a.csv"].signature != before.signature


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


def test_a_file_of_holes_is_refused_with_a_sentence_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "giant.geojson"
    with path.open("wb") as file:
        file.truncate(5 * 10**12)
    (tmp_path / "part.shp").write_bytes(b"x")
    with (tmp_path / "part.dbf").open("wb") as file:
        file.write(b"x" * 5000)
        file.truncate(10**12)
    found = scan(tmp_path).datasets
    for name in ("giant.geojson", "part.shp"):
        refusal = found[name].refusal
        assert refusal is not None
        assert "next to nothing of it is there" in refusal.detail
    with path.open("r+b") as file:
        file.truncate(100)
    assert scan(tmp_path).datasets["giant.geojson"].refusal is None
