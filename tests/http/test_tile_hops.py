"""A tile runs through few files: what a reader has to find who wants to know how it comes about."""

from __future__ import annotations

import pytest
from flask import Flask

from support.hops import files_run_by

TILE = "/collections/grid/tiles/WebMercatorQuad/{}/{}/{}"
WARM, COLD, CACHED = TILE.format(10, 297, 581), TILE.format(10, 297, 582), TILE.format(8, 74, 145)


@pytest.mark.parametrize(("path", "most"), [(COLD, 28), (CACHED, 8)])
def test_a_tile_runs_through_few_files(app: Flask, path: str, most: int):
    client = app.test_client()
    for known in (WARM, CACHED):
        assert client.get(known, headers={"Accept-Encoding": "gzip"}).status_code == 200
    statuses: list[int] = []
    files = files_run_by(lambda: statuses.append(client.get(path, headers={"Accept-Encoding": "gzip"}).status_code))
    assert statuses == [200]
    assert len(files) <= most, files
    assert "api/app.py" not in files, "no tile needs Flask"
