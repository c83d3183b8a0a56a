"""The command line, through click's runner and as a process with pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from cli.main import isthmus
from loader.progress import Event
from loader.states.health import Health, health_file
from support.cluster import Database, environment
from support.loading import wkb, write_ogr, write_points

NOT_RECOGNIZED = "what it holds is no GeoPackage"


class Shell:
    """Runs `isthmus` with the settings of a database."""

    def __init__(self, database: Database) -> None:
        self.settings = database.owner
        self.data_dir = database.owner.data_dir

    def __call__(self, *arguments: object, **extra: str) -> Result:
        """In this process."""
        runner = CliRunner(env={**environment(self.settings), **extra})
        return runner.invoke(isthmus, [str(argument) for argument in arguments], prog_name="isthmus")

    def process(self, *arguments: object, **extra: str) -> subprocess.CompletedProcess[str]:
        """As a process of its own, with pipes."""
        command = [sys.executable, "-m", "cli", *map(str, arguments)]
        return subprocess.run(
            command, env=environment(self.settings, **extra), capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture
def shell(database: Database) -> Shell:
    """A shell with an empty data folder."""
    return Shell(database)


def test_load_says_what_became_of_each_file_and_fails_when_one_failed(shell: Shell) -> None:
    write_points(shell.data_dir / "a.geojson", ["a", "b"])
    (shell.data_dir / "b.gpkg").write_text("no GeoPackage")
    (shell.data_dir / "inner").mkdir()
    write_points(shell.data_dir / "inner/c.geojson", ["c"])
    result = shell("load", shell.data_dir)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("loaded     a.geojson -> a (2 rows")
    assert lines[1] == f"failed     b.gpkg: b.gpkg cannot be read: {NOT_RECOGNIZED}"
    assert lines[3].startswith("loaded     inner/c.geojson -> c (1 rows")


def test_load_of_one_file_leaves_the_others(shell: Shell) -> None:
    for name in ("a", "b"):
        write_points(shell.data_dir / f"{name}.geojson", [name])
    assert shell("load", shell.data_dir / "a.geojson").exit_code == 0
    assert [json.loads(line)["id"] for line in shell("list", "--json").stdout.splitlines()] == ["a"]


def test_load_of_all_names_in_a_folder_takes_each_dataset_once(shell: Shell) -> None:
    write_ogr(shell.data_dir / "a.shp", pa.table({"n": [1], "geometry": wkb(["POINT (1 2)"])}), "ESRI Shapefile")
    (shell.data_dir / "a.toml").write_text('title = "A"')
    names = sorted(path for path in shell.data_dir.iterdir() if path.is_file())
    assert len(names) > 4
    result = shell("load", *names)
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1), result.output


def test_load_again_is_unchanged_unless_forced(shell: Shell) -> None:
    write_points(shell.data_dir / "a.geojson", ["a"])
    path = shell.data_dir / "a.geojson"
    statuses = [
        json.loads(shell("load", "--json", *options, path).stdout)["status"] for options in ([], [], ["--force"])
    ]
    assert statuses == ["loaded", "unchanged", "loaded"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/etc/passwd", "/etc/passwd does not lie in the data folder"),
        ("{data}/missing.gpkg", "there is no file"),
        ("{data}/notes.txt", "is no spatial file that Isthmus reads"),
    ],
)
def test_load_of_something_else_is_a_usage_error(shell: Shell, path: str, message: str) -> None:
    (shell.data_dir / "notes.txt").write_text("x")
    result = shell("load", path.format(data=shell.data_dir))
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_list_info_and_report_show_a_collection_to_people_and_to_programs(shell: Shell) -> None:
    write_points(shell.data_dir / "Big places.geojson", ["a", "b"])
    (shell.data_dir / "Big places.toml").write_text('title = "Big"\nattribution = "Me"\ncolour = "red"\n')
    shell("load", shell.data_dir)
    assert shell("list").stdout.splitlines()[1].split()[:4] == ["big_places", "2", "Point", "EPSG:4326"]
    info = json.loads(shell("info", "big_places", "--json").stdout)
    assert (info["title"], info["rows"], info["bbox_crs84"]) == ("Big", 2, [0, 60, 1, 60])
    assert info["columns"] == [{"name": "name", "type": "string"}]
    assert [(version["version"], version["served"]) for version in info["versions"]] == [(1, True)]
    text = shell("info", "big_places").stdout
    assert "attribution  Me" in text
    assert "table        data.big_places_1" in text
    report = shell("report", "big_places").stdout
    assert "big_places: 2 rows, Point, EPSG:4326 (file), 1 columns" in report
    assert "warning: 'colour' in Big places.toml means nothing" in report
    assert json.loads(shell("report", "Big places.geojson", "--json").stdout)["status"] == "loaded"


def test_the_report_of_a_failed_file_says_why_and_what_to_do(shell: Shell) -> None:
    (shell.data_dir / "b.gpkg").write_text("no GeoPackage")
    shell("load", shell.data_dir)
    result = shell("report", "b.gpkg")
    assert result.exit_code == 0
    assert "b.gpkg: failed" in result.stdout
    assert "error: b.gpkg cannot be read" in result.stdout


def test_an_unknown_name_is_a_usage_error_with_the_nearest_name(shell: Shell) -> None:
    write_points(shell.data_dir / "roads.geojson", ["a"])
    shell("load", shell.data_dir)
    for command in ("info", "report", "rollback"):
        result = shell(command, "raods")
        assert result.exit_code == 2
        assert "perhaps you meant 'roads'" in result.stderr


def test_rollback_serves_the_version_before_and_comes_back(shell: Shell) -> None:
    for name in ("one", "two"):
        write_points(shell.data_dir / "p.geojson", [name])
        shell("load", shell.data_dir)
    assert shell("rollback", "p").stdout == "'p' is served from version 1\n"
    assert shell("rollback", "p").exit_code == 2
    assert shell("rollback", "p", "--to", "2").stdout == "'p' is served from version 2\n"


def test_an_empty_catalogue_says_what_to_do(shell: Shell) -> None:
    assert shell("list").stdout == "no collections yet: copy a spatial file into the data folder\n"
    assert shell("list", "--json").stdout == ""


def test_watch_check_tells_what_the_loader_does_and_is_red_when_it_is_stuck(shell: Shell) -> None:
    gone = shell("watch", "--check")
    assert (gone.exit_code, gone.stdout) == (1, "no loader is at work\n")
    health = Health(shell.data_dir)
    health.begin()
    health.hear(Event("start", "big.gpkg", {"bytes": 1_000_000_000}))
    health.hear(Event("rows", "big.gpkg", {"layer": "", "rows": 430, "of": 600}))
    found = shell("watch", "--check")
    assert (found.exit_code, found.stdout) == (0, "loading big.gpkg, 43 %, since 0 s\n")
    os.utime(health_file(shell.data_dir), (time.time() - 200, time.time() - 200))
    stuck = shell("watch", "--check")
    assert stuck.exit_code == 1
    assert stuck.stdout.startswith("stuck or gone: it was loading big.gpkg, 43 %, and was last heard of 200 s ago")


def lines_of(result: Result) -> list[dict[str, Any]]:
    """The objects that were printed, one a line."""
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def mixed(shell: Shell) -> Shell:
    """A shell whose folder has a file that is served in its second version, and others in other states."""
    for names in (["a"], ["a", "b"]):
        write_points(shell.data_dir / "roads.geojson", names)
        assert shell("load", shell.data_dir / "roads.geojson").exit_code == 0
    (shell.data_dir / "bad.gpkg").write_text("no GeoPackage")
    shell("load", shell.data_dir / "bad.gpkg")
    (shell.data_dir / "dem.tif").write_bytes(b"II")
    write_points(shell.data_dir / "new\n\x1b[31m.geojson", ["a"])
    return shell


def test_list_shows_what_is_served_and_then_what_is_not(mixed: Shell) -> None:
    served, _, others = mixed("list").stdout.partition("\n\n")
    assert [line.split()[0] for line in served.splitlines()] == ["NAME", "roads"]
    rows = others.splitlines()
    assert rows[0].split() == ["STATE", "FILE", "WHAT"]
    assert [row.split("  ")[0] for row in rows[1:]] == ["queued", "failed", "not read"]
    assert "what it holds is no GeoPackage" in rows[2]
    assert "it is a raster" in rows[3]
    assert "\x1b" not in others
    assert [(one["id"], one["state"]) for one in lines_of(mixed("list", "--json"))] == [("roads", "served")]
    assert [one["state"] for one in lines_of(mixed("list", "--files", "--json"))] == [
        "queued",
        "failed",
        "not read",
        "served",
    ]
    assert len(mixed("list", "--files").stdout.splitlines()) == 5


def test_report_without_a_file_tells_of_all_and_with_one_its_state(mixed: Shell) -> None:
    text = mixed("report").stdout
    assert text.startswith("1 queued, 1 failed, 1 not read, 1 served\n\n")
    assert "dem.tif: not read (it is a raster, and Isthmus reads vectors)\n  serve it with TiTiler" in text
    assert "roads: version 1 is kept (1 rows); to serve it: isthmus rollback roads --to 1" in text
    assert [one["path"] for one in lines_of(mixed("report", "--json"))][1:] == ["bad.gpkg", "dem.tif", "roads.geojson"]
    assert "dem.tif: not read (it is a raster" in mixed("report", "dem.tif").stdout
    assert json.loads(mixed("report", "dem.tif", "--json").stdout)["file"]["state"] == "not read"
    failed = json.loads(mixed("report", "bad.gpkg", "--json").stdout)
    assert (failed["status"], failed["file"]["state"]) == ("failed", "failed")


def test_report_and_list_agree_with_a_roll_back(mixed: Shell) -> None:
    mixed("rollback", "roads")
    report = mixed("report", "roads").stdout
    assert report.startswith("roads.geojson: rolled back (asked for by isthmus rollback)\n")
    assert "roads: 1 rows, Point" in report
    assert "roads: version 2 is kept (2 rows); to serve it: isthmus rollback roads --to 2" in report
    file = json.loads((mixed.data_dir / "var/reports/roads_geojson.json").read_text())
    assert (file["status"], file["collections"][0]["rows"]) == ("rolled back", 1)


def test_load_of_what_is_not_read_says_how_to_convert_it(mixed: Shell) -> None:
    result = mixed("load", mixed.data_dir / "dem.tif")
    assert result.exit_code == 2
    assert "it is a raster, and Isthmus reads vectors" in result.stderr
    assert "gdal_contour" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["load"], ["list"], ["info"], ["report"], ["rollback"], ["watch"]])
def test_help_teaches(shell: Shell, arguments: list[str]) -> None:
    result = shell(*arguments, "--help")
    assert result.exit_code == 0
    assert "Usage: isthmus" in result.stdout


def test_a_bad_setting_is_named(shell: Shell) -> None:
    result = shell("list", ISTHMUS_PORT="eighty")
    assert result.exit_code == 2
    assert "ISTHMUS_PORT is 'eighty'" in result.stderr


def test_a_database_that_does_not_answer_is_one_line(shell: Shell) -> None:
    result = shell("list", ISTHMUS_DB_PORT="1")
    assert result.exit_code == 1
    assert "isthmus: PostgreSQL does not answer" in result.stderr
    assert "Traceback" not in result.stderr


def test_as_a_process_results_and_progress_go_separate_ways(shell: Shell) -> None:
    write_points(shell.data_dir / "a.geojson", ["a"])
    result = shell.process("load", "--json", shell.data_dir)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["collections"][0]["rows"] == 1
    events = [json.loads(line)["event"] for line in result.stderr.splitlines()]
    assert (events[0], events[-1]) == ("start", "end")


def test_on_a_terminal_the_bar_stays_out_of_a_piped_result(shell: Shell, tmp_path: Path) -> None:
    write_points(shell.data_dir / "a.geojson", ["a"])
    inner = f"{sys.executable} -m cli load --json {shell.data_dir} > {tmp_path}/out"
    variables = environment(shell.settings, TERM="xterm", COLUMNS="100")
    terminal = subprocess.run(
        ["script", "-qec", inner, "/dev/null"], env=variables, capture_output=True, check=False, timeout=60
    )
    assert terminal.returncode == 0
    assert json.loads((tmp_path / "out").read_text())["status"] == "loaded"
    assert "a.geojson" in terminal.stdout.decode()
    assert '"status"' not in terminal.stdout.decode()


def test_a_pipe_that_closes_early_is_no_error(shell: Shell) -> None:
    for number in range(50):
        write_points(shell.data_dir / f"p{number}.geojson", ["a"])
    assert shell.process("load", shell.data_dir).returncode == 0
    script = f"{sys.executable} -m cli list --json | head -n 1; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(
        ["bash", "-c", script], env=environment(shell.settings), capture_output=True, text=True, check=False, timeout=60
    )
    assert json.loads(result.stdout)["id"] == "p0"
    assert "Traceback" not in result.stderr
    assert result.returncode == 0
