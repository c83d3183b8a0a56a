"""What happened to a dataset, as a value: it goes into the catalogue, into a file, and on the screen."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from core.errors import IsthmusError
from loader.names import slug

log = logging.getLogger(__name__)

Outcome = Literal["loaded", "failed", "unchanged", "described", "restored", "withdrawn", "rolled back"]
Level = Literal["info", "warning"]


@dataclass(frozen=True, slots=True)
class Note:
    """Something the owner of the data may want to know: what was found, and what to do about it."""

    level: Level
    code: str
    message: str
    hint: str | None = None
    collection: str | None = None


@dataclass(frozen=True, slots=True)
class CollectionReport:
    """What one layer became, or a file of tiles."""

    id: str
    layer: str = ""
    version: int = 0
    rows: int = 0
    geometry_type: str | None = None
    srid: int | None = None
    crs_from: str | None = None
    bbox_crs84: list[float] | None = None
    columns: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    temporal_column: str | None = None
    seconds: float = 0.0
    rows_per_second: int = 0
    temporal_end_column: str | None = None
    tiles: dict[str, Any] | None = None
    """Of a file of tiles: its format, their media type, the first and the last zoom."""


@dataclass(frozen=True, slots=True)
class Report:
    """The whole story of one attempt."""

    path: str
    status: Outcome
    because: str
    started_at: datetime
    ended_at: datetime
    size_bytes: int = 0
    sha256: str | None = None
    collections: tuple[CollectionReport, ...] = ()
    notes: tuple[Note, ...] = ()
    error: Mapping[str, str | None] | None = None

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values; times in ISO 8601."""
        times = {"started_at": self.started_at.isoformat(), "ended_at": self.ended_at.isoformat()}
        return {**asdict(self), **times}


def parse_report(values: Mapping[str, Any]) -> Report:
    """The report that `as_json` wrote."""
    changed: dict[str, Any] = {
        "started_at": datetime.fromisoformat(values["started_at"]),
        "ended_at": datetime.fromisoformat(values["ended_at"]),
        "collections": tuple(CollectionReport(**part) for part in values["collections"]),
        "notes": tuple(Note(**part) for part in values["notes"]),
    }
    return Report(**{**dict[str, Any](values), **changed})


def describe(error: IsthmusError) -> dict[str, str | None]:
    """An error as the report shows it."""
    return {"code": error.code, "title": error.title(), "message": error.detail, "hint": error.hint}


def without_folder(report: Report, data_dir: Path) -> Report:
    """The report without the place of the data folder on this machine, which libraries put into what they say."""

    def told(text: str) -> str:
        for folder in (data_dir.absolute(), data_dir.resolve()):
            text = text.replace(f"{folder}/", "")
        return text

    notes = tuple(replace(note, message=told(note.message)) for note in report.notes)
    error = report.error and {key: value and told(value) for key, value in report.error.items()}
    return replace(report, notes=notes, error=error)


def report_file(data_dir: Path, path: str) -> Path:
    """Where the report of a dataset lies."""
    return data_dir / "var" / "reports" / f"{slug(path)}.json"


def write_report(data_dir: Path, report: Report) -> None:
    """Write the report file. A folder that cannot be written to costs a log line, not the load."""
    file = report_file(data_dir, report.path)
    text = json.dumps(report.as_json(), ensure_ascii=False, indent=2)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".{file.name}.new")
        partial.write_text(f"{text}\n", encoding="utf-8", errors="replace")
        partial.replace(file)
    except OSError as error:
        log.warning("the report %s cannot be written: %s", file, error.strerror)
