"""The weight of a tile against another program's reading of the same bytes."""

from __future__ import annotations

import mapbox_vector_tile
from hypothesis import given, strategies as st

from api.formats.mvt import weigh

values = st.one_of(
    st.text(max_size=9), st.integers(-(2**40), 2**40), st.booleans(), st.floats(width=32, allow_nan=False)
)
features = st.lists(
    st.dictionaries(st.sampled_from(["name", "size", "näme"]), values, max_size=3), min_size=1, max_size=8
)


def encoded(properties: list[dict[str, object]], name: str = "towns") -> bytes:
    drawn = [{"geometry": "POINT(1 2)", "properties": one, "id": n} for n, one in enumerate(properties, 1)]
    return mapbox_vector_tile.encode({"name": name, "features": drawn})


@given(features)
def test_every_value_is_counted_where_another_reader_finds_it(properties: list[dict[str, object]]):
    mvt = encoded(properties)
    [layer] = weigh(mvt)
    found = mapbox_vector_tile.decode(mvt)["towns"]["features"]
    assert (layer.name, layer.features) == ("towns", len(found))
    for weight in layer.properties:
        having = [one["properties"][weight.name] for one in found if weight.name in one["properties"]]
        assert weight.features == len(having)
        assert weight.values == len({(type(value), value) for value in having})


@given(features)
def test_parts_are_no_more_than_the_whole(properties: list[dict[str, object]]):
    [layer] = weigh(encoded(properties))
    parts = layer.geometry_bytes + layer.id_bytes + sum(weight.bytes for weight in layer.properties)
    assert 0 < parts < layer.bytes
    assert layer.bytes - parts < 30 + 12 * layer.features + 4 * sum(weight.values for weight in layer.properties)


def test_long_property_is_the_heavy_one():
    [layer] = weigh(encoded([{"name": "x" * 1000, "size": 1}, {"name": "y" * 1000, "size": 1}]))
    heavy = {weight.name: weight.bytes for weight in layer.properties}
    assert heavy["name"] > 2000
    assert heavy["size"] < 20


def test_layers_one_after_the_other_are_weighed_by_themselves():
    assert [layer.name for layer in weigh(encoded([{}], "a") + encoded([{}], "b"))] == ["a", "b"]
    assert weigh(b"") == []
