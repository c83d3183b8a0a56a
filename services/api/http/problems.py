"""Errors as problem documents (RFC 9457): which error has which status, and what the client and the log are told."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

from werkzeug.exceptions import HTTPException

from api.http.request import Request
from api.http.response import ApiResponse, status_line
from core import errors
from core.errors import IsthmusError

log = logging.getLogger("isthmus.api")

PROBLEM_JSON = "application/problem+json"

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
    errors.UnknownView: 404,
    errors.UnknownTileMatrixSet: 404,
    errors.TileOutside: 404,
    errors.NoGeometry: 404,
    errors.NoTiles: 404,
    errors.OnlyTiles: 404,
    errors.NoPicture: 404,
    errors.FilesHidden: 404,
    errors.FileTooLarge: 413,
    errors.TooExpensive: 422,
    errors.FileNotWritten: 500,
    errors.CollectionBroken: 500,
    errors.TilesDamaged: 500,
    errors.DatabaseUnavailable: 503,
    errors.CatalogueMissing: 503,
    errors.SourceChanged: 503,
    errors.TooManyExports: 503,
    errors.TooManyAggregates: 503,
    errors.StorageFull: 503,
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
    412: ("precondition-failed", "the file is another now: take it anew, from its first byte"),
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
    retry_after_s: int | None = None

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
    status = STATUS[type(error)]
    later_s = error.retry_after_s or (RETRY_AFTER_S if status in (503, 504) else None)
    return Problem(status, error.code, error.title(), shortened(error.detail), *told, retry_after_s=later_s)


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


def problem_response(error: Exception, request: Request) -> ApiResponse:
    """The response to a request that meets an error, which the log gets, too."""
    if isinstance(error, IsthmusError):
        return respond(expected_problem(error, request), request)
    if isinstance(error, HTTPException):
        return http_response(error, request)
    log.error("%s %s failed", request.id, shortened(request.target), exc_info=error)
    return respond(UNEXPECTED, request)


def expected_problem(error: IsthmusError, request: Request) -> Problem:
    """The problem for one of our errors: one line in the log, with the cause that the client is not told."""
    problem = problem_of(error)
    cause = f" ({type(first).__name__}: {first})" if (first := first_cause(error)) is not error else ""
    path, known = shortened(request.path), (problem.status, problem.code, problem.detail)
    log.info("%s %s %d %s: %s%s", request.id, path, *known, cause)
    return problem


def first_cause(error: BaseException) -> BaseException:
    """What an error comes from, in PostgreSQL's words if it comes from there."""
    while error.__cause__ not in (None, error):
        error = error.__cause__
    return error


def http_response(error: HTTPException, request: Request) -> ApiResponse:
    """The response to an error that Werkzeug raised: no such path, wrong method, no acceptable format."""
    if error.code is None or error.code < 400:
        found = error.get_response()
        return ApiResponse(found.status, list(error.get_headers()), found.get_data())
    problem = http_problem(error.code, error.name, error.description or error.name)
    kept = [header for header in error.get_headers() if header[0] in ("Allow", "Content-Range")]
    return respond(problem, request).with_headers(kept)


def respond(problem: Problem, request: Request) -> ApiResponse:
    """A problem document."""
    body = json.dumps(problem.document(request.base, request.id), ensure_ascii=False).encode()
    later_s = problem.retry_after_s
    later = [] if later_s is None else [("Retry-After", str(later_s))]
    return ApiResponse(status_line(problem.status), [("Content-Type", PROBLEM_JSON), ("Vary", "Accept"), *later], body)
