"""Against a file that kills the process that reads it: a crash in GDAL, or no memory left.

What is being loaded is written down before, and struck out after. What is still written down at the next start ended
the loader; a file that did so twice is reported as failed, so that the others get their turn. Where nothing can be
written, files are loaded unguarded.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from loader.errors import CannotRead
from loader.scan import Dataset

CRASHES = 2
"""One may be anybody's kill -9."""


def mark_file(data_dir: Path) -> Path:
    """Where it is written down."""
    return data_dir / "var" / "loading.json"


def crashes(data_dir: Path, dataset: Dataset) -> int:
    """How often the loader ended while it loaded this file as it is now."""
    try:
        mark: dict[str, Any] = json.loads(mark_file(data_dir).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
    same = mark.get("path") == dataset.path and mark.get("signature") == dataset.signature
    return int(mark.get("attempts", 0)) if same else 0


@contextmanager
def guarded(data_dir: Path, dataset: Dataset) -> Generator[None]:
    """Write the file down as long as the block runs. Raises: CannotRead when it has ended the loader twice"""
    earlier, mark = crashes(data_dir, dataset), mark_file(data_dir)
    try:
        if earlier >= CRASHES:
            raise CannotRead(
                f"{dataset.path} ended the loader {earlier} times while it was read",
                hint="does it open in QGIS or ogrinfo? Is there memory for it? Change it, and it is tried again",
            )
        with suppress(OSError):
            mark.parent.mkdir(parents=True, exist_ok=True)
            values = {"path": dataset.path, "signature": dataset.signature, "attempts": earlier + 1}
            mark.write_text(json.dumps(values), encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            mark.unlink(missing_ok=True)
