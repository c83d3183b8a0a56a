"""The schema of /files."""

from __future__ import annotations

from typing import Any

from core.catalog.files import STATES

TEXT = {"type": "string"}
WHOLE = {"type": "integer", "minimum": 0}
INSTANT = {"type": "string", "format": "date-time"}


def list_of(name: str) -> dict[str, Any]:
    """An array of another schema."""
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}


def record(required: str, **properties: Any) -> dict[str, Any]:
    """An object. `required`: names with spaces between them"""
    return {"type": "object", "required": required.split(), "properties": properties}


FILES_SCHEMAS: dict[str, Any] = {
    "files": record(
        "counts numberMatched numberReturned files links",
        title=TEXT,
        description=TEXT,
        counts={"type": "object", "required": list(STATES), "properties": dict.fromkeys(STATES, WHOLE)},
        numberMatched=WHOLE,
        numberReturned=WHOLE,
        files=list_of("file"),
        links=list_of("link"),
    ),
    "file": record(
        "path state kind since notes collections",
        path={**TEXT, "description": "Below the data folder, with / between the parts."},
        state={**TEXT, "enum": list(STATES)},
        kind={**TEXT, "description": "The format, or in a word what a file is that is not read."},
        bytes=WHOLE,
        since={**INSTANT, "description": "Since when it is in its state."},
        percent={**WHOLE, "maximum": 100, "description": "Of the load, as far as that is known."},
        rows={**WHOLE, "description": "Rows of the layer that are copied."},
        ofRows=WHOLE,
        layer=TEXT,
        step={**TEXT, "description": "What follows the copying of rows."},
        seconds={**WHOLE, "description": "Since the load began."},
        detail={**TEXT, "description": "Why it failed, was set aside, waits, or is not read."},
        hint={**TEXT, "description": "What its owner can do."},
        attempts={**WHOLE, "description": "How many loads ended by a crash, a hang or a mistake of Isthmus."},
        retryAt={**INSTANT, "description": "When it is tried again by itself."},
        notes=list_of("fileNote"),
        collections=list_of("servedCollection"),
    ),
    "fileNote": record(
        "level code message",
        level={**TEXT, "enum": ["info", "warning"]},
        **dict.fromkeys(("code", "message", "hint", "collection"), TEXT),
    ),
    "servedCollection": record(
        "id title href versions",
        id=TEXT,
        title=TEXT,
        href={**TEXT, "format": "uri"},
        version={**WHOLE, "description": "The served one."},
        rolledBack={"type": "boolean", "description": "An earlier version than the newest is served."},
        versions=list_of("keptVersion"),
        rollback={**TEXT, "description": "The command that serves the version before."},
    ),
    "keptVersion": record(
        "version loadedAt rows served", version=WHOLE, loadedAt=INSTANT, rows=WHOLE, served={"type": "boolean"}
    ),
}
"""As much as every response keeps to."""
