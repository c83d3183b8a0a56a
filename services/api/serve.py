"""Starts the HTTP server: `python -m api.serve` becomes gunicorn. Arguments are gunicorn's; they win over settings."""

from __future__ import annotations

import os
import sys
from pathlib import Path

OPTIONS = Path(__file__).with_name("server") / "gunicorn.conf.py"


def main() -> None:
    """Replace this process by gunicorn's master."""
    gunicorn = Path(sys.executable).with_name("gunicorn")
    os.execv(gunicorn, [str(gunicorn), "--config", str(OPTIONS), *sys.argv[1:]])  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    main()
