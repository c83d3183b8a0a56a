"""The files of the data folder, as JSON: the state of each, and what there is to say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.documents import page_links, without_none
from api.http.links import Links
from core.catalog.files import STATES, UNDER_WAY, FileState, KeptVersion, ServedCollection

DESCRIPTION = "What became of each file in the data folder."


@dataclass(frozen=True, slots=True)
class FilesPage:
    """Some files, and how many there are in each state. `state`: the only one that is shown; None: all."""

    files: Sequence[FileState]
    counts: Mapping[str, int]
    state: str | None
    limit: int
    offset: int

    @property
    def matched(self) -> int:
        """How many files there are that a walk meets."""
        return self.counts.get(self.state, 0) if self.state else sum(self.counts.values())

    @property
    def is_under_way(self) -> bool:
        """Whether something is going to change by itself, so that it is worth looking again soon."""
        return any(self.counts.get(state) for state in UNDER_WAY)


def files_document(page: FilesPage, links: Links) -> dict[str, Any]:
    """One page of files."""
    return {
        "title": "Files",
        "description": DESCRIPTION,
        "counts": {state: page.counts.get(state, 0) for state in STATES},
        "numberMatched": page.matched,
        "numberReturned": len(page.files),
        "files": [file_document(file, links) for file in page.files],
        "links": page_links(
            links, "files", {"state": page.state} if page.state else {}, page.limit, page.offset, page.matched
        ),
    }


def file_document(file: FileState, links: Links) -> dict[str, Any]:
    """One file. Members that mean nothing in its state are left out."""
    loading = file.state == "loading"
    progress = {
        "percent": file.percent,
        "rows": file.rows,
        "ofRows": file.of_rows,
        "layer": file.layer or None,
        "step": file.step,
        "seconds": file.seconds,
    }
    return without_none(
        {
            "path": file.path,
            "state": file.state,
            "kind": file.kind,
            "bytes": file.size_bytes,
            "since": instant(file.since),
            **(progress if loading else {}),
            "detail": file.detail,
            "hint": file.hint,
            "attempts": file.faults or None,
            "retryAt": instant(file.retry_at) if file.retry_at else None,
            "notes": [without_none(dict(note)) for note in file.notes],
            "collections": [served_document(collection, links) for collection in file.collections],
        }
    )


def served_document(collection: ServedCollection, links: Links) -> dict[str, Any]:
    """A collection that a file gives, and the way back to the version before."""
    earlier = collection.earlier
    members = {
        "id": collection.id,
        "title": collection.title,
        "href": links.url("collections", collection.id),
        "version": collection.version,
        "rolledBack": collection.is_rolled_back or None,
        "versions": [version_document(kept) for kept in collection.versions],
        "rollback": roll_back_command(collection.id, earlier) if earlier else None,
    }
    return without_none(members)


def version_document(kept: KeptVersion) -> dict[str, Any]:
    """A version that is kept."""
    return {
        "version": kept.version,
        "loadedAt": instant(kept.loaded_at),
        "rows": kept.row_count,
        "served": kept.served,
    }


def roll_back_command(id: str, to: KeptVersion) -> str:
    """What an operator types to serve an earlier version."""
    return f"isthmus rollback {id} --to {to.version}"


def instant(moment: datetime) -> str:
    """A moment in UTC, to the second."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
