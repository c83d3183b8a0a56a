"""Errors as problem documents (RFC 9457): which error has which status, and what the client is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core import errors
from core.errors import IsthmusError

STATUS: dict[type[IsthmusError], int] = {
    errors.BadParameter: 400,
    errors.BadValue: 400,
    errors.BadBBox: 400,
    errors.BadFilter: 400,
    errors.FilterTooSlow: 400,
    errors.UnknownParameter: 400,
    errors.BadCursor: 400,
    errors.FormatUnsuitable: 400,
    errors.ExplainOff: 403,
    errors.NetworkHidden: 403,
    errors.UnknownCollection: 404,
    errors.UnknownFeature: 404,
    errors.UnknownTileMatrixSet: 404,
    errors.TileOutside: 404,
    errors.NoGeometry: 404,
    errors.NoTiles: 404,
    errors.OnlyTiles: 404,
    errors.NoPicture: 404,
    errors.FileTooLarge: 413,
    errors.FileNotWritten: 500,
    errors.CollectionBroken: 500,
    errors.TilesDamaged: 500,
    errors.DatabaseUnavailable: 503,
    errors.CatalogueMissing: 503,
    errors.SourceChanged: 503,
    errors.TooManyExports: 503,
    errors.TooManyBodies: 503,
    errors.QueryTooSlow: 504,
}

RETRY_AFTER_S = 2
MOST_TOLD = 600
"""Characters of a sentence in a problem, and of what the log has of a request."""

# What Werkzeug raises by itself -> code and hint
HTTP_PROBLEMS: dict[int, tuple[str, str]] = {
    404: ("not-found", "the landing page links to everything there is"),
    405: ("method-not-allowed", "the Allow header lists the methods"),
    406: ("not-acceptable", "leave Accept out, or choose the format with the parameter f"),
    413: ("body-too-long", "1,000,000 bytes are read; an area may have fewer corners"),
    414: ("uri-too-long", "ask for less in one request"),
    415: ("media-type-unsupported", "send the parameters as application/json, or as a form"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What an error looks like from outside."""

    status: int
    code: str
    title: str
    detail: str
    hint: str | None = None
    parameter: str | None = None

    def document(self, base: str, request_id: str) -> dict[str, Any]:
        """The problem+json members. `type` is the address of the page that explains the code."""
        members = {
            "type": f"{base}/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "hint": self.hint,
            "parameter": self.parameter,
            "request_id": request_id,
        }
        return {name: value for name, value in members.items() if value is not None}


def problem_of(error: IsthmusError) -> Problem:
    """The problem for one of our errors."""
    told = [text and shortened(text) for text in (error.hint, error.parameter)]
    return Problem(STATUS[type(error)], error.code, error.title(), shortened(error.detail), *told)


def http_problem(status: int, name: str, detail: str) -> Problem:
    """The problem for an error that Werkzeug raised, such as a path that no route has."""
    code, hint = HTTP_PROBLEMS.get(status, (name.lower().replace(" ", "-"), None))
    return Problem(status, code, name, shortened(detail), hint)


def shortened(text: str) -> str:
    """A text as far as it is read: what a client sends may be long, and is not sent back whole."""
    return text if len(text) <= MOST_TOLD else f"{text[: MOST_TOLD * 3 // 4]}…{text[-MOST_TOLD // 4 :]}"


UNEXPECTED = Problem(
    500, "internal", "Isthmus made a mistake.", "The request was fine, the answer failed.", "the log has the request id"
)
