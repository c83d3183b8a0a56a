"""Health of the API's container: one GET over the address that the API listens on.

usage: python -I healthcheck.py LISTEN PATH [FILE]

LISTEN is the API's listen setting (`0.0.0.0:8080`, `[::1]:8080` or `unix:/run/isthmus/api.sock`). Exit 0 when the
answer is 200 within four seconds; otherwise 1 and one line that says why. FILE must exist too: in container
mode the network card goes away when the namespace's holder restarts. It runs every few seconds, so of ours it
imports only what needs the standard library alone.
"""

import http.client
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from core.api_client import fetch  # noqa: E402 - `python -I` looks nowhere else

TIMEOUT_S = 4.0


def verdict(listen: str, path: str, needed_file: str | None = None) -> tuple[int, str]:
    """(exit code, why)."""
    if needed_file is not None and not Path(needed_file).exists():
        return 1, f"{needed_file} is gone: restart this container after its namespace holder"
    try:
        status = fetch(listen, path, timeout_s=TIMEOUT_S).status
    except (OSError, http.client.HTTPException) as error:
        return 1, f"no answer from {listen}: {error}"
    return int(status != http.client.OK), f"{path} answered {status}"


def main(arguments: list[str]) -> int:
    """The exit code; the reason goes to standard output, where `docker inspect` finds it."""
    code, why = verdict(*arguments)
    sys.stdout.write(why + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
