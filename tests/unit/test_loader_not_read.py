"""What files are that are no datasets, by their names and by what lies in the folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from loader.kinds import KIND_OF_SUFFIX
from loader.scan import scan
from loader.states.not_read import ENDINGS, why_not_read


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("dem.tif", "raster", "gdal_contour"),
        ("DEM.TIFF", "raster", "TiTiler"),
        ("plan.dwg", "CAD drawing", "DXF"),
        ("old.mdb", "database", "ogr2ogr"),
        ("scan.laz", "point cloud", "pdal"),
        ("table.xls", "spreadsheet", ".xlsx"),
        ("all.rar", "archive", "unpack"),
        ("all.7z", "archive", "unpack"),
        ("all.tar.gz", "archive", "unpack"),
        ("report.pdf", "text", ""),
        ("lost.dbf", "part", "all its files"),
        ("roads.toml", "side-car", "roads.gpkg"),
        ("roads.qml", "style", "data"),
        ("roads.gpkg.part", "partial", "final name"),
        ("no ending", "unknown", ".gpkg"),
        ("new.format", "unknown", ".parquet"),
    ],
)
def test_a_file_says_what_it_is_and_what_to_do(tmp_path: Path, name: str, kind: str, says: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert list(scan(tmp_path).others) == [name]
    found = why_not_read(tmp_path, tmp_path / name)
    assert found.kind == kind
    assert found.detail.startswith("it is ")
    assert says in (found.hint or "")


def test_no_ending_is_both_read_and_not_but_json() -> None:
    assert set(ENDINGS) & set(KIND_OF_SUFFIX) == {".json"}
    assert all(ending == ending.lower() and ending.startswith(".") for ending in ENDINGS)


def test_what_belongs_to_a_dataset_or_is_hidden_or_ours_is_no_file_of_its_own(tmp_path: Path) -> None:
    for name in (
        *("a.gpkg", "a.gpkg-wal", "a.gpkg-shm", "a.gpkg.aux.xml", "a.toml", "b.shp", "b.dbf", "b.shp.xml"),
        *(".hidden.tif", ".git/x.tif", "var/reports/x.json", "c.gdb/a0001.gdbtable", "A.GPKG.toml"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    found = scan(tmp_path)
    assert list(found.datasets) == ["a.gpkg", "b.shp", "c.gdb"]
    assert found.others == {}


def test_a_path_that_is_too_long_for_an_index_is_cut_and_stays_one_of_its_kind(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["f" * 200] * 4)
    folder.mkdir(parents=True)
    for name in ("a.gpkg", "b.gpkg", "c.tif"):
        (folder / name).write_bytes(b"x")
    found = scan(tmp_path)
    paths = [*found.datasets, *found.others]
    assert [Path(path).suffix for path in paths] == [".gpkg", ".gpkg", ".tif"]
    assert len(set(paths)) == 3
    assert max(map(len, paths)) < 530


def test_pipes_and_links_are_told_of_and_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    (tmp_path / "away.txt").symlink_to("/etc/passwd")
    (tmp_path / "nowhere.gpkg").symlink_to("gone.gpkg")
    (tmp_path / "folder").symlink_to(tmp_path.parent)
    found = scan(tmp_path)
    told = {name: why_not_read(tmp_path, path).detail for name, path in found.others.items()}
    assert told == {
        "pipe.tif": "it is a named pipe, which is not opened",
        "away.txt": "it is a link that leaves the data folder, which is not opened",
        "nowhere.gpkg": "it is a link to a file that is not there",
        "folder": "it is a link that leaves the data folder, which is not opened",
    }
