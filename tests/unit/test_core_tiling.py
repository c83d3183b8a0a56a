"""What the catalogue says of prepared tiles, by this release and by those before."""

from __future__ import annotations

from typing import Any

import pytest

from core.catalog.versions import Tiling, parse_tiling

WRITTEN: dict[str, Any] = {"full_zoom": 7, "table": "roads_1_tiles", "properties": ["name"], "has_large": True}


def test_kinds_are_read_as_they_were_written():
    found = parse_tiling({**WRITTEN, "kinds": ["points", "polygons"], "unknown": 1})
    assert found == Tiling(("points", "polygons"), 7, "roads_1_tiles", ("name",), has_large=True)
    assert found is not None and found.has_squares and not found.only_points


def test_one_kind_is_read_as_it_was_written_before_there_were_mixtures():
    found = parse_tiling({**WRITTEN, "kind": "points"})
    assert found is not None
    assert found.kinds == ("points",)
    assert found.only_points and not found.has_squares


@pytest.mark.parametrize("prepared", [None, {}, WRITTEN])
def test_without_kinds_nothing_was_prepared(prepared: dict[str, Any] | None):
    assert parse_tiling(prepared) is None
