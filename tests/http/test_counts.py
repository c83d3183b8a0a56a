"""How many features match: told exactly when that costs little, never at the price of reading millions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from support.cluster import Cluster, Database
from support.ogc import get, items, links_of, path_of
from support.publish import publish

ROWS = 60_000
SELECT = """
SELECT n AS fid, n % 60 AS kind, repeat('x', 200) AS filler, ST_Point(n % 300 - 150, (n / 300) % 150 - 75) AS geom
FROM generate_series(1, 60000) AS n
"""
SQUARES = """
SELECT n AS fid, 'square ' || n AS name,
       ST_Transform(ST_MakeEnvelope(24 + n * 0.001, 60, 24.001 + n * 0.001, 60.1, 4326), 3067) AS geom
FROM generate_series(0, 1999) AS n
"""
BIG = "/collections/big/items"


@pytest.fixture(scope="module")
def big(cluster: Cluster) -> Iterator[Database]:
    """Many points, some without a place, and squares in a national grid."""
    database = cluster.clone()
    publish(database, "big", SELECT, columns={"kind": "integer", "filler": "string"})
    publish(database, "squares", SQUARES, columns={"name": "string"}, srid=3067, geometry_type="Polygon")
    yield database
    cluster.drop(database)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that the database is asked from here on, without those about the catalogue and sizes of tables."""
    seen: list[str] = []

    def recorded(run: Callable[..., Any]) -> Callable[..., Any]:
        def recording(self: Pool, statement: Any, **options: Any) -> Any:
            text = statement.as_text()
            seen.extend([text] if "isthmus." not in text and "pg_relation_size" not in text else [])
            return run(self, statement, **options)

        return recording

    for name in ("run", "run_texts"):
        monkeypatch.setattr(Pool, name, recorded(getattr(Pool, name)))
    return seen


@pytest.fixture
def client(big: Database) -> Iterator[FlaskClient]:
    """An API that knows nothing yet."""
    pool = Pool(big.reader)
    yield create_app(big.reader, pool).test_client()
    pool.close()


def told(answer: dict[str, Any]) -> tuple[int | None, int | None]:
    """The exact and the estimated number of an answer."""
    return answer.get("numberMatched"), answer.get("numberMatchedEstimate")


def counting(asked: list[str]) -> list[str]:
    """`plan` and `count` for each statement that planned or made a count."""
    kinds = ["plan" if text.startswith("EXPLAIN SELECT") else "count" if "count(*)" in text else "" for text in asked]
    asked.clear()
    return [kind for kind in kinds if kind]


@pytest.mark.parametrize(
    ("query", "matches"),
    [("kind=7&limit=1000", 1000), ("kind=7&limit=1000&offset=900", 1000), ("kind=99", 0), ("ids=1,2,99999999", 2)],
)
def test_page_that_shows_the_rest_costs_no_count(client: FlaskClient, asked: list[str], query: str, matches: int):
    assert told(get(client, f"{BIG}?{query}")) == (matches, None)
    assert counting(asked) == ([] if "ids" in query else ["plan"])  # of the page


def test_page_behind_the_end_is_no_count(client: FlaskClient, asked: list[str]):
    assert told(get(client, f"{BIG}?kind=7&offset=5000&count=exact")) == (1000, None)
    assert counting(asked) == ["plan", "count"]


@pytest.mark.parametrize("query", ["bbox=0,0,3,3", "bbox=0,0,3,3&sortby=-kind"])
def test_few_matches_in_a_box_are_counted_by_the_page(client: FlaskClient, asked: list[str], query: str):
    truth, _ = told(get(client, f"{BIG}?{query}&resultType=hits"))
    assert counting(asked) == ["count"]
    assert told(get(client, f"{BIG}?{query}&limit=1&count=exact")) == (truth, None)
    asked.clear()
    assert told(get(client, f"{BIG}?{query}&limit=1")) == (truth, None)
    assert [text.count("count(*) OVER ()") for text in asked] == [1]


@pytest.mark.parametrize(
    ("id", "query"),
    [("squares", "filter=name LIKE '%9%'"), ("squares", "q=7&filter=name<>'x'")],
)
def test_cheap_count_is_made_after_a_look_at_the_plan(client: FlaskClient, asked: list[str], id: str, query: str):
    path = f"/collections/{id}/items?{quote(query, safe='=&,<')}"
    matched, estimate = told(get(client, f"{path}&limit=1"))
    assert counting(asked) == ["plan", "count"]
    assert (matched, estimate) == (len(get(client, f"{path}&limit=5000")["features"]), None)


def test_few_matches_that_an_index_finds_are_counted_by_the_page(client: FlaskClient, asked: list[str]):
    query = "filter=kind>=30 AND S_INTERSECTS(geometry,BBOX(0,0,2,2)) AND S_DISJOINT(geometry,POINT(1 1))"
    truth = len(items(client, "big", **dict([query.split("=", 1)])))
    asked.clear()
    assert told(get(client, f"{BIG}?{query}&limit=1")) == (truth, None)
    assert counting(asked) == ["count"]


@pytest.mark.parametrize("query", ["kind=7", "q=x", "bbox=-140,-70,140,70", "filter=kind<30"])
def test_dear_count_is_estimated_and_says_so(client: FlaskClient, asked: list[str], query: str):
    exact, estimate = told(get(client, f"{BIG}?{query}&limit=5"))
    assert exact is None
    assert isinstance(estimate, int)
    assert counting(asked) == ([] if "bbox" in query else ["plan"])  # blocks tell what is in a box
    truth, _ = told(get(client, f"{BIG}?{query}&limit=5&count=exact"))
    assert truth is not None
    assert 0.3 < estimate / truth < 3


@pytest.mark.parametrize("query", ["bbox=-180,-90,180,90", "bbox=-150,-75,149,74"])
@pytest.mark.parametrize("mode", ["auto", "exact"])
def test_box_around_everything_asks_for_nothing(client: FlaskClient, asked: list[str], query: str, mode: str):
    assert told(get(client, f"{BIG}?{query}&limit=5&count={mode}")) == (ROWS, None)
    [page] = asked
    assert "ST_Intersects" not in page
    assert told(get(client, f"{BIG}?{query}&resultType=hits")) == (ROWS, None)


def test_heights_of_a_box_are_a_condition_that_features_without_heights_meet(client: FlaskClient):
    assert told(get(client, f"{BIG}?bbox=-180,-90,7,180,90,8&limit=5&count=exact")) == (ROWS, None)


def test_box_that_misses_an_edge_is_a_condition(client: FlaskClient):
    for box in ("-149.9,-75,149,74", "-150,-74.9,149,74", "-150,-75,148.9,74", "-150,-75,149,73.9", "170,-90,-100,90"):
        exact, _ = told(get(client, f"{BIG}?bbox={box}&count=exact"))
        assert exact is not None
        assert exact < ROWS


def test_box_in_the_system_of_the_data_may_be_around_everything_too(client: FlaskClient, asked: list[str]):
    west, south, east, north = get(client, "/collections/squares")["extent"]["spatial"]["storageCrsBbox"][0]
    crs = "bbox-crs=EPSG:3067"
    around = f"bbox={west - 1},{south - 1},{east + 1},{north + 1}&{crs}"
    assert told(get(client, f"/collections/squares/items?{around}")) == (2000, None)
    assert counting(asked) == []
    inside = f"bbox={west + 5000},{south},{east},{north}&{crs}"
    exact, _ = told(get(client, f"/collections/squares/items?{inside}&count=exact"))
    assert exact is not None
    assert exact < 2000


def test_walk_counts_once(client: FlaskClient, asked: list[str]):
    page = get(client, f"{BIG}?bbox=0,0,3,3&limit=5")
    seen = [told(page)]
    while following := links_of(page, "next"):
        page = get(client, path_of(following[0]["href"]))
        seen.append(told(page))
    assert len(seen) > 2
    assert len(set(seen)) == 1
    assert counting(asked) == ["count"]


def test_what_is_known_is_not_that_of_another_filter_or_version(big: Database, client: FlaskClient):
    assert told(get(client, f"{BIG}?kind=7&limit=1&count=exact")) == (1000, None)
    assert told(get(client, f"{BIG}?kind=8&limit=1&count=exact")) == (1000, None)
    assert told(get(client, f"{BIG}?kind=61&limit=1&count=exact")) == (0, None)
    with big.connect() as connection:
        connection.execute("CREATE TABLE data.other AS SELECT * FROM data.big_1 WHERE kind < 7")
        connection.execute("DELETE FROM data.other WHERE fid < 30000")
        connection.execute("GRANT SELECT ON data.other TO isthmus_reader")
        [version] = connection.execute(
            "INSERT INTO isthmus.versions (collection_id, table_name, checksum, row_count, srid, geometry_type, bbox,"
            " columns) SELECT collection_id, 'other', 'y', 3500, srid, geometry_type, bbox, columns"
            " FROM isthmus.versions WHERE table_name = 'big_1' RETURNING version"
        ).fetchone()
        change = "UPDATE isthmus.collections SET current_version = %s WHERE id = 'big'"
        connection.execute(change, [version])
        connection.commit()
        client.get("/collections")
        assert told(get(client, f"{BIG}?kind=7&limit=1&count=exact")) == (0, None)
        connection.execute(
            "UPDATE isthmus.collections SET current_version = (SELECT version FROM isthmus.versions"
            " WHERE table_name = 'big_1') WHERE id = 'big'"
        )
        connection.execute("DELETE FROM isthmus.versions WHERE version = %s", [version])
        connection.commit()


def test_the_setting_decides_what_is_dear(big: Database, asked: list[str]):
    pool = Pool(big.reader)
    for cost, expected in ((0, ["plan"]), (100_000, ["plan", "count"])):
        client = create_app(replace(big.reader, exact_count_cost=cost), pool).test_client()
        exact, estimate = told(get(client, f"{BIG}?kind=7&limit=1"))
        assert counting(asked) == expected
        assert (exact is None, estimate is None) == (cost == 0, cost > 0)
    pool.close()


def test_hits_are_exact_unless_told_otherwise(client: FlaskClient):
    for mode, expected in (("", (1000, None)), ("&count=exact", (1000, None)), ("&count=none", (None, None))):
        assert told(get(client, f"{BIG}?kind=7&resultType=hits{mode}")) == expected
    exact, estimate = told(get(client, f"{BIG}?kind=7&resultType=hits&count=estimated"))
    assert exact is None
    assert estimate is not None


def test_an_offset_into_a_collection_without_gaps_is_a_place_of_its_key(client: FlaskClient, asked: list[str]):
    page = get(client, f"{BIG}?offset=59990&limit=4")
    assert not [text for text in asked if "OFFSET" in text]
    assert [feature["id"] for feature in page["features"]] == [59991, 59992, 59993, 59994]
    assert told(page) == (60_000, None)
    rels = {link["rel"]: link["href"] for link in page["links"]}
    assert [feature["id"] for feature in get(client, path_of(rels["next"]))["features"]][0] == 59995
    assert [feature["id"] for feature in get(client, path_of(rels["prev"]))["features"]][-1] == 59990
    assert get(client, f"{BIG}?offset=60000&limit=4")["features"] == []
    assert get(client, f"{BIG}?offset=59999&limit=4&sortby=-id")["features"][0]["id"] == 1
