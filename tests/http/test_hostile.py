"""Requests of people who mean no good, or whose program went wrong: none breaks the API, and none makes it wait.

Each is answered within seconds, with a status below 500 and without a word from the inside.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from support.cluster import Cluster, Database
from support.promises import LEAKS, is_complete
from support.publish import publish

ITEMS = "/collections/rows/items"
SEARCH = "/collections/rows/search"
MOST_S = 30
ROWS = """
SELECT n AS fid, n % 60 AS kind, repeat('a', 300) || n AS filler, n * 1.5::float8 AS ratio,
       timestamptz '2024-01-01' + n * interval '1 hour' AS seen,
       ST_Buffer(ST_Point(n % 300 - 150, (n / 300) % 150 - 75), 1, 8) AS geom
FROM generate_series(1, 5000) AS n
"""

Case = tuple[str, str, dict[str, str], bytes | None]
"""Method, address, headers, body."""


@pytest.fixture(scope="module")
def rows(cluster: Cluster) -> Iterator[Database]:
    """Five thousand polygons with long texts."""
    database = cluster.clone()
    columns = {"kind": "integer", "filler": "string", "ratio": "number", "seen": "datetime"}
    publish(database, "rows", ROWS, columns=columns, geometry_type="Polygon", temporal_column="seen")
    yield database
    cluster.drop(database)


@pytest.fixture(scope="module")
def hostile_app(rows: Database) -> Iterator[Flask]:
    """The API on them."""
    pool = Pool(rows.reader)
    yield create_app(rows.reader, pool)
    pool.close()


@pytest.fixture
def victim(hostile_app: Flask) -> FlaskClient:
    """A client of it."""
    return hostile_app.test_client()


def hold(client: FlaskClient, case: Case) -> int:
    """Assert what holds for every answer; the status."""
    method, url, headers, body = case
    start = time.perf_counter()
    response = client.open(f"http://localhost{url}", method=method, headers=headers, data=body)
    content = response.data
    assert time.perf_counter() - start < MOST_S
    assert response.status_code < 500, content[:500]
    assert len(response.headers["X-Request-Id"]) == 12
    if response.status_code >= 400 and "Content-Encoding" not in response.headers and method != "HEAD":
        is_complete(response)
        assert not LEAKS.search(content), content[:500]
        assert len(content) < 3000
    return response.status_code


def get(url: str, **headers: str) -> Case:
    """A GET."""
    return "GET", url, {name.replace("_", "-"): value for name, value in headers.items()}, None


def with_query(**query: str) -> Case:
    """A GET of items; an underscore in a name stands for a hyphen."""
    return get(f"{ITEMS}?{urlencode({name.replace('_', '-'): value for name, value in query.items()})}")


def polygon(corners: int) -> str:
    """A polygon that crosses itself thousands of times."""
    ring = ",".join(f"{number * 37 % 180} {number * 7 % 90}" for number in range(corners))
    return f"POLYGON(({ring},0 0))"


def nested(op: str, depth: int, inner: str = "kind = 1") -> str:
    """`op(op(op(...)))`."""
    return f"{op}(" * depth + inner + ")" * depth


TEXT_BOMBS = {
    "like of many %": f"filler LIKE '{'%a' * 100}%b'",
    "like of many % and _": f"filler LIKE '{'%a_' * 100}%b'",
    "like of nothing but %": f"filler LIKE '{'%' * 5000}x'",
    "folded like": f"CASEI(ACCENTI(filler)) LIKE CASEI(ACCENTI('{'%a' * 60}%b'))",
    "folded like of thousands of %": f"CASEI(filler) LIKE CASEI('{'%a' * 4000}')",
    "thousands of texts in a row": "concat(" + ",".join(["'a'"] * 9000) + ") = filler",
    "list of hundreds": f"A_CONTAINS(({','.join(map(str, range(1500)))}), (kind))",
    "two lists of thousands": f"A_CONTAINS(({','.join(['1'] * 4000)}), ({','.join(['1'] * 4000)})) OR kind = 1",
    "case left out 50 times": f"{nested('CASEI', 50, 'filler')} = 'x'",
    "case and accents in turn": f"{nested('CASEI(ACCENTI', 25, 'filler')}{')' * 25} = 'x'",
    "tower of powers": "kind = 9^9^9^9^9^9",
    "power of a column": "kind < ratio^ratio^ratio^ratio",
    "power of a hair": "kind = 1.0000000001^999999999",
    "product without end": f"kind = {' * '.join(['ratio^50'] * 50)}",
    "product of literals": f"kind = {' * '.join(['9' * 300] * 50)}",
    "quotient without end": f"kind = {' / '.join(['ratio'] * 50)}",
    "division by zero": "kind / 0 = 1 OR kind % 0 = 1 OR kind DIV 0 = 1",
    "thousands in a list": f"kind IN ({','.join(map(str, range(9000)))})",
    "too many in a list": f"kind IN ({','.join(map(str, range(11000)))})",
    "thousands of texts in a list": f"filler IN ({','.join(repr(str(number)) for number in range(6000))})",
    "thousands of ors": " OR ".join(f"kind={number}" for number in range(2400)),
    "hundreds of likes": " OR ".join(f"filler LIKE '%b{number}%'" for number in range(300)),
    "thousands of nots": "NOT " * 5000 + "kind = 1",
    "just as many parentheses as are read": nested("", 59),
    "thousands of parentheses": nested("", 20_000),
    "parentheses that never close": "(" * 60_000,
    "huge polygon": f"S_INTERSECTS(geometry, {polygon(5000)})",
    "huge polygon, within": f"S_WITHIN(geometry, {polygon(5000)})",
    "huge polygon, crosses": f"S_CROSSES(geometry, {polygon(800)})",
    "huge polygon, equals": f"S_EQUALS(geometry, {polygon(3000)})",
    "polygon beyond the limit": f"S_INTERSECTS(geometry, {polygon(50_000)})",
    "collections in collections": f"S_INTERSECTS(geometry, {nested('GEOMETRYCOLLECTION', 30, 'POINT(1 1)')})",
    "thousands of collections": f"S_INTERSECTS(geometry, {nested('GEOMETRYCOLLECTION', 2000, 'POINT(1 1)')})",
    "empty geometry": "S_INTERSECTS(geometry, POLYGON EMPTY)",
    "ring that is no ring": "S_WITHIN(geometry, POLYGON((0 0,1 1)))",
    "line of one point": "S_CROSSES(geometry, LINESTRING(0 0))",
    "place that is no number": "S_INTERSECTS(geometry, POINT(NaN 1))",
    "place at infinity": "S_INTERSECTS(geometry, POINT(1e308 -1e308))",
    "polygon at infinity": "S_TOUCHES(geometry, POLYGON((1e308 1,2 2,3 1e308,1e308 1)))",
    "box upside down": "S_INTERSECTS(geometry, BBOX(180,90,-180,-90))",
    "not a number": "ratio = NaN",
    "infinity": "ratio = Infinity",
    "quotes without end": "'" * 60_001,
    "names without end": '"' * 60_001,
    "backslashes": "'" + "\\" * 60_000,
    "spaces": " " * 60_000 + "kind = 1",
    "digits": "kind = " + "1" * 60_000,
    "name": "a" * 60_000 + " = 1",
    "function": "a" * 60_000 + "(1) = 1",
    "dots": "." * 60_000,
    "minus": "kind = " + "-" * 60_000 + "1",
    "exponents": "1" + "e1" * 30_000,
    "letters of far away": "é" * 20_000 + " = 1",
    "comment": "kind = 1 -- " + "x" * 1000,
    "second statement": "kind = 1; DROP TABLE data.rows_1",
    "end of the string": "filler = 'x' OR '1'='1'; SELECT pg_sleep(10) --'",
    "functions of PostgreSQL": "pg_sleep(10) IS NULL",
    "file": "pg_read_file('/etc/passwd') = 'x'",
    "cast": "kind::text = '1'",
    "day that is none": "seen > DATE('2024-02-30')",
    "time before time": "seen > TIMESTAMP('-4713-01-01T00:00:00Z')",
    "interval the wrong way": "T_INTERSECTS(seen, INTERVAL('2025-01-01','2024-01-01'))",
    "U+0000": "filler = '\0'",
    "half of a pair": "filler = '\\ud800'",
    "beyond the length": "kind = 1 OR " * 10_000 + "kind = 1",
}
PROPERTY: dict[str, Any] = {"property": "kind"}


def equal(value: str) -> str:
    """CQL2 JSON that compares with a value as it is written."""
    return f'{{"op": "=", "args": [{{"property": "ratio"}}, {value}]}}'


JSON_BOMBS = {
    "lists in lists": "[" * 60_000,
    "objects in objects": '{"a":' * 10_000,
    "nots in nots": '{"op":"not","args":[' * 3000 + "true" + "]}" * 3000,
    "text without end": '"' + '\\"' * 30_000,
    "text of backslashes": '"' + "\\" * 60_000,
    "list of thousands": json.dumps({"op": "in", "args": [PROPERTY, list(range(9000))]}),
    "list of too many": json.dumps({"op": "in", "args": [PROPERTY, list(range(11_000))]}),
    "and of thousands": json.dumps({"op": "and", "args": [True] * 9000}),
    "and of nothing": '{"op": "and", "args": []}',
    "no op": '{"args": []}',
    "no args": '{"op": "="}',
    "op that is no text": '{"op": {}, "args": []}',
    "args that are no list": '{"op": "=", "args": {"a": 1}}',
    "null": '{"op": "=", "args": [{"property": "kind"}, null]}',
    "not a number": equal("NaN"),
    "infinity": equal("-Infinity"),
    "beyond doubles": equal("1e400"),
    "below doubles": equal("1e-400"),
    "exponent without end": equal("1e99999999999"),
    "digits": equal("9" * 500),
    "thousands of digits": equal("9" * 50_000),
    "half of a pair": '{"op": "=", "args": [{"property": "filler"}, "\\ud800"]}',
    "U+0000": '{"op": "=", "args": [{"property": "filler"}, "\\u0000"]}',
    "property of no name": '{"op": "isNull", "args": [{"property": ""}]}',
    "property that is a list": '{"op": "isNull", "args": [{"property": ["kind"]}]}',
    "polygon that is no polygon": '{"op":"s_within","args":[{"property":"geometry"},'
    '{"type":"Polygon","coordinates":[1]}]}',
    "coordinates in coordinates": '{"op":"s_within","args":[{"property":"geometry"},{"type":"Polygon","coordinates":'
    + "[" * 100
    + "1"
    + "]" * 100
    + "}]}",
    "place of texts": '{"op":"s_within","args":[{"property":"geometry"},{"type":"Point","coordinates":["1","2"]}]}',
    "box of one": '{"op":"s_within","args":[{"property":"geometry"},{"bbox":[1]}]}',
    "member twice": '{"op": "=", "op": "<", "args": [{"property": "kind"}, 1]}',
    "no JSON": "{'op': '='}",
    "something behind": '{"op": "isNull", "args": [{"property": "kind"}]} x',
    "byte order mark": '\ufeff{"op": "isNull", "args": [{"property": "kind"}]}',
}
NUMBERS = [
    *(
        "",
        " ",
        "-1",
        "+1",
        "1.5",
        "1e5",
        "1e400",
        "-1e400",
        "1e-400",
        "NaN",
        "inf",
        "-Infinity",
        "0x10",
        "1_000",
        "1,5",
    ),
    *(
        "١٢٣",
        "１２",
        "²",
        "1 ",
        "--1",
        "9" * 19,
        "9" * 400,
        "9" * 50_000,
        "0" * 5000 + "1",
        "null",
        "true",
        "[]",
        "{}",
        "\x00",
    ),
]
TEXTS = [
    *("\x00", "\x01", "\x7f", "\r\nX-Evil: 1", "%0d%0aX-Evil: 1", "\u202e", "\ufeff", "\uffff", "\U0010ffff", "İ", "ß"),
    *("' OR '1'='1", "'; DROP TABLE x; --", '"', "\\", "%", "_", "%s", "%(limit)s", "{}", "{0.__class__}", "${jndi:x}"),
    *("<script>alert(1)</script>", "../../etc/passwd", "file:///etc/passwd", "http://169.254.169.254/", "a" * 50_000),
    *("(" * 500, "*" * 500, ".*" * 500, "\\%" * 500),
]
TIMES = [
    *("now", "infinity", "-infinity", "epoch", "P1Y", "2024-01-01/P1Y", "2024-02-30", "0000-00-00", "-0044-03-15"),
    *("+12024-01-01", "2024-W01-1", "2024-001", "20240101", "2024-01-01T25:00:00Z", "2024-01-01T00:00:60Z", "///", "/"),
    *("2024-01-01T00:00:00+99:99", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2025-01-01/2024-01-01"),
    *("2024-01-01T00:00:00.123456789123Z", "٢٠٢٤-٠١-٠١", "2024-01-01/2024-01-02/2024-01-03", "..", "../..", "2024"),
]
BOXES = [
    *("", ",", ",,,", "1", "1,2,3", "1,2,3,4,5", "a,b,c,d", "NaN,0,1,1", "0,0,inf,1", "-1e308,-90,1e308,90", "5,5,1,1"),
    *("0,0,0,0", "0,0,0,1e308", "181,0,182,1", "0,-91,1,91", "1,2,3,4;5", "1 2 3 4", ",".join(["1"] * 10_000)),
    *("0,0,-1e999,1", "0x1,0,1,1", "1_0,0,20,1", "\x00,0,1,1"),
]
CURSORS = [
    "x",
    "AAAA",
    "e30",
    "W10",
    "bnVsbA",
    "W" * 50_000,
    "====",
    "_-_-",
    "WyJyb3dzIiwxLCJhIiwibmV4dCIsWzFdLDBd",
    "LTE=",
]
BYTES = [
    "%ff",
    "%fe%ff",
    "%c3%28",
    "%ed%a0%80",
    "%f5%80%80%80",
    "%c0%80",
    "%",
    "%z",
    "%zz",
    "%u1234",
    "%00",
    "%2500",
    "%0a",
]
PATHS = [
    *("/..", "/.", "//", "///", "/%2e%2e/", "/../../etc/passwd", "/collections/../collections", "/collections//items"),
    *("/collections/rows//items", "/collections/rows/items/1/2", "/static/../app.py", "/static/%2e%2e/app.py"),
    *("/static/..%2fapp.py", "/static//etc/passwd", "/static/%00", "/static/", "/problems/../x", "/*", "/index.php"),
    *("/collections/rows/items/" + "9" * 5000, "/collections/rows/items/-1", "/collections/rows/items/1.0"),
    *(
        "/collections/rows/items/1;x=1",
        "/collections/rows/items/%20",
        "/collections/rows/items/1%00",
        "/.env",
        "/.git/config",
    ),
    *(
        f"/collections/rows/tiles/WebMercatorQuad/{place}"
        for place in ("9" * 5000 + "/0/0", "0/0/0.pbf", "-0/0/0", "0/0/%ff")
    ),
    *(
        "/collections/rows/tiles/WebMercatorQuad/0/0/1e3",
        "/collections/rows/tiles/x/0/0/0",
        "/collections/rows/tiles/%00/0/0/0",
    ),
    *("/" + "a/" * 10_000, "/collections/" + "a" * 50_000, "/api/../api", "/health", "/metrics", "/admin", "/ROWS"),
]
HEADERS = [
    *(
        {"Accept": value}
        for value in ("*", "/", ";", ",", "a/b;q=x", "a/b;q=2", "text/html;q=-1", "x" * 5000, "a/b," * 3000)
    ),
    *({"Accept": value} for value in ("application/json;q=0", "*/*;q=0", "\x7f", "é", "application/json; profile=")),
    *({"Accept-Encoding": value} for value in ("x", "*;q=0", "gzip;q=nan", "gzip," * 3000, "identity;q=0,*;q=0", ";")),
    *({"If-None-Match": value} for value in ("*", '"', "W/", 'W/"x', "," * 5000, '"' + "x" * 5000 + '"')),
    *({"If-Modified-Since": value} for value in ("yesterday", "Thu, 99 Jan 1970 00:00:00 GMT", "0", "9" * 500)),
    *(
        {"Range": value}
        for value in ("bytes=0-0", "bytes=-0", "bytes=9-1", "bytes=a-b", "lines=1-2", "bytes=" + "0-1," * 2000)
    ),
    *(
        {"Host": value}
        for value in ("evil.example", "a b", "[::1", "localhost:99999", "x" * 300, "localhost\\@evil", "é")
    ),
    *(
        {"X-Forwarded-Host": "evil"},
        {"X-Forwarded-Proto": "javascript"},
        {"X-Forwarded-For": "1" * 5000},
        {"Forwarded": "for="},
    ),
    *(
        {"Cookie": "=" * 3000},
        {"Authorization": "Basic %%%"},
        {"Content-Type": "x"},
        {"Content-Length": "5"},
        {"Origin": "null"},
    ),
    *({"X-HTTP-Method-Override": "DELETE"}, {"Expect": "200-ok"}, {"Transfer-Encoding": "gzip"}, {"Upgrade": "h2c"}),
]
BODIES: list[tuple[str, bytes]] = [
    *(
        ("application/json", body)
        for body in (b"", b"null", b"1", b'"x"', b"[]", b"[1,2]", b"{", b"\xff\xfe", b"\x00", b"{}x")
    ),
    *(
        ("application/json", body)
        for body in (b"[" * 100_000, b'{"a":' * 50_000, b'"' + b'\\"' * 400_000, b" " * 999_000)
    ),
    *(
        ("application/json", b'{"limit": %s}' % value)
        for value in (b"9" * 5000, b"1e999", b"-1", b"[[1]]", b"{}", b"true", b"NaN")
    ),
    *(
        ("application/json", body)
        for body in (b'{"limit": 1, "limit": 2}', b'{"\\u0000": 1}', b'{"": 1}', b'{"q": "\\ud800"}')
    ),
    *(("application/json", json.dumps({f"a{number}": 1 for number in range(20_000)}).encode()) for _ in (1,)),
    *(("application/json", json.dumps({"ids": list(range(number))}).encode()) for number in (1000, 1001, 100_000)),
    *(("application/json", json.dumps({"filter": text}).encode()) for text in ("x" * 200_000, "", "kind", 1, [], True)),
    *(
        ("application/x-www-form-urlencoded", body)
        for body in (b"", b"&" * 5000, b"=" * 5000, b"limit=1&limit=2", b"\xff=\xff")
    ),
    *(
        ("application/x-www-form-urlencoded", body)
        for body in (b"a=1&" * 20_000, b"filter=" + b"(" * 60_000, b"limit=%zz")
    ),
    *(
        (kind, b"x")
        for kind in (
            "text/plain",
            "multipart/form-data",
            "multipart/form-data; boundary=x",
            "x",
            "",
            "a/b;c=" + "d" * 500,
        )
    ),
    ("application/json; charset=utf-16", '{"limit": 1}'.encode("utf-16")),
    ("application/json; charset=nonsense", b'{"limit": 1}'),
    ("application/json", b'{"limit": 1}' + b" " * 2_000_000),
]


def named(cases: dict[str, Case]) -> Any:
    """A test for each case."""
    return pytest.mark.parametrize(
        "case", cases.values(), ids=[name.encode("unicode_escape").decode()[:60] for name in cases]
    )


def every_parameter(name: str, values: list[str]) -> dict[str, Case]:
    """A request for each value of a parameter."""
    return {f"{name}={value[:20]}.{number}": with_query(**{name: value}) for number, value in enumerate(values)}


@named({name: with_query(filter=text) for name, text in TEXT_BOMBS.items()})
def test_filter_that_is_a_bomb_does_not_go_off(victim: FlaskClient, case: Case):
    assert hold(victim, case) in (200, 400)


@named({name: with_query(filter=text, filter_lang="cql2-json") for name, text in JSON_BOMBS.items()})
def test_json_filter_that_is_a_bomb_does_not_go_off(victim: FlaskClient, case: Case):
    assert hold(victim, case) in (200, 400)


@pytest.mark.parametrize("url", [ITEMS, SEARCH])
@pytest.mark.parametrize("text", JSON_BOMBS.values(), ids=JSON_BOMBS)
def test_body_that_is_a_bomb_does_not_go_off(victim: FlaskClient, url: str, text: str):
    json_type = {"Content-Type": "application/json"}
    assert hold(victim, ("POST", url, json_type, text.encode("utf-8", "surrogatepass"))) in (200, 400)
    whole = f'{{"filter": {text}}}'.encode("utf-8", "surrogatepass")
    assert hold(victim, ("POST", url, json_type, whole)) in (200, 400)


@pytest.mark.parametrize("url", [ITEMS, SEARCH])
@pytest.mark.parametrize("kind_and_body", BODIES, ids=[str(number) for number in range(len(BODIES))])
def test_body_of_any_kind_has_an_answer(victim: FlaskClient, url: str, kind_and_body: tuple[str, bytes]):
    kind, body = kind_and_body
    assert hold(victim, ("POST", url, {"Content-Type": kind}, body)) in (200, 400, 413, 415)


@named(
    {
        key: case
        for name in ("limit", "offset", "precision", "zoom-level", "kind", "ratio", "ids", "id")
        for key, case in every_parameter(name, NUMBERS).items()
    }
)
def test_number_that_is_none_is_a_400(victim: FlaskClient, case: Case):
    assert hold(victim, case) in (200, 400)


@named(
    {
        key: case
        for name in (
            "q",
            "filler",
            "filter",
            "crs",
            "bbox-crs",
            "f",
            "sortby",
            "properties",
            "profile",
            "count",
            "resultType",
            "ids",
        )
        for key, case in every_parameter(name, TEXTS).items()
    }
)
def test_text_of_any_kind_has_an_answer(victim: FlaskClient, case: Case):
    assert hold(victim, case) in (200, 400)


@named(
    every_parameter("datetime", TIMES)
    | every_parameter("seen", TIMES)
    | every_parameter("bbox", BOXES)
    | every_parameter("cursor", CURSORS)
)
def test_time_box_and_cursor_of_any_kind_have_an_answer(victim: FlaskClient, case: Case):
    assert hold(victim, case) in (200, 400)


@named(
    {
        f"{name}{form}": get(f"{ITEMS}?{form.format(name=name)}")
        for name in ("limit", "bbox", "filter", "f", "crs", "q", "kind", "sortby", "cursor", "datetime", "nonsense")
        for form in (
            "{name}=1&{name}=2",
            "{name}=",
            "{name}",
            "{name}[]=1",
            "{name}[a]=1",
            "{name}=1;limit=2",
            "={name}",
            "{name}==1",
        )
    }
)
def test_parameter_that_is_badly_written_has_an_answer(victim: FlaskClient, case: Case):
    assert hold(victim, case) in (200, 400)


@named(
    {
        f"{place} {value}": get(place.format(value))
        for value in BYTES
        for place in (
            f"{ITEMS}?q={{}}",
            f"{ITEMS}?{{}}=1",
            "/collections/{}/items",
            f"{ITEMS}/{{}}",
            "/{}",
            "/problems/{}",
            "/collections?f={}",
        )
    }
)
def test_bytes_that_are_no_text_have_an_answer(victim: FlaskClient, case: Case):
    assert hold(victim, case) in (200, 308, 400, 404)


@named({path[:50]: get(path) for path in PATHS})
def test_path_of_any_kind_has_an_answer(victim: FlaskClient, case: Case):
    assert hold(victim, case) in (200, 204, 301, 308, 400, 404)


@named(
    {
        "thousands of parameters": get(f"{ITEMS}?" + "&".join(f"a{number}=1" for number in range(5000))),
        "one a thousand times": get(f"{ITEMS}?" + "&".join(["limit=1"] * 5000)),
        "nothing but &": get(f"{ITEMS}?" + "&" * 50_000),
        "thousands of ids": with_query(ids=",".join(map(str, range(2000)))),
        "a property ten thousand times": with_query(properties=",".join(["kind"] * 10_000)),
        "a sort key ten thousand times": with_query(sortby=",".join(["kind"] * 10_000)),
        "the last offset": with_query(offset="9999999"),
        "the slowest order": with_query(sortby="-filler,kind,-ratio", offset="4999"),
        "everything at once": with_query(limit="10000", precision="15", zoom_level="24", sortby="-filler"),
    }
)
def test_more_than_anybody_needs_has_an_answer(victim: FlaskClient, case: Case):
    assert hold(victim, case) in (200, 400)


@pytest.mark.parametrize(
    "url", [ITEMS, f"{ITEMS}/1", "/collections", "/collections/rows/tiles/WebMercatorQuad/0/0/0", f"{ITEMS}?f=csv"]
)
@pytest.mark.parametrize(
    "headers", HEADERS, ids=[f"{name}.{number}" for number, given in enumerate(HEADERS) for name in given]
)
def test_header_of_any_kind_has_an_answer(victim: FlaskClient, url: str, headers: dict[str, str]):
    assert hold(victim, ("GET", url, headers, None)) in (200, 206, 204, 304, 400, 406, 416)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "BREW", "get", "X" * 500])
def test_method_that_nobody_has_is_a_405(victim: FlaskClient, method: str):
    assert hold(victim, (method, ITEMS, {}, None)) in (405, 200)


def test_no_answer_puts_a_line_of_the_client_into_the_headers(victim: FlaskClient):
    for place in (f"{ITEMS}?q={{}}", f"{ITEMS}?f={{}}", "/collections/{}", "/problems/{}", f"{ITEMS}?cursor={{}}"):
        response = victim.get(place.format(quote("x\r\nX-Evil: 1")))
        assert "X-Evil" not in response.headers


TILES = ("/collections/rows/tiles/WebMercatorQuad/0/0/0", "/tiles/WebMercatorQuad/0/0/0")
TILE_VALUES = {
    "bbox": BOXES,
    "datetime": TIMES,
    "ids": [*NUMBERS, *TEXTS],
    "ratio": NUMBERS,
    "q": TEXTS,
    "properties": TEXTS,
    "all": NUMBERS,
    "filter-crs": TEXTS,
    "collections": TEXTS,
    "filler": TEXTS,
}


@pytest.mark.parametrize("url", [TILES[0], pytest.param(TILES[1], marks=pytest.mark.long)])
@pytest.mark.parametrize("lang", ["cql2-text", "cql2-json"])
def test_filter_of_a_tile_that_is_a_bomb_does_not_go_off(victim: FlaskClient, url: str, lang: str):
    for text in (TEXT_BOMBS if lang == "cql2-text" else JSON_BOMBS).values():
        assert hold(victim, get(f"{url}?{urlencode({'filter': text, 'filter-lang': lang})}")) in (200, 204, 400)


@pytest.mark.parametrize("url", [*TILES, "/collections/rows/tiles/WebMercatorQuad/style.json"])
@pytest.mark.parametrize("name", TILE_VALUES)
def test_parameter_of_a_tile_that_is_nonsense_has_an_answer(victim: FlaskClient, url: str, name: str):
    for text in TILE_VALUES[name]:
        assert hold(victim, get(f"{url}?{urlencode({name: text})}")) in (200, 204, 400)
