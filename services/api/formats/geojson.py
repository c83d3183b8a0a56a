"""GeoJSON as text around the features that PostgreSQL wrote; no feature is parsed here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from api.links import Link

FeatureRow = tuple[int, str]


def render_page(features: Sequence[FeatureRow], links: Sequence[Link], number_matched: int | None) -> bytes:
    """A FeatureCollection. `number_matched` None leaves the member out: the count was not made."""
    stamp = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    members = {
        "type": '"FeatureCollection"',
        "features": f"[{','.join(text for _, text in features)}]",
        "numberReturned": str(len(features)),
        "timeStamp": json.dumps(stamp),
        "links": json.dumps(links, ensure_ascii=False),
    }
    if number_matched is not None:
        members["numberMatched"] = str(number_matched)
    return f"{{{','.join(f'{json.dumps(name)}:{text}' for name, text in members.items())}}}".encode()


def render_feature(feature: FeatureRow, links: Sequence[Link]) -> bytes:
    """A Feature with its links."""
    _, text = feature
    return f'{text[:-1]},"links":{json.dumps(links, ensure_ascii=False)}}}'.encode()
