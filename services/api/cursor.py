"""Cursors as text: opaque to the client, bound to the filter and to the version of the data.

The ids in a cursor are public, so it is checked and not signed: a made-up one can only ask for another page.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from api.query import Cursor, Filter
from core.catalog import Collection
from core.errors import BadCursor

HINT = "begin again with the first page: leave `cursor` out"
LARGEST_FID = 2**63 - 1


def render_cursor(cursor: Cursor, filter: Filter, collection: Collection) -> str:
    """The text of a cursor, safe in a URL."""
    parts = [collection.id, collection.version, filter.digest(), cursor.direction, cursor.fid]
    return urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def parse_cursor(text: str, filter: Filter, collection: Collection) -> Cursor:
    """The place that a cursor names.

    Raises: BadCursor when it is damaged, or was made for another collection, filter or version of the data
    """
    try:
        parts = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        id, version, digest, direction, fid = parts
    except (ValueError, TypeError) as error:
        raise BadCursor("the cursor is damaged", hint=HINT, parameter="cursor") from error
    if direction not in ("next", "prev") or type(fid) is not int or abs(fid) > LARGEST_FID:
        raise BadCursor("the cursor is damaged", hint=HINT, parameter="cursor")
    if (id, digest) != (collection.id, filter.digest()):
        raise BadCursor("the cursor belongs to another collection or filter", hint=HINT, parameter="cursor")
    if version != collection.version:
        raise BadCursor("the collection was loaded anew since the cursor was made", hint=HINT, parameter="cursor")
    return Cursor(direction, fid)
