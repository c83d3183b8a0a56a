"""The comparison of encodings runs on a little data."""

from __future__ import annotations

import re

import pytest

from bench.encodings import ENCODERS, main


def test_tiles_are_weighed_in_each_encoding(capsys: pytest.CaptureFixture[str]):
    main(["--polygons", "500", "--tiles", "20"])
    printed = capsys.readouterr().out
    shares = re.findall(r"([\d.]+)% of the size +([\d.]+) ns", printed)
    assert len(shares) == 2 * len(ENCODERS)
    for share, cost in shares:
        assert 5 < float(share) < 110
        assert float(cost) > 0, "a clock that stands still"
