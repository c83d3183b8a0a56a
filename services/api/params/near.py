"""The parameters of the features nearest to a place: `near`; `k` and `max-distance`, which say nothing without it."""

from __future__ import annotations

from math import inf

from api.http.request import Args, parse_whole
from api.query.near import Around
from core.bbox import NUMBER
from core.catalog.collections import Collection
from core.errors import BadParameter

NEAR_PARAMETERS = ("near", "k", "max-distance")
MOST_NEAREST, DEFAULT_NEAREST = 1000, 10
MOST_METRES = 20_100_000
"""A little more than from pole to pole."""


def parse_near(args: Args, collection: Collection) -> tuple[Around, int]:
    """The place that features are near to, and how many a page has of them. Raises: BadParameter"""
    if not collection.has_tiles:
        hint = "leave near out"
        raise BadParameter(f"the features of '{collection.id}' are at no known place", hint=hint, parameter="near")
    for name in ("sortby", "limit") if "k" in args else ("sortby",):
        if name in args:
            other = "k" if name == "limit" else "near, which sorts by distance,"
            raise BadParameter(f"{other} and {name} exclude each other", hint="leave one out", parameter=name)
    name = "k" if "k" in args else "limit"
    number = parse_whole(name, args[name], least=1, most=MOST_NEAREST) if name in args else DEFAULT_NEAREST
    return Around(*parse_place(args["near"]), parse_metres(args)), number


def parse_place(text: str) -> tuple[float, float]:
    """Longitude and latitude in degrees. Raises: BadParameter"""
    parts = text.split(",")
    numbers = [float(part) for part in parts] if all(map(NUMBER.fullmatch, parts)) else []
    if len(numbers) != 2 or not (abs(numbers[0]) <= 180 and abs(numbers[1]) <= 90):
        hint = "write near=lon,lat in degrees, longitude first, for example near=24.94,60.17"
        raise BadParameter(f"near is '{text}'", hint=hint, parameter="near")
    return numbers[0], numbers[1]


def parse_metres(args: Args) -> float:
    """How many metres off features are at most. Raises: BadParameter"""
    name = "max-distance"
    if name not in args:
        return inf
    text = args[name]
    if not NUMBER.fullmatch(text) or not 0 <= float(text) <= MOST_METRES:
        raise BadParameter(f"{name} is '{text}'", hint=f"metres, from 0 to {MOST_METRES}", parameter=name)
    return float(text)
