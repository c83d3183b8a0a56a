"""Side-cars, CRS codes, columns, chunk sizes, reports, progress: small values by value."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from loader.catalogue import json_text
from loader.chunks import MAX_CHUNK_ROWS, MIN_CHUNK_ROWS, chunk_rows
from loader.errors import BadSideCar
from loader.progress import Event, bars, ended, json_lines, listener, sentence, steps
from loader.report import CollectionReport, Note, Report, parse_report, report_file, write_report
from loader.sidecar import SideCar, read_side_car
from loader.table.columns import table_columns
from loader.table.crs import Crs, assumption_note, is_within, parse_code
from loader.table.temporal import candidates

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PART = CollectionReport("p", "", 3, 1200, "Point", 4326, "file", [1, 2, 3, 4], [], None, 0.5, 2400)
REPORT = Report(
    "p.gpkg", "loaded", "new", START, START, 10, "ab", (PART,), (Note("warning", "odd", "It is odd", "look"),)
)
FAILED = Report(
    "q.gpkg", "failed", "new", START, START, error={"code": "x", "title": "t", "message": "Bad.", "hint": "Mend it."}
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("EPSG:3067", ("EPSG", "3067")),
        ("epsg:3067", ("EPSG", "3067")),
        ("OGC:CRS84", ("OGC", "CRS84")),
        ("ESRI:102100", ("ESRI", "102100")),
        ("urn:ogc:def:crs:EPSG::3067", ("EPSG", "3067")),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", ("OGC", "CRS84")),
        ("http://www.opengis.net/def/crs/EPSG/0/3067", ("EPSG", "3067")),
        ('PROJCS["x",GEOGCS["y",AUTHORITY["EPSG","4326"]],AUTHORITY["EPSG","3067"]]', ("EPSG", "3067")),
        ('PROJCRS["x",BASEGEOGCRS["y",ID["EPSG",4326]],ID["EPSG",3067]]', ("EPSG", "3067")),
        ('PROJCS["x",GEOGCS["y",AUTHORITY["EPSG","4326"]],UNIT["m",1]]', None),
        ("+proj=utm +zone=35", None),
    ],
)
def test_a_crs_code_is_found_in_all_its_spellings(text: str, code: tuple[str, str] | None) -> None:
    assert parse_code(text) == code


def test_an_assumed_crs_is_told() -> None:
    note = assumption_note(Crs(4326, "assumed", assumed=True))
    assert note is not None
    assert note.code == "crs-assumed"
    assert assumption_note(Crs(3067, "file")) is None


@pytest.mark.parametrize(
    ("extent", "most", "within"),
    [
        ((-180, -90, 180, 90), 180, True),
        ((0, 0, 181, 1), 180, False),
        ((0, 0, 181, 1), 360, True),
        ((0, -91, 1, 1), 360, False),
    ],
)
def test_degrees_have_limits(extent: tuple[float, float, float, float], most: int, *, within: bool) -> None:
    assert is_within(extent, most) is within


def test_a_side_car_gives_words_for_the_file_and_for_its_layers(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(
        'title = "T"\nattribution = "A"\ncrs = "EPSG:1"\nkeywords = ["k"]\n[layers.roads]\ntitle = "R"\nlegend = "x"\n'
    )
    side_car = read_side_car(path)
    assert side_car.of_layer("") == SideCar(title="T", attribution="A", crs="EPSG:1", keywords=("k",))
    assert side_car.of_layer("roads") == SideCar(title="R", attribution="A", crs="EPSG:1", keywords=("k",))
    assert side_car.of_layer("other").title is None
    assert [note.message for note in side_car.notes] == ["'legend' in a.toml means nothing"]
    assert read_side_car(None) == SideCar()


@pytest.mark.parametrize(
    "text",
    [
        "title = 5",
        "title = ",
        "layers = 5",
        "[layers]\nroads = 5",
        "title = '\x00'",
        "time = 5",
        "time = [5]",
        "time = ['a', 'b', 'c']",
        "time = ['a', 'a']",
        "cache_control = 60",
    ],
)
def test_a_bad_side_car_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(BadSideCar, match=r"a\.toml"):
        read_side_car(tmp_path / "a.toml")


def test_times_are_the_first_datetime_else_the_first_date() -> None:
    day, moment, text = (pa.field("d", pa.date32()), pa.field("t", pa.timestamp("s")), pa.field("n", pa.string()))
    for fields, expected in [([text, day, moment], ["t", "d"]), ([text, day], ["d"]), ([text], [])]:
        assert [times.start.name for times in candidates(table_columns(pa.schema(fields)))] == expected


@pytest.mark.parametrize(
    ("names", "pair"),
    [
        (["start", "end"], ("start", "end")),
        (["seen", "valid_to", "valid_from"], ("valid_from", "valid_to")),
        (["StartDate", "EndDate"], ("StartDate", "EndDate")),
        (["date_begin", "date_end"], ("date_begin", "date_end")),
        (["from", "until"], ("from", "until")),
        (["start", "ended"], None),
        (["restart", "friend"], None),
        (["end", "seen"], None),
    ],
)
def test_a_pair_of_columns_is_a_start_and_an_end_when_the_names_say_so(
    names: list[str], pair: tuple[str, str] | None
) -> None:
    columns = table_columns(pa.schema([pa.field(name, pa.date32()) for name in names]))
    found = next(candidates(columns))
    assert (found.end and (found.start.name, found.end.name)) == pair


def test_columns_of_a_pair_hold_times_both() -> None:
    fields = [pa.field("start", pa.date32()), pa.field("end", pa.string())]
    assert [times.columns for times in candidates(table_columns(pa.schema(fields)))] == [
        (table_columns(pa.schema(fields))[0],)
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('time = "seen"', ("seen",)),
        ('time = ["from", "to"]', ("from", "to")),
        ("time = []", ()),
        ('title = "x"', None),
    ],
)
def test_a_side_car_names_the_columns_of_time(tmp_path: Path, line: str, expected: tuple[str, ...] | None) -> None:
    (tmp_path / "a.toml").write_text(line)
    assert read_side_car(tmp_path / "a.toml").of_layer("x").time == expected


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("public, max-age=3600", None),
        ("private,no-store", None),
        ("max-age=60, stale-while-revalidate=600, immutable", None),
        ("max-age", "'max-age' takes seconds, as in max-age=3600"),
        ("max-age=-1", "'max-age' takes seconds, as in max-age=3600"),
        ("maxage=60", "perhaps you meant 'max-age'"),
        ("public=1", "'public' takes no value"),
        ("public, public", "'public' is there twice"),
        ("public, private", "public and private exclude each other"),
        ("no-store\r\nX-Evil: 1", "it takes public"),
        ("", "it takes public"),
    ],
)
def test_a_side_car_says_how_long_answers_are_kept(tmp_path: Path, value: str, hint: str | None) -> None:
    (tmp_path / "a.toml").write_text(f"cache_control = {json.dumps(value)}")
    if hint is None:
        assert read_side_car(tmp_path / "a.toml").cache_control == value
        return
    with pytest.raises(BadSideCar, match="'cache_control' in a.toml") as caught:
        read_side_car(tmp_path / "a.toml")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith(hint)


def test_words_of_a_side_car_do_not_change_how_the_data_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    said = {}
    for line in ('title = "x"\ncache_control = "no-store"', 'crs = "EPSG:3067"', '[layers.a]\ntime = "seen"'):
        path.write_text(line)
        said[line] = read_side_car(path).data_settings()
    assert [text == "" for text in said.values()] == [True, False, False]
    assert len(set(said.values())) == 3


def test_chunks_hold_about_the_same_bytes() -> None:
    assert chunk_rows(1_000, 100) == MAX_CHUNK_ROWS
    assert chunk_rows(16_000_000_000, 1_000_000) == 1_000
    assert chunk_rows(16_000_000_000, 10) == MIN_CHUNK_ROWS
    assert chunk_rows(10, None) == MAX_CHUNK_ROWS
    assert MIN_CHUNK_ROWS <= chunk_rows(10**12, None) <= MAX_CHUNK_ROWS


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_whatever_a_value_holds_its_json_is_one_that_jsonb_takes(value: object) -> None:
    text = json_text(value)
    escapes = text.replace("\\\\", "")  # a backslash that is text itself
    assert "\\u0000" not in escapes
    assert "\\ud8" not in escapes
    json.loads(text, parse_constant=lambda name: pytest.fail(name))
    text.encode()


def test_a_report_survives_its_json() -> None:
    for report in (REPORT, FAILED):
        assert parse_report(json.loads(json.dumps(report.as_json()))) == report


def test_a_report_is_written_under_the_name_of_the_file_and_replaced(tmp_path: Path) -> None:
    write_report(tmp_path, REPORT)
    write_report(tmp_path, REPORT)
    assert report_file(tmp_path, "p.gpkg") == tmp_path / "var/reports/p_gpkg.json"
    assert json.loads(report_file(tmp_path, "p.gpkg").read_text())["collections"][0]["rows"] == 1200
    assert len(list((tmp_path / "var/reports").iterdir())) == 1


def test_a_report_that_cannot_be_written_is_a_log_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "var").write_text("in the way")
    write_report(tmp_path, REPORT)
    assert "cannot be written" in caplog.text


def test_an_event_is_one_json_line() -> None:
    stream = io.StringIO()
    listen = json_lines(stream)
    listen(ended(FAILED))
    line = json.loads(stream.getvalue())
    assert (line["event"], line["path"], line["error"], line["hint"]) == ("end", "q.gpkg", "Bad.", "Mend it.")
    assert stream.getvalue().count("\n") == 1


def test_a_log_hears_of_rows_at_most_once_a_second() -> None:
    stream = io.StringIO()
    listen = json_lines(stream)
    for rows in range(100):
        listen(Event("rows", "p", {"layer": "", "rows": rows, "of": None}))
    assert 1 <= stream.getvalue().count("\n") <= 3


@pytest.mark.parametrize(("after_s", "lines"), [(0.0, 2), (60.0, 0)])
def test_a_log_hears_of_the_steps_of_work_that_takes_time(
    after_s: float, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loader.progress.ROWS_EVERY_S", after_s)
    stream = io.StringIO()
    begin = steps(json_lines(stream), "p.gpkg", {"layer": "a"}, ("indexes", "low zooms"))
    begin("indexes")
    begin("low zooms")
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["path"], line["layer"], line["number"], line["of"]) for line in told] == [
        ("p.gpkg", "a", number + 1, 2) for number in range(lines)
    ]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_sentences_and_a_pipe_gets_json() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    with listener(terminal, sentences=True) as listen:
        listen(Event("rows", "p.gpkg", {"layer": "", "rows": 5, "of": 10}))
        listen(ended(REPORT))
    with listener(pipe) as listen:
        listen(ended(REPORT))
    assert "loaded     p.gpkg -> p (1,200 rows, 0.0 s)" in terminal.getvalue()
    assert json.loads(pipe.getvalue())["collections"] == ["p"]


def test_a_terminal_sees_the_rows_then_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")  # a dumb one shows no bars
    terminal = Terminal()
    with bars(terminal, sentences=False) as listen:
        listen(Event("rows", "p.gpkg", {"layer": "a", "rows": 5, "of": 10}))
        steps(listen, "p.gpkg", {"layer": "a"}, ("indexes", "low zooms"))("low zooms")
        steps(listen, None, {"source": "gis.lakes"}, ("copy",))("copy")
    shown = terminal.getvalue()
    assert shown.index("p.gpkg a ") < shown.index("p.gpkg a: low zooms") < shown.index("gis.lakes: copy")
    assert "1/2" in shown


def test_bars_without_sentences_say_only_what_state_changes() -> None:
    terminal = Terminal()
    with bars(terminal, sentences=False) as listen:
        listen(ended(REPORT))
        listen(Event("state", values={"message": "waiting for PostgreSQL"}))
    assert "p.gpkg" not in terminal.getvalue()
    assert "waiting for PostgreSQL" in terminal.getvalue()


def test_sentences_for_people_carry_the_hint_and_the_warnings() -> None:
    assert sentence(ended(FAILED)) == "failed     q.gpkg: Bad.\n  Mend it."
    assert sentence(ended(REPORT)).endswith("\n  warning: It is odd")
