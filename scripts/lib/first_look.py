"""Waits until the API serves collections, and their number rests; prints how many, and how an address names the first.

usage: first_look.py LISTEN SECONDS

LISTEN is the API's listen setting (`127.0.0.1:8080` or `unix:/path`). Prints `COUNT NAME`, or `0` when there was none
within SECONDS. A large file may still be loading afterwards. Of ours only what needs the standard library alone: in
Docker's modes the host has no Python environment of ours.
"""

import http.client
import sys
import time
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "services"))
from core.api_client import fetch  # noqa: E402 - `python3 -I` looks nowhere else

RESTS_S = 1.5
"""Longer than a worker takes to notice a new collection, and than most files take to load."""


def collection_names(listen: str) -> list[str]:
    """Names of the served collections; empty when the API does not answer 200, or not to the end."""
    try:
        response = fetch(listen, "/collections?f=json", timeout_s=5)
    except (OSError, http.client.HTTPException):
        return []
    return [str(entry["id"]) for entry in response.document["collections"]] if response.status == 200 else []


def main(listen: str, seconds: float) -> int:
    """Ask until the answer has not changed for a while, or the time is over."""
    deadline = time.monotonic() + seconds
    names, seen_at = collection_names(listen), time.monotonic()
    while time.monotonic() < deadline and not (names and time.monotonic() - seen_at > RESTS_S):
        time.sleep(0.3)
        now = collection_names(listen)
        if now != names:
            names, seen_at = now, time.monotonic()
    sys.stdout.write(" ".join([str(len(names)), *map(quote, names[:1])]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
