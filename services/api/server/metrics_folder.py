"""Where gunicorn's workers count together: a folder in memory that its master makes, and removes.

A module of its own, since HUP reads gunicorn.conf.py again: the folder stays the same.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108  files that are in memory alone, of every process of this machine


def memory_folder() -> Path:
    """A folder whose files are in memory, where there is one that this process may write to."""
    return MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())


@cache
def metrics_folder() -> Path:
    """The folder of this process, made at the first call. Nobody else may read it."""
    return Path(tempfile.mkdtemp(prefix="isthmus-metrics-", dir=memory_folder()))


def remove_metrics() -> None:
    """Forget what was counted."""
    shutil.rmtree(metrics_folder(), ignore_errors=True)
