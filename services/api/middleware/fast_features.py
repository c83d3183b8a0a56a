"""Single features as GeoJSON: what answers for one collection have in common is worked out once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.context import Api
from api.features.geojson_response import Made, not_modified, validator_for
from api.features.service import FEATURE_PARAMETERS, FORMATS, feature_geojson, find_feature
from api.http.links import quoted_path
from api.http.negotiation import format_for
from api.http.request import ApiResponse, Request
from api.params.common import reject_unknown
from api.query.crs import CRS84, parse_crs
from api.query.items import Presentation
from core.catalog import Collection

FEATURE_FORMATS = tuple(FORMATS.items())
MOST_FRAMES = 1000
LONGEST = 1000
"""Characters of an address and its headers that are remembered: a longer one is left to Flask."""

ID = "a8f0c2e6d417"
"""Stands for the id of a feature in a text that is made once. No link has it by chance."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What answers to requests have in common that differ in the id of the feature alone.

    asked: one of them; links: the text of their links, between the places of the id
    """

    collection: Collection
    asked: Request
    shown: Presentation
    links: tuple[bytes, ...]

    def asked_for(self, id: str) -> Request:
        """The request for a feature."""
        asked = self.asked
        return Request(asked.base, asked.path.replace(ID, id), asked.query, asked.args)

    def body(self, feature: bytes, id: str) -> bytes:
        """The feature with its links."""
        return feature[:-1] + quoted_path(id).encode().join(self.links)


class HotFeatures:
    """Answers requests for single features."""

    def __init__(self, api: Api) -> None:
        """Nothing is worked out yet."""
        self._api = api
        self._frames: dict[tuple[str, ...], Frame] = {}

    def find(self, base: str, id: str, feature_id: str, environ: Mapping[str, Any]) -> Made | ApiResponse | None:
        """The feature, or the answer that the client has it; None to leave the request to Flask.

        base: the landing page's address. Raises: IsthmusError
        """
        frame = self._frame((id, base, environ["QUERY_STRING"], environ.get("HTTP_ACCEPT", "")))
        if frame is None:
            return None
        collection, asked = frame.collection, frame.asked_for(feature_id)
        known = validator_for(self._api, collection, asked)
        if known and known.unchanged(environ):
            return not_modified(known)
        body = frame.body(find_feature(self._api, collection, feature_id, frame.shown), feature_id)
        return Made(collection, frame.shown, known, lambda: body)

    def _frame(self, key: tuple[str, str, str, str]) -> Frame | None:
        frame = self._frames.get(key)
        if frame is not None and frame.collection is self._api.collection(key[0]):
            return frame
        frame = make_frame(self._api, *key) if sum(map(len, key)) <= LONGEST else None
        if frame is not None:
            if len(self._frames) >= MOST_FRAMES:
                self._frames.clear()
            self._frames[key] = frame
        return frame


def make_frame(api: Api, id: str, base: str, query: str, accept: str) -> Frame | None:
    """The frame of a request; None for another format, and for profiles. Raises: IsthmusError, HTTPException"""
    asked = Request.of(base, f"/collections/{id}/items/{ID}", query)
    if "profile" in asked.args or format_for(asked.args.get("f"), accept, FEATURE_FORMATS) != "json":
        return None
    reject_unknown(asked.args, FEATURE_PARAMETERS)
    collection = api.collection(id)
    crs = parse_crs("crs", asked.args["crs"], collection) if "crs" in asked.args else CRS84
    body, _ = feature_geojson(asked, collection, b"}", "json")
    return Frame(collection, asked, Presentation(crs=crs), tuple(body.split(ID.encode())))
