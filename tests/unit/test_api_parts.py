"""Tiles, negotiation, problems, live catalogue: the small parts of the API."""

from __future__ import annotations

import gzip
import inspect
import zlib
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotAcceptable

from api.catalog.live import LiveCatalog, with_equal_values
from api.http.compression import comment_of, compress, decompress, with_comment
from api.http.links import Links, self_and_alternate
from api.http.problems import STATUS, problem_of
from api.http.request import choose_format
from api.query.items import GridBox
from api.tms.tile import (
    OURS,
    WEB_MERCATOR_QUAD,
    WORLD_CRS84_QUAD,
    Tile,
    TileMatrix,
    TileMatrixSet,
    extent_in,
    parse_tile,
    tile_at,
    tile_bounds,
    tile_box,
    tile_holding,
    tile_limits,
)
from core import errors
from core.bbox import BBox
from core.cache import CollectionCache
from core.catalog.archives import SELECT_ARCHIVES
from core.catalog.collections import (
    SELECT_COLLECTIONS,
    SELECT_GENERATION,
    SELECT_STATE,
    Catalog,
    Collection,
)
from core.database.connections import Database
from core.database.statement import Statement
from core.errors import BadParameter, TileOutside


@given(st.integers(0, 24), st.data())
def test_middle_of_a_tile_lies_in_the_same_tile(z: int, data: st.DataObject):
    tile = Tile(z, data.draw(st.integers(0, 2**z - 1)), data.draw(st.integers(0, 2**z - 1)))
    box = tile_bounds(tile)
    assert tile_at((box.west + box.east) / 2, (box.south + box.north) / 2, z) == tile


def test_places_beyond_the_mercator_square_belong_to_its_edge():
    assert tile_at(0, 90, 2).row == 0
    assert tile_at(0, -90, 2).row == 3
    assert tile_at(180, 0, 2).column == 3


def test_limits_of_a_box_across_the_antimeridian_are_the_world():
    assert extent_in(WEB_MERCATOR_QUAD, BBox(170, -20, -170, 20)) is None
    assert extent_in(WEB_MERCATOR_QUAD, None) is None
    assert tile_limits(None, 1) == (Tile(1, 0, 0), Tile(1, 1, 1))


@pytest.mark.parametrize("matrix_set", OURS.values(), ids=OURS)
@given(st.data())
def test_middle_and_bounds_of_a_tile_lie_in_it_in_every_set(matrix_set: TileMatrixSet, data: st.DataObject):
    z = data.draw(st.integers(0, len(matrix_set.matrices) - 1))
    matrix = matrix_set.matrices[z]
    place = data.draw(st.integers(0, matrix.rows - 1)), data.draw(st.integers(0, matrix.columns - 1))
    tile = Tile(z, *place, matrix_set)
    box = tile_box(tile)
    assert tile_holding((box.west + box.east) / 2, (box.south + box.north) / 2, z, matrix_set) == tile
    inner = tile_bounds(tile, -0.01)
    assert tile_limits(extent_in(matrix_set, inner), z, matrix_set) == (tile, tile)


def test_tile_of_degrees_is_half_a_world_at_zoom_0_and_wraps_at_no_buffer():
    east = Tile(0, 0, 1, WORLD_CRS84_QUAD)
    assert tile_box(east) == GridBox(4326, 0, -90, 180, 90)
    assert tile_bounds(east, 1 / 64) == BBox(-2.8125, -90, 180, 90)
    assert tile_holding(24.94, 60.17, 5, WORLD_CRS84_QUAD) == Tile(5, 5, 36, WORLD_CRS84_QUAD)


def test_matrices_have_the_numbers_of_the_register():
    first, last = WORLD_CRS84_QUAD.matrices[0], WORLD_CRS84_QUAD.matrices[-1]
    assert (first.scale, first.cell_size) == (pytest.approx(279541132.014358), 0.703125)
    assert (last.id, last.scale) == ("23", pytest.approx(33.3238997476528))
    assert (first.columns, first.rows, last.columns, last.rows) == (2, 1, 2**24, 2**23)
    assert WEB_MERCATOR_QUAD.matrices[24].scale == pytest.approx(33.3238997476528)


def test_scale_tells_the_zoom_of_web_mercator():
    assert [WORLD_CRS84_QUAD.matrices[z].mercator_zoom for z in (0, 5)] == [1, 6]
    assert [WEB_MERCATOR_QUAD.matrices[z].mercator_zoom for z in (0, 24)] == [0, 24]


def test_rows_are_counted_from_the_south_where_a_set_says_so():
    matrix = TileMatrix("a", 1, 1, left=0, top=30, columns=2, rows=3, tile_width_px=10, tile_height_px=10)
    north = TileMatrixSet("north", "", WEB_MERCATOR_QUAD.crs, ("X", "Y"), (matrix,))
    south = TileMatrixSet("south", "", WEB_MERCATOR_QUAD.crs, ("X", "Y"), (replace(matrix, from_south=True),))
    assert tile_box(Tile(0, 0, 0, north)) == GridBox(3857, 0, 20, 10, 30)
    assert tile_box(Tile(0, 0, 0, south)) == GridBox(3857, 0, 0, 10, 10)
    area = GridBox(3857, 1, 11, 2, 29)
    assert [(t.row, t.column) for t in tile_limits(area, 0, north)] == [(0, 0), (1, 0)]
    assert [(t.row, t.column) for t in tile_limits(area, 0, south)] == [(1, 0), (2, 0)]
    assert tile_holding(1, 29, 0, south).row == 2


def test_zoom_of_a_set_without_numbers_is_a_name():
    matrix = TileMatrix("coarse", 1, 1, left=0, top=30, columns=2, rows=3)
    named = TileMatrixSet("named", "", WEB_MERCATOR_QUAD.crs, ("X", "Y"), (matrix,))
    assert parse_tile("coarse", "2", "1", named) == Tile(0, 2, 1, named)
    with pytest.raises(TileOutside, match="there is no zoom 0") as raised:
        parse_tile("0", "0", "0", named)
    assert raised.value.hint == "it takes one of: coarse"


@pytest.mark.parametrize("path", [("0", "0", "0"), ("24", "16777215", "16777215"), ("03", "007", "7")])
def test_tiles_of_the_matrix_set_are_read(path: tuple[str, str, str]):
    assert parse_tile(*path) == Tile(*map(int, path))


@pytest.mark.parametrize("path", [("25", "0", "0"), ("0", "1", "0"), ("24", "16777216", "0"), ("1", "0", "999999999")])
def test_tiles_outside_are_told_apart_from_nonsense(path: tuple[str, str, str]):
    with pytest.raises(TileOutside):
        parse_tile(*path)


@pytest.mark.parametrize(
    "path", [("x", "0", "0"), ("0", "-1", "0"), ("0", "0", ""), ("0", "0", "²"), ("0", "1.5", "0")]
)
def test_nonsense_is_no_tile(path: tuple[str, str, str]):
    with pytest.raises(BadParameter):
        parse_tile(*path)


@given(st.binary(max_size=2000))
def test_compressed_bytes_come_back(data: bytes):
    assert decompress(compress(data)) == data


@given(st.binary(max_size=2000), st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=100))
def test_comment_of_gzip_comes_back_and_readers_pass_over_it(data: bytes, comment: str):
    packed = with_comment(compress(data), comment)
    assert comment_of(packed) == comment
    assert comment_of(compress(data)) is comment_of(b"") is None
    assert decompress(packed) == gzip.decompress(packed) == zlib.decompress(packed, 31) == data


FORMATS = {"json": "application/geo+json", "html": "text/html"}


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ([], "json"),
        ([("*/*", 1)], "json"),
        ([("application/json", 1)], "json"),
        ([("application/schema+json", 1)], "json"),
        ([("text/html", 1), ("*/*", 0.8)], "html"),
        ([("text/html", 0.3), ("application/geo+json", 0.9)], "json"),
        ([("text/*", 1)], "html"),
    ],
)
def test_accept_header_chooses(accept: list[tuple[str, float]], expected: str):
    assert choose_format(None, str(MIMEAccept(accept)), tuple(FORMATS.items())) == expected


def test_what_nobody_makes_is_not_acceptable():
    with pytest.raises(NotAcceptable, match="application/geo"):
        choose_format(None, "image/png", tuple(FORMATS.items()))


def test_every_expected_error_has_a_status():
    raised = {
        error
        for error in vars(errors).values()
        if inspect.isclass(error) and issubclass(error, errors.IsthmusError) and error is not errors.IsthmusError
    }
    assert raised - {errors.BadSetting} == set(STATUS), "settings are read before there is HTTP"


def test_codes_and_titles_tell_the_errors_apart():
    assert len({error.code for error in STATUS}) == len(STATUS)
    assert all(error.title().endswith(".") for error in STATUS)


def test_problem_leaves_out_what_is_not_known():
    document = problem_of(errors.BadCursor("broken")).document("http://x", "id")
    assert document == {
        "type": "http://x/problems/cursor-invalid",
        "title": "The cursor was not made for this request, or is damaged.",
        "status": 400,
        "code": "cursor-invalid",
        "detail": "broken",
        "request_id": "id",
    }


def test_links_escape_each_segment():
    links = Links("http://x")
    assert (
        links.url("collections", "a/b ü", "items", query={"name": "c&d"})
        == "http://x/collections/a%2Fb%20%C3%BC/items?name=c%26d"
    )


def test_self_comes_first_and_alternates_keep_the_query():
    found = self_and_alternate("http://x/items", {"limit": "2", "f": "html"}, FORMATS, "html")
    assert [(link["rel"], link["href"]) for link in found] == [
        ("self", "http://x/items?limit=2&f=html"),
        ("alternate", "http://x/items?limit=2&f=json"),
    ]


class CountingDatabase:
    """Answers for the catalogue, and counts the questions."""

    def __init__(self, *, reads_replicas: bool = False) -> None:
        self.generation, self.files = 1, 100
        self.ahead: dict[int, int] = {}
        """Another number, by which question it answers."""
        self.reads_replicas = reads_replicas
        self.asked: list[Statement] = []

    def run(
        self, statement: Statement, *, one_plan: bool = False, within_s: float | None = None
    ) -> list[tuple[Any, ...]]:
        self.asked.append(statement)
        number = self.ahead.get(len(self.asked) - 1, self.generation)
        if statement is SELECT_STATE:
            return [(number, self.files)]
        return [(number,)] if statement is SELECT_GENERATION else []

    def run_together(self, *statements: Statement) -> list[list[tuple[Any, ...]]]:
        return [self.run(statement) for statement in statements]


def test_catalogue_is_read_once_and_looked_at_when_a_second_has_passed():
    database, now = CountingDatabase(), [0.0]
    live = LiveCatalog(cast(Database, database), clock=lambda: now[0])
    assert live.current().generation == 1
    now[0] = 0.9
    live.current()
    all_of_it = [SELECT_GENERATION, SELECT_COLLECTIONS, SELECT_ARCHIVES]
    assert database.asked == [SELECT_STATE, *all_of_it]
    now[0] = 1.1
    live.current()
    assert database.asked[4:] == [SELECT_STATE], "nothing changed, so the collections are not read again"
    database.generation, now[0] = 2, 2.2
    assert live.current().generation == 2
    assert database.asked[5:] == [SELECT_STATE, *all_of_it]
    database.generation = 3
    assert live.current().generation == 2, "no second has passed"
    assert live.fresh().generation == 3, "who needs it now gets it now"


def test_catalogue_is_read_again_when_a_table_was_written_again():
    database, now = CountingDatabase(), [0.0]
    live = LiveCatalog(cast(Database, database), clock=lambda: now[0])
    live.current()
    database.files, now[0] = 101, 1.1
    live.current()
    assert database.asked[4:] == [SELECT_STATE, SELECT_GENERATION, SELECT_COLLECTIONS, SELECT_ARCHIVES]
    now[0] = 2.2
    live.current()
    assert database.asked[8:] == [SELECT_STATE]


def test_a_catalogue_of_a_replica_that_is_behind_does_not_replace_a_newer_one():
    database, now = CountingDatabase(reads_replicas=True), [0.0]
    live = LiveCatalog(cast(Database, database), clock=lambda: now[0])
    database.generation = 7
    assert live.current().generation == 7
    database.generation, now[0] = 6, 2.0
    assert live.current().generation == live.fresh().generation == 7
    database.generation, now[0] = 7, 25.0
    live.current()
    database.generation, now[0] = 6, 54.0
    assert live.current().generation == 7, "another replica has the newer one: it was seen half a minute ago"
    now[0] = 56.0
    assert live.current().generation == 6, "none has it any more: the database was restored"
    assert live.fresh().generation == 6


def test_a_new_catalogue_is_asked_for_until_a_replica_that_has_it_answers():
    """Connections are taken in turn: beside one to the replica that is ahead are many to the one that stands still."""
    database, now = CountingDatabase(reads_replicas=True), [0.0]
    live = LiveCatalog(cast(Database, database), clock=lambda: now[0])
    assert live.current().generation == 1
    database.ahead, now[0] = {len(database.asked): 2, len(database.asked) + 1 + 3 * 7: 2}, 2.0
    assert live.current().generation == 2


def test_an_older_catalogue_of_one_server_is_believed_at_once():
    database = CountingDatabase()
    live = LiveCatalog(cast(Database, database), clock=lambda: 0.0)
    database.generation = 7
    assert live.current().generation == 7
    database.generation = 6
    assert live.fresh().generation == 6


def test_a_collection_that_did_not_change_keeps_what_was_worked_out_for_it(roads: Collection):
    before = Catalog(1, {"roads": roads, "gone": replace(roads, id="gone")})
    cache = CollectionCache[str, str]()
    assert cache.get(roads, "key", lambda: "worked out") == "worked out"
    now = with_equal_values(before, Catalog(2, {"roads": replace(roads), "new": replace(roads, id="new")}))
    assert (now.generation, list(now)) == (2, ["roads", "new"])
    assert cache.get(now["roads"], "key", lambda: "again") == "worked out"
    reloaded = with_equal_values(before, Catalog(2, {"roads": replace(roads, version=8)}))
    assert cache.get(reloaded["roads"], "key", lambda: "again") == "again"
