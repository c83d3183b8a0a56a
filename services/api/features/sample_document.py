"""A few features of a collection, for examples that work on the data as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ROWS = 20
"""Features that are looked at: the first ones, and of each property the first value."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What is known of a collection's data. `id` None: no feature has one; `cursor` None: there is no second page."""

    id: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    cursor: str | None = None


NOTHING = Sample()


def sample_of(features: Sequence[bytes], cursor: str | None) -> Sample:
    """A sample of features that are GeoJSON texts."""
    read: list[dict[str, Any]] = [json.loads(text) for text in features]
    values: dict[str, Any] = {}
    for feature in read:
        for name, value in feature["properties"].items():
            if value not in (None, ""):
                values.setdefault(name, value)
    id = next((str(feature["id"]) for feature in read if "id" in feature), None)
    return Sample(id, values, cursor)
