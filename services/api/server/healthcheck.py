"""Health of the API's container: one GET over the address that the API listens on.

usage: python -I healthcheck.py LISTEN PATH [FILE]

LISTEN is the API's listen setting (`0.0.0.0:8080`, `[::1]:8080` or `unix:/run/isthmus/api.sock`). Exit 0 when the
answer is 200 within four seconds; otherwise 1 and one line that says why. FILE must exist too: in container
mode the network card goes away when the namespace's holder restarts. Standard library only, no imports of
ours: it runs every few seconds.
"""

import http.client
import socket
import sys
from pathlib import Path

TIMEOUT_S = 4.0


def connect(listen: str) -> socket.socket:
    """A connected stream socket. Raises OSError when nobody listens."""
    if listen.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(TIMEOUT_S)
            connection.connect(listen.removeprefix("unix:"))
        except OSError:
            connection.close()
            raise
        return connection
    host, _, port = listen.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=TIMEOUT_S)


def get_status(listen: str, path: str) -> int:
    """The HTTP status of GET path. Raises OSError or HTTPException when there is no answer."""
    client = http.client.HTTPConnection("localhost", timeout=TIMEOUT_S)
    client.sock = connect(listen)
    try:
        client.request("GET", path, headers={"Accept": "application/json"})
        return client.getresponse().status
    finally:
        client.close()


def verdict(listen: str, path: str, needed_file: str | None = None) -> tuple[int, str]:
    """(exit code, why)."""
    if needed_file is not None and not Path(needed_file).exists():
        return 1, f"{needed_file} is gone: restart this container after its namespace holder"
    try:
        status = get_status(listen, path)
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
