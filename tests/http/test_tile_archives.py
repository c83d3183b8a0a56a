"""`isthmus seed` and `isthmus export` against a running API; the archives are read by programs of others."""

from __future__ import annotations

import gzip
import json
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import pyogrio
import pytest
from click.testing import CliRunner, Result
from pmtiles.reader import MmapSource, Reader, all_tiles
from pmtiles.tile import Compression, TileType, zxy_to_tileid

from cli.main import isthmus
from cli.tiles import commands
from cli.tiles.archive import About, about
from cli.tiles.walk import Walk
from cli.tiles.writers import MBTiles
from core.api_client import Client, Response
from core.bbox import MERCATOR_LIMIT_DEG
from core.catalog.archives import MVT
from support.cluster import Cluster, Database, environment
from support.odd import as_superuser
from support.publish import publish
from support.server import running_api

TOWNS = "SELECT n AS fid, 'town ' || n AS name, ST_Point(20 + n, 60 + n / 10.0) AS geom FROM generate_series(0, 9) AS n"
PLAIN = "SELECT 1 AS fid, 'plain' AS name, ST_MakeEnvelope(-40, -40, 40, 40, 4326) AS geom"
HUTS = """
SELECT n AS fid, 'hut ' || n AS name, ST_MakeEnvelope(10 + n, 10, 10.0001 + n, 10.0001, 4326) AS geom
FROM generate_series(0, 1) AS n
UNION ALL SELECT 7, 'nowhere', NULL
"""


@pytest.fixture(scope="module")
def served(module_database: Database) -> Iterator[tuple[Database, str]]:
    """A database with towns, a large area and two tiny ones, and the API on it."""
    publish(module_database, "towns", TOWNS, columns={"name": "string"})
    publish(module_database, "plain", PLAIN, columns={"name": "string"}, geometry_type="Polygon")
    publish(module_database, "huts", HUTS, columns={"name": "string"}, geometry_type="Polygon")
    publish(module_database, "stock", "SELECT 1 AS fid, 2 AS n", columns={"n": "integer"}, srid=None)
    with running_api(module_database) as address:
        yield module_database, address


class Shell:
    """Runs `isthmus` with the settings of a database and the address of its API."""

    def __init__(self, database: Database, address: str) -> None:
        self.environment = environment(database.owner, ISTHMUS_API=address)
        self.address = address
        self.data_dir = database.owner.data_dir

    def __call__(self, *arguments: object) -> Result:
        runner = CliRunner(env=self.environment)
        return runner.invoke(isthmus, [str(argument) for argument in arguments], prog_name="isthmus")

    def process(self, *arguments: object) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "cli", *map(str, arguments)]
        return subprocess.run(command, env=self.environment, capture_output=True, timeout=60, check=False)

    def tile(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.address}/{path}", timeout=20) as answer:
            return answer.read()


@pytest.fixture
def shell(served: tuple[Database, str]) -> Shell:
    return Shell(*served)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing changes in these tests, but for one."""
    monkeypatch.setattr(commands, "SEEN_AFTER_S", 0.0)


def read(path: Path) -> Reader:
    """The archive, by the reader of its makers."""
    return Reader(lambda offset, length: path.read_bytes()[offset : offset + length])


def tiles_of(path: Path) -> dict[tuple[int, int, int], bytes]:
    """(z, x, y) -> the tile as it is kept."""
    with path.open("rb") as file:
        return {place: bytes(tile) for place, tile in all_tiles(MmapSource(file))}


def names(tile: bytes, layer: str) -> set[str]:
    """The names of the features of a layer."""
    return {
        feature["properties"]["name"] for feature in mapbox_vector_tile.decode(gzip.decompress(tile))[layer]["features"]
    }


def test_pmtiles_hold_the_tiles_that_the_api_sends(shell: Shell, tmp_path: Path):
    target = tmp_path / "towns.pmtiles"
    result = shell("export", "towns", "--pmtiles", target, "--zoom", "0-8")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"exported towns -> {target} (")
    found = tiles_of(target)
    assert set(range(9)) == {z for z, _, _ in found}
    for (z, x, y), tile in found.items():
        assert gzip.decompress(tile) == shell.tile(f"collections/towns/tiles/WebMercatorQuad/{z}/{y}/{x}")
    lowest = [names(tile, "towns") for (z, _, _), tile in found.items() if z == 8]
    assert set().union(*lowest) == {f"town {n}" for n in range(10)}


def test_pmtiles_header_and_metadata_are_those_of_the_tileset(shell: Shell, tmp_path: Path):
    target = tmp_path / "towns.pmtiles"
    assert shell("export", "towns", "--pmtiles", target, "--zoom", "2-6").exit_code == 0
    header, metadata = read(target).header(), read(target).metadata()
    tilejson = json.loads(shell.tile("collections/towns/tiles/WebMercatorQuad/tilejson.json"))
    west, south, east, north = (round(degrees * 1e7) for degrees in tilejson["bounds"])
    assert [header[f"{side}_e7"] for side in ("min_lon", "min_lat", "max_lon", "max_lat")] == [west, south, east, north]
    assert (header["min_zoom"], header["max_zoom"], header["clustered"]) == (2, 6, True)
    assert (header["tile_type"], header["tile_compression"]) == (TileType.MVT, Compression.GZIP)
    assert header["addressed_tiles_count"] == len(tiles_of(target))
    assert metadata["name"] == tilejson["name"]
    [layer] = metadata["vector_layers"]
    assert (layer["id"], layer["fields"], layer["minzoom"], layer["maxzoom"]) == ("towns", {"name": "String"}, 2, 6)


def test_bounds_of_an_archive_end_where_web_mercator_does():
    tilejson = {"name": "world", "bounds": [-180.0, -90.0, 180.0, 90.0], "center": [0.0, 89.0, 0]}
    found = about(tilejson, (0, 3), MVT)
    assert found.bounds == (-180.0, -MERCATOR_LIMIT_DEG, 180.0, MERCATOR_LIMIT_DEG)
    assert found.center == (0.0, MERCATOR_LIMIT_DEG, 0)


def test_numbers_of_tiles_rise_and_equal_tiles_are_kept_once(shell: Shell, tmp_path: Path):
    target = tmp_path / "plain.pmtiles"
    assert shell("export", "plain", "--pmtiles", target, "--zoom", "0-7").exit_code == 0
    found, header = tiles_of(target), read(target).header()
    assert [zxy_to_tileid(*place) for place in found] == sorted(zxy_to_tileid(*place) for place in found)
    assert header["tile_contents_count"] == len(set(found.values())) < len(found)
    assert header["tile_entries_count"] < len(found), "equal neighbours are one entry"


def test_what_is_too_small_for_a_zoom_is_in_its_tile_and_found_below_it(shell: Shell, tmp_path: Path):
    target = tmp_path / "huts.pmtiles"
    result = shell("export", "huts", "--pmtiles", target, "--zoom", "0-14")
    assert result.exit_code == 0, result.stderr
    found = tiles_of(target)
    assert min(z for z, _, _ in found) == 0, "an area of ten metres is a unit of the tile at zoom 0"
    assert set().union(*(names(tile, "huts") for (z, _, _), tile in found.items() if z == 14)) == {"hut 0", "hut 1"}
    asked = sum(map(int, result.stdout.replace(",", "").split("(")[1].split()[0:3:2]))
    assert asked < 200, "what lies around them is left out"


def test_late_zooms_alone_are_found_from_above(shell: Shell, tmp_path: Path):
    target = tmp_path / "huts.pmtiles"
    assert shell("export", "huts", "--pmtiles", target, "--zoom", "14").exit_code == 0
    assert {z for z, _, _ in tiles_of(target)} == {14}


def test_several_collections_are_layers_of_one_archive(shell: Shell, tmp_path: Path):
    target = tmp_path / "both.pmtiles"
    assert shell("export", "plain", "towns", "--pmtiles", target, "--zoom", "0-4").exit_code == 0
    assert [layer["id"] for layer in read(target).metadata()["vector_layers"]] == ["plain", "towns"]
    assert set(mapbox_vector_tile.decode(gzip.decompress(tiles_of(target)[0, 0, 0]))) == {"plain", "towns"}
    everything = tmp_path / "all.pmtiles"
    assert shell("export", "--all", "--pmtiles", everything, "--zoom", "0-2").exit_code == 0
    assert {layer["id"] for layer in read(everything).metadata()["vector_layers"]} == {"huts", "plain", "towns"}


def test_mbtiles_are_read_by_their_specification(shell: Shell, tmp_path: Path):
    target, other = tmp_path / "plain.mbtiles", tmp_path / "plain.pmtiles"
    assert shell("export", "plain", "--mbtiles", target, "--pmtiles", other, "--zoom", "0-6").exit_code == 0
    with sqlite3.connect(target) as connection:
        rows = connection.execute("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles").fetchall()
        metadata = dict(connection.execute("SELECT name, value FROM metadata").fetchall())
    connection.close()
    assert {(z, x, (1 << z) - 1 - y): tile for z, x, y, tile in rows} == tiles_of(other)
    assert (metadata["format"], metadata["minzoom"], metadata["maxzoom"]) == ("pbf", "0", "6")
    assert json.loads(metadata["json"])["vector_layers"][0]["id"] == "plain"


def test_gdal_reads_both_archives(shell: Shell, tmp_path: Path):
    for kind in ("mbtiles", "pmtiles"):
        target = tmp_path / f"towns.{kind}"
        assert shell("export", "towns", f"--{kind}", target, "--zoom", "0-7").exit_code == 0
        found = pyogrio.read_info(target, layer="towns")
        assert found["driver"] == {"mbtiles": "MBTiles", "pmtiles": "PMTiles"}[kind]
        _, _, _, fields = pyogrio.raw.read(target, layer="towns", columns=["name"])
        assert set(fields[0]) == {f"town {n}" for n in range(10)}


def test_archive_goes_to_standard_output(shell: Shell, tmp_path: Path):
    done = shell.process("export", "towns", "--pmtiles", "-", "--zoom", "0-3")
    assert done.returncode == 0, done.stderr
    target = tmp_path / "piped.pmtiles"
    target.write_bytes(done.stdout)
    assert {z for z, _, _ in tiles_of(target)} == {0, 1, 2, 3}
    assert done.stderr.startswith(b"exported towns (")
    assert list((shell.data_dir / "var/export").iterdir()) == []


def test_archive_that_cannot_be_made_leaves_the_one_before(shell: Shell, tmp_path: Path):
    target = tmp_path / "huts.pmtiles"
    target.write_bytes(b"before")
    result = shell("export", "huts", "--pmtiles", target, "--zoom", "0-1", "--filter", "name = 'palace'")
    assert result.exit_code == 1
    assert "has no tile at zoom 0 to 1" in result.stderr
    assert target.read_bytes() == b"before"
    assert [*tmp_path.iterdir()] == [target]


def test_data_that_change_meanwhile_are_no_archive(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    database = cluster.clone()
    publish(database, "towns", TOWNS, columns={"name": "string"})
    look = commands.refuse_changed
    monkeypatch.setattr(commands, "SEEN_AFTER_S", 1.1)

    def change(walk: Walk) -> None:
        publish(database, "towns", PLAIN, columns={"name": "string"})
        look(walk)

    monkeypatch.setattr(commands, "refuse_changed", change)
    with running_api(database) as address:
        result = Shell(database, address)("export", "towns", "--pmtiles", tmp_path / "a.pmtiles", "--zoom", "0-2")
    assert result.exit_code == 1
    assert "changed while its tiles were read" in result.stderr
    assert [*tmp_path.iterdir()] == []
    cluster.drop(database)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["export", "towns"], 2, "nothing says where to"),
        (["export", "towns", "--pmtiles", "towns.gpkg"], 2, "no name of an archive"),
        (["export", "towns", "--pmtiles", "-", "--mbtiles", "-"], 2, "cannot both"),
        (["export", "--pmtiles", "-"], 2, "which collections?"),
        (["export", "--all", "towns", "--pmtiles", "-"], 2, "which collections?"),
        (["export", "twons", "--pmtiles", "-"], 2, "perhaps you meant 'towns'"),
        (["export", "stock", "--pmtiles", "-"], 1, "'stock' has no geometry"),
        (["export", "towns", "--pmtiles", "-", "--zoom", "4-2"], 2, "--zoom is '4-2'"),
        (["export", "towns", "--pmtiles", "-", "--zoom", "x"], 2, "--zoom is 'x'"),
        (["export", "towns", "--pmtiles", "-", "--zoom", "0-25"], 2, "0-24"),
        (["export", "towns", "--pmtiles", "/nowhere/a.pmtiles"], 1, "cannot be written"),
        (["export", "towns", "--pmtiles", "-", "--filter", "nmae = 'x'"], 2, "perhaps you meant 'name'"),
        (["seed", "towns", "--filter", "name = "], 2, "at position 7"),
        (["seed", "towns\udcff"], 2, "perhaps you meant 'towns'"),
        (["seed", "towns", "--filter", f"name = '{100_000 * 'x'}'"], 1, "a shorter filter may do"),
        (["seed", "towns", "--properties", "length"], 2, "published: name"),
        (["seed", "a/b"], 2, "'a/b' is no name"),
        (["seed", "towns", "--tms", ""], 2, "'' is no name"),
        (["seed", "towns", "--api", "localhost:http"], 2, "it takes host:port"),
        (["seed", "towns", "--api", "localhost:99999"], 2, "it takes host:port"),
        (["seed", "towns", "--api", "ftp://localhost"], 2, "it takes host:port"),
        (["seed", "towns", "--tms", "WebMercatorQuadd"], 2, "perhaps you meant 'WebMercatorQuad'"),
        (["seed", "towns", "--api", "127.0.0.1:1"], 1, "does not answer"),
        (["seed", "towns", "--api", "unix:/nowhere.sock"], 1, "does not answer"),
    ],
)
def test_mistakes_are_one_line_and_a_hint(shell: Shell, arguments: list[str], exit_code: int, message: str):
    result = shell(*arguments)
    assert result.exit_code == exit_code
    assert message in result.stderr
    assert len(result.stderr.splitlines()) <= 2


def test_seed_makes_the_tiles_that_are_missing_and_no_others(cluster: Cluster):
    database = cluster.clone()
    publish(database, "towns", TOWNS, columns={"name": "string"})
    with running_api(database) as address:
        shell = Shell(database, address)
        assert kept(database) == 0
        first = shell("seed", "towns", "--zoom", "0-6")
        assert first.exit_code == 0, first.stderr
        made = kept(database)
        assert f"({made - empties(first.stdout)} tiles, " in first.stdout
        assert shell("seed", "towns", "--zoom", "0-6", "--jobs", 2).exit_code == 0
        assert kept(database) == made
        assert shell("seed", "towns", "--tms", "WorldCRS84Quad", "--zoom", "0-4").exit_code == 0
        assert kept(database) > made
    cluster.drop(database)


def empties(sentence: str) -> int:
    return int(sentence.split(" tiles, ")[1].split()[0])


def kept(database: Database) -> int:
    """Tiles on the disk, also those that were made just now, which are written 10 ms later."""
    time.sleep(0.2)
    [path] = [*(database.reader.data_dir / "var/tiles").glob("*.sqlite")] or [None]
    if path is None:
        return 0
    connection = sqlite3.connect(path)
    [[count]] = connection.execute("SELECT count(*) FROM tiles").fetchall()
    connection.close()
    return count


def test_seed_tells_when_more_was_made_than_is_kept(served: tuple[Database, str]):
    shell = Shell(*served)
    shell.environment["ISTHMUS_TILES_MB"] = "0"
    assert "ISTHMUS_TILES_MB" in shell("seed", "towns", "--zoom", "0-1").stderr


def test_progress_in_a_pipe_is_json_lines(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cli.tiles.commands.EVERY_S", 0.0)
    result = shell("seed", "towns", "--zoom", "0-2")
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert [line["zoom"] for line in lines] == sorted(line["zoom"] for line in lines)
    assert {(line["event"], line["tileset"]) for line in lines} == {("tiles", "towns")}
    assert lines[-1]["tiles"] >= 3


def test_export_that_is_ended_leaves_no_half_of_a_file(shell: Shell, tmp_path: Path):
    options = ["--zoom", "0-9", "--pmtiles", str(tmp_path / "plain.pmtiles")]
    command = [sys.executable, "-m", "cli", "export", "plain", *options]
    with subprocess.Popen(command, env=shell.environment, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob(".*.part")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.terminate()
        assert process.wait(20) == 130
    assert list(tmp_path.iterdir()) == []


def test_api_on_a_unix_socket_is_asked_there(served: tuple[Database, str], tmp_path: Path):
    database, _ = served
    with running_api(database, ISTHMUS_LISTEN=f"unix:{tmp_path}/api.sock") as address:
        result = Shell(database, address)("export", "towns", "--pmtiles", tmp_path / "towns.pmtiles", "--zoom", "0-3")
    assert result.exit_code == 0, result.stderr
    assert len(tiles_of(tmp_path / "towns.pmtiles")) >= 4


def test_exported_file_is_served_as_it_is_and_becomes_one_of_the_other_format(
    served: tuple[Database, str], tmp_path: Path
):
    database, address = served
    shell = Shell(database, address)
    target = shell.data_dir / "copy.pmtiles"
    with running_api(database, ISTHMUS_DATA_DIR=str(shell.data_dir)) as second:
        shell = Shell(database, second)
        assert shell("export", "towns", "--pmtiles", target, "--zoom", "0-3").exit_code == 0
        loaded = shell("load", target)
        assert (
            loaded.stdout
            == "loaded     copy.pmtiles -> copy (tiles of zoom 0 to 3, application/vnd.mapbox-vector-tile)\n"
        )
        for path in ("0/0/0", "3/2/4"):
            tile = f"tiles/WebMercatorQuad/{path}"
            assert shell.tile(f"collections/copy/{tile}") == shell.tile(f"collections/towns/{tile}")
        other = tmp_path / "other.mbtiles"
        assert shell("export", "copy", "--mbtiles", other).exit_code == 0
        with sqlite3.connect(other) as connection:
            rows = connection.execute("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles").fetchall()
        connection.close()
        assert {(z, x, (1 << z) - 1 - y): tile for z, x, y, tile in rows} == tiles_of(target)
        late = shell("export", "copy", "--pmtiles", "-", "--zoom", "0-9")
        assert (late.exit_code, "0-3" in late.stderr) == (2, True)
        assert "copy" in shell("list").stdout
        assert "zooms        0 to 3" in shell("info", "copy").stdout
        assert "served from the file (pmtiles)" in shell("report", "copy").stdout


def test_features_and_properties_can_be_chosen(shell: Shell, tmp_path: Path):
    target = tmp_path / "towns.pmtiles"
    condition = "name IN ('town 3', 'town 4') OR name = 'nothing'"
    result = shell("export", "towns", "--filter", condition, "--zoom", "0-9", "--pmtiles", target)
    assert result.exit_code == 0, result.stderr
    found = tiles_of(target)
    assert all(names(tile, "towns") <= {"town 3", "town 4"} for tile in found.values())
    assert set().union(*(names(tile, "towns") for (z, _, _), tile in found.items() if z == 9)) == {"town 3", "town 4"}
    bare = shell("export", "towns", "--properties", "", "--zoom", "0", "--pmtiles", target)
    assert bare.exit_code == 0, bare.stderr
    assert read(target).metadata()["vector_layers"][0]["fields"] == {}
    wrong = shell("export", "towns", "--filter", "nmae = 1", "--pmtiles", "-")
    assert (wrong.exit_code, "nmae" in wrong.stderr) == (2, True)
    assert shell("seed", "towns", "plain", "--filter", "name = 'town 3'", "--zoom", "0-3").exit_code == 0


def test_tiles_that_were_made_of_a_sample_are_told_of(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    send = Client.get

    def sampled(client: Client, *segments: str, **others: Any) -> Response:
        answer = send(client, *segments, **others)
        lacks = {"isthmus-tile": "thinned;shown=1;sampled"} if segments[-3:] == ("1", "0", "1") else {}
        return answer._replace(headers={**answer.headers, **lacks})

    monkeypatch.setattr(Client, "get", sampled)
    result = shell("export", "towns", "--pmtiles", tmp_path / "towns.pmtiles", "--zoom", "0-3")
    assert result.exit_code == 0
    assert "a tile was made of a sample" in result.stderr


def test_pictures_stay_pictures(served: tuple[Database, str], tmp_path: Path):
    database, address = served
    shell, picture = Shell(database, address), b"\x89PNG\r\n\x1a\n picture"
    source = MBTiles(shell.data_dir / "photo.mbtiles")
    source.put(1, 0, 1, picture)
    source.finish(About("Photo", None, None, (0.0, 0.0, 180.0, 85.0), (90.0, 45.0, 1), 1, 1, (), "image/png"))
    source.close()
    assert shell("load", shell.data_dir / "photo.mbtiles").exit_code == 0
    target = tmp_path / "photo.pmtiles"
    with running_api(database, ISTHMUS_DATA_DIR=str(shell.data_dir)) as second:
        result = Shell(database, second)("export", "photo", "--pmtiles", target)
    assert result.exit_code == 0, result.stderr
    assert tiles_of(target) == {(1, 1, 0): picture}
    header = read(target).header()
    assert (header["tile_type"], header["tile_compression"]) == (TileType.PNG, Compression.NONE)
    (shell.data_dir / "photo.mbtiles").unlink()


FUNCTION = """
CREATE SCHEMA maps;
GRANT USAGE ON SCHEMA maps TO PUBLIC;
CREATE FUNCTION maps.squares(z integer, x integer, y integer) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT ST_AsMVT(t, 'squares') FROM (
        SELECT z || '/' || x || '/' || y AS name,
               ST_AsMVTGeom(ST_TileEnvelope(z, x, y), ST_TileEnvelope(z, x, y)) AS geom
    ) AS t $$;
COMMENT ON FUNCTION maps.squares IS '@zooms 1-6 @bounds 10,10,20,20';
"""


def test_tiles_of_a_function_are_exported(cluster: Cluster, tmp_path: Path):
    database, target = cluster.clone(), tmp_path / "squares.pmtiles"
    with as_superuser(database) as connection:
        connection.execute(FUNCTION)
    with running_api(database, ISTHMUS_SCHEMAS="maps") as address:
        result = Shell(database, address)("export", "squares", "--pmtiles", target, "--zoom", "1-4")
    assert result.exit_code == 0, result.stderr
    found = tiles_of(target)
    assert {z for z, _, _ in found} == {1, 2, 3, 4}
    assert all(names(tile, "squares") == {f"{z}/{x}/{y}"} for (z, x, y), tile in found.items())
    cluster.drop(database)
