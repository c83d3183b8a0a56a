"""Profiles: conventions that an answer follows beside its media type (RFC 6906; OGC API Features Part 5, clause 13)."""

from __future__ import annotations

from collections.abc import Sequence

from api.http.links import Link
from api.query.crs import CRS84, Crs
from core.errors import BadParameter, suggestion

REGISTER = "http://www.opengis.net/def/profile/OGC/0/"
"""Where the OGC registers profiles: an id from there, or this address of it, names one."""

RFC_7946 = "rfc7946"
JSON_FG = "jsonfg"
JSON_FG_PLUS = "jsonfg-plus"
"""JSON-FG with a geometry in CRS84 beside each place, for readers of GeoJSON."""

PROFILES = (RFC_7946, JSON_FG, JSON_FG_PLUS)
"""Profiles that some format of the features follows."""


def parse_profiles(text: str) -> tuple[str, ...]:
    """The profiles that a request would like, in its order. Raises: BadParameter for one that no format follows

    /req/profile-parameter/profile-param
    """
    names = [name.removeprefix(REGISTER) for name in text.split(",")]
    for name in names:
        if name not in PROFILES:
            hint = suggestion(name, PROFILES) or f"it takes one or more of: {', '.join(PROFILES)}"
            raise BadParameter(f"profile is '{text}'", hint=hint, parameter="profile")
    return tuple(dict.fromkeys(names))


def geojson_profile(wanted: Sequence[str], crs: Crs) -> str | None:
    """The first of the wanted profiles that GeoJSON in a CRS can follow: RFC 7946 knows no CRS but CRS84."""
    return next((name for name in wanted if name != RFC_7946 or crs is CRS84), None)


def json_fg_profile(wanted: Sequence[str]) -> str:
    """The profile of an answer that is to be JSON-FG in any case."""
    return next((name for name in wanted if name != RFC_7946), JSON_FG)


def profile_links(profiles: Sequence[str]) -> list[Link]:
    """Links to the profiles of an answer (/req/profile-parameter/profile-param-response, B)."""
    return [{"href": f"{REGISTER}{name}", "rel": "profile", "title": f"profile {name}"} for name in profiles]


def profile_header(profiles: Sequence[str]) -> str:
    """The same as the value of a Link header."""
    return ", ".join(f'<{REGISTER}{name}>; rel="profile"' for name in profiles)
