"""Values of every type of PostgreSQL: as they are shown, asked for, filtered, sorted and searched."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from support.http import get
from support.ogc import definition

TYPES = "/collections/types/items"

SHOWN = {
    "i2": -5,
    "i8": 9007199254740993,
    "num2": 1.5,
    "f4": 0.1,
    "f8": 0.1,
    "yes": True,
    "t": "t",
    "vc": "vc",
    "ch": "ch",
    "n": "n",
    "ci": "Ci",
    "d": "2024-05-01",
    "ts": "2024-05-01T12:00:00.5+00:00",
    "tstz": "2024-05-01T09:00:00.5+00:00",
    "tm": "12:34:56",
    "tmtz": "12:34:56+03",
    "iv": "P1DT2H",
    "j": {"a": [1]},
    "jb": {"b": None},
    "hs": {"k": "v"},
    "ints": [1, 2],
    "texts": ["x", None],
    "mood": "happy",
    "pair": {"a": 1, "b": "b"},
    "positive": 5,
    "small": 7,
    "bytes": "\\xdeadbeef",
    "u": "00000000-0000-0000-0000-00000000000a",
    "ip": "10.0.0.1",
    "net": "10.0.0.0/8",
    "mac": "08:00:2b:01:02:03",
    "price": 12.5,
    "bits": "101",
    "x": "<a/>",
    "r": "[1,5)",
    "dr": "[2024-01-01,2024-02-01)",
    "mr": "{[1,2)}",
    "o": "42",
    "pt": "(1,2)",
    "path": '$."a"',
    "lsn": "16/B374D848",
}

ASKED = {
    "num": "12345678901234567890.123456789",
    "ts": "2024-05-01T12:00:00.5Z",
    "tstz": "2024-05-01T12:00:00.5+03:00",
    "ch": "ch",
    "ci": "cI",
    "yes": "true",
    "u": "00000000-0000-0000-0000-00000000000A",
}

FILTERS = [
    "mood = 'happy'",
    "u = '00000000-0000-0000-0000-00000000000a'",
    "num > 5 AND num < 1e30",
    "ts = TIMESTAMP('2024-05-01T12:00:00.5Z')",
    "T_AFTER(ts, DATE('2024-01-01'))",
    "iv = 'P1DT2H'",
    "CASEI(ci) = casei('CI')",
    "ACCENTI(t) = accenti('t')",
    "A_CONTAINS(ints, (1,2))",
    "A_OVERLAPS(texts, ('x'))",
    "j IS NOT NULL",
    "tsr LIKE '%2024%'",
    "ip LIKE '10.%'",
    "ip = '10.0.0.1'",
    "net = '10.0.0.0/8'",
    "small + 1 = 8",
    "price * 2 = 25",
    "d = DATE('2024-05-01')",
    "mood IN ('happy', 'ok') AND i8 = 9007199254740993",
]


def ids(client: FlaskClient, url: str = TYPES, **parameters: str) -> list[int]:
    """The ids of the features that are found."""
    return [feature["id"] for feature in get(client, f"{url}?{urlencode(parameters)}")["features"]]


def test_every_value_is_shown_as_json_has_it(odd_client: FlaskClient):
    found = get(odd_client, f"{TYPES}?ids=1")["features"][0]["properties"]
    assert {name: found.get(name) for name in SHOWN} == SHOWN
    assert set(found) - set(SHOWN) == {"id", "num", "tsr", "tstzr"}, "no geometry, no tsvector, nothing else"
    assert "12345678901234567890.123456789" in odd_client.get(f"{TYPES}?ids=1").text
    nothing = get(odd_client, f"{TYPES}?ids=3")["features"][0]["properties"]
    assert {value for name, value in nothing.items() if name != "id"} == {None}


def test_numbers_that_json_does_not_have_are_null_and_such_times_texts(odd_client: FlaskClient):
    """A schema says `number`, and a client that meets a text takes all values of the property for something else."""
    found = get(odd_client, f"{TYPES}?ids=2")["features"][0]["properties"]
    values = (found["num"], found["f8"], found["d"], found["tstz"])
    assert values == (None, None, "infinity", "-infinity")
    assert get(odd_client, f"{TYPES}?ids=2&f=geojson")["features"][0]["properties"] == found


@pytest.mark.parametrize("name", sorted({*SHOWN, *ASKED} - {"j", "jb", "hs", "ints", "texts", "pair", "bytes"}))
def test_every_simple_value_can_be_asked_for(odd_client: FlaskClient, name: str):
    value: Any = ASKED.get(name, SHOWN.get(name))
    assert ids(odd_client, **{name: str(value)}) == [1]
    assert odd_client.get(f"{TYPES}?{name}=no%20such%20value").status_code in (200, 400)


@pytest.mark.parametrize("filter", FILTERS)
def test_filters_find_values_of_other_types(odd_client: FlaskClient, filter: str):
    assert ids(odd_client, filter=filter) == [1]


@pytest.mark.parametrize("text", ["happy", "10.0.0", "P1DT", "0000a", "08:00"])
def test_search_looks_into_everything_that_is_shown_as_text(odd_client: FlaskClient, text: str):
    assert ids(odd_client, q=text) == [1]


def test_enumeration_is_sorted_in_its_own_order(odd_client: FlaskClient):
    assert ids(odd_client, sortby="mood") == [2, 1, 3]
    assert ids(odd_client, sortby="-mood") == [1, 2, 3]


@pytest.mark.parametrize("name", ["ranges", "ranges_local", "ranges_days"])
def test_datetime_asks_ranges(odd_client: FlaskClient, name: str):
    url = f"/collections/{name}/items"
    assert ids(odd_client, url, datetime="2024-01-15T12:00:00Z") == [1, 3]
    assert ids(odd_client, url, datetime="2024-02-01") == [2, 3]
    assert ids(odd_client, url, datetime="2024-01-31/..") == [1, 2, 3]
    assert ids(odd_client, url, datetime="../2023-12-31") == [3]
    schema = get(odd_client, f"/collections/{name}/schema")["properties"]
    assert "x-ogc-role" not in schema["during"]


def test_extent_of_ranges_goes_from_the_first_to_the_last(odd_client: FlaskClient):
    found = get(odd_client, "/collections/ranges")["extent"]["temporal"]["interval"]
    assert found == [["2024-01-01T00:00:00Z", "2024-03-01T00:00:00Z"]]
    [[start, end]] = get(odd_client, "/collections/ranges_days")["extent"]["temporal"]["interval"]
    assert (start, end) == ("2024-01-01T00:00:00Z", None)


def test_values_of_an_enumeration_are_told_and_a_wrong_one_is_corrected(odd_client: FlaskClient):
    for document in ("schema", "queryables", "sortables"):
        properties = get(odd_client, f"/collections/types/{document}")["properties"]
        assert properties["mood"]["enum"] == ["sad", "ok", "happy"]
        assert properties["u"]["format"] == "uuid"
    response = odd_client.get(f"{TYPES}?mood=hapy")
    assert (response.status_code, json.loads(response.data)["hint"]) == (400, "perhaps you meant 'happy'")


def test_examples_of_the_definition_can_be_sent_as_they_are(odd_client: FlaskClient):
    paths = definition(odd_client)["paths"]
    for path in ("/collections/types/items", "/collections/uuid_key/items", "/collections/composite_key/items"):
        for parameter in paths[path]["get"]["parameters"]:
            if "example" in parameter and parameter["name"] != "cursor":
                example = parameter["example"]
                value = ",".join(map(str, example)) if isinstance(example, list) else example
                value = str(value).lower() if isinstance(value, bool) else value
                response = odd_client.get(f"{path}?{urlencode({parameter['name']: value})}")
                assert response.status_code == 200, (path, parameter["name"], value, response.text)


def test_time_of_a_range_is_an_interval_in_json_fg(odd_client: FlaskClient):
    def times(name: str) -> list[Any]:
        return [feature["time"] for feature in get(odd_client, f"/collections/{name}/items?f=jsonfg")["features"]]

    first, second = ["2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"], ["2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"]
    for name in ("ranges", "ranges_local"):
        assert times(name) == [{"interval": first}, {"interval": second}, None, None]
    days = [{"interval": ["2024-01-01", "2024-01-31"]}, {"interval": ["2024-02-01", ".."]}]
    assert times("ranges_days") == [*days, None, None]


def test_text_is_found_as_it_is_shown(odd_client: FlaskClient):
    queryables = get(odd_client, "/collections/types/queryables")["properties"]
    texts = [name for name, schema in queryables.items() if schema.get("type") == "string" and "format" not in schema]
    for name in set(texts) & SHOWN.keys():
        assert ids(odd_client, filter=f"{name} = '{SHOWN[name]}'") == [1], name


def test_schema_of_a_time_of_day_is_one_that_its_values_follow(odd_client: FlaskClient):
    schema = get(odd_client, "/collections/types/schema")["properties"]["tm"]
    assert "format" not in schema, "a time of RFC 3339 has an offset"
    assert re.search(schema["pattern"], SHOWN["tm"])


def test_numerics_of_whole_numbers_are_integers(odd_client: FlaskClient):
    url = "/collections/whole_numbers/items"
    schema = get(odd_client, "/collections/whole_numbers/schema")["properties"]
    assert {name: schema[name]["type"] for name in ("n18", "hundreds", "n20")} == {
        "n18": "integer",
        "hundreds": "integer",
        "n20": "number",
    }
    assert ids(odd_client, url, n18="123456789012345678") == ids(odd_client, url, hundreds="123400") == [1]
    assert ids(odd_client, url, filter="n18 IN (1, 123456789012345678)") == [1]
    assert ids(odd_client, url, filter="n18 < 0.5 AND hundreds + 1 = -9999899") == [3]
    assert ids(odd_client, url, sortby="n18") == [3, 1, 2]


def test_names_with_commas_and_signs_are_names_in_lists(odd_client: FlaskClient):
    url = "/collections/names_with_signs/items"
    for sortby in ("a,b", "a,a,b", ",c,", "down,,c,,id", "--down", "down,+up", "+up", "- far", "down, far"):
        falling = sortby not in ("--down", "- far")
        found = ids(odd_client, url, sortby=sortby)
        assert found == ([3, 2, 1] if falling else [1, 2, 3]), sortby
    for names in (["a,b"], [",c,", "a"], ["-down", "+up", " far", "a,b"], ["a", "a,b"]):
        [feature] = get(odd_client, f"{url}?{urlencode({'limit': 1, 'properties': ','.join(names)})}")["features"]
        assert set(feature["properties"]) == set(names)
        [feature] = get(odd_client, f"{url}?{urlencode({'limit': 1, 'exclude-properties': ','.join(names)})}")[
            "features"
        ]
        assert len(feature["properties"]) == 8 - len(names)
    for wrong in ("b", "a,b,b", "a,b,", "-up", "c"):
        assert odd_client.get(f"{url}?{urlencode({'sortby': wrong})}").status_code == 400, wrong


def test_patterns_where_the_database_knows_none_are_refused_and_nothing_else_is(odd_client: FlaskClient):
    url = "/collections/nondeterministic/items"
    for given in ({"filter": "name LIKE 'Name 1%'"}, {"filter": "ACCENTI(name) = ACCENTI('name 1')"}):
        for _ in range(3):
            response = odd_client.get(f"{url}?{urlencode(given)}")
            assert (response.status_code, response.get_json()["code"]) == (400, "filter-invalid"), given
            assert odd_client.get("/collections").status_code == 200
    assert ids(odd_client, url, name="NAME 1") == ["Name 1"]
    assert ids(odd_client, url, q="AME 2") == ["Name 2", "Name 20"]
    assert len(ids(odd_client, url, filter="CASEI(name) LIKE CASEI('name 1%')", limit="100")) == 11


def test_text_that_is_no_path_of_labels_is_the_fault_of_the_request(odd_client: FlaskClient):
    url = "/collections/ltree/items"
    assert ids(odd_client, url, path="land.town") == [2]
    assert ids(odd_client, url, filter="path = '[1,2)'") == []
    for path in ("[1,2)", "a" * 2000, ".".join(["a"] * 70_000)):
        response = odd_client.post(f"{url}", json={"path": path})
        assert (response.status_code, response.get_json()["code"]) == (400, "value-invalid"), path[:9]


def test_money_may_be_a_key(odd_client: FlaskClient):
    url = "/collections/texts/items"
    assert ids(odd_client, url) == ids(odd_client, url, sortby="id") == ["-2.00", "1.50"]
    assert get(odd_client, f"{url}/1.50")["properties"]["id"] == 1.5
    first = get(odd_client, f"{url}?limit=1")
    [following] = [link["href"] for link in first["links"] if link["rel"] == "next"]
    assert [feature["id"] for feature in get(odd_client, following)["features"]] == ["1.50"]
    assert ids(odd_client, url, ids="1.50") == ["1.50"]


def test_null_of_json_is_found_beside_json_that_jsonb_cannot_have(odd_client: FlaskClient):
    assert ids(odd_client, "/collections/texts/items", filter="j IS NULL") == ["-2.00"]
    assert ids(odd_client, "/collections/texts/items", filter="j IS NOT NULL") == ["1.50"]


def test_json_with_line_feeds_is_in_exports_as_on_pages(odd_client: FlaskClient):
    url = "/collections/texts/items"
    wanted = [feature["properties"] for feature in get(odd_client, f"{url}?f=json")["features"]]
    assert [properties["j"] for properties in wanted] == [None, {"a": "\0"}]
    whole = get(odd_client, f"{url}?f=geojson&sortby=id")["features"]
    texts = odd_client.get(f"{url}?f=geojsonl&sortby=id").text.split("\n")[:-1]
    for found in (whole, [json.loads(text) for text in texts]):
        assert [feature["properties"] for feature in found] == wanted


@pytest.mark.parametrize("asked", ["24:00:00", "24:00", "24:00:00.0"])
def test_end_of_a_day_is_a_time_of_day(odd_client: FlaskClient, asked: str):
    url = "/collections/times_of_day/items"
    assert ids(odd_client, url, hour=asked) == ids(odd_client, url, filter=f"hour = '{asked}'") == [2]
    assert ids(odd_client, url, filter=f"hour < '{asked}'") == [1, 3]
    assert odd_client.get(f"{url}?hour=24:00:01").status_code == 400
