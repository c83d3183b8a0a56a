"""How many files of ours one request runs through: those whose functions were called, in every thread."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

SERVICES = Path(__file__).resolve().parents[2] / "services"


def files_run_by(call: Callable[[], object]) -> list[str]:
    """The files below services/ whose functions ran meanwhile, as paths from there. Bodies of modules do not count."""
    found: set[str] = set()
    root = f"{SERVICES}/"

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(root) and code.co_name != "<module>":
            found.add(code.co_filename.removeprefix(root))

    gc.collect()  # so that no generator of an earlier test is closed meanwhile, which would count as a call
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]  # None ends it, which the stub leaves out
    return sorted(found)
