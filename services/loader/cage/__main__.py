"""Makes cages: `python -m loader.cage`, started once by the loader, with no secret in its environment.

It has imported what reading needs, so that a cage is there in milliseconds: a copy of this process, which goes behind
its walls before it looks at a file. Descriptor 0 is the loader's end: a message with a dataset and a descriptor makes a
cage, whose number is the answer; a message with that number ends it, and the answer says how it ended.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys

from loader.read.gdal_limits import limit_gdal

limit_gdal()  # before anything imports pyogrio

from loader.cage.child import serve  # noqa: E402
from loader.table.memory import keep_little  # noqa: E402

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Make and end cages until the loader is gone."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    keep_little()
    loader = socket.socket(fileno=0)
    cages: set[int] = set()
    while True:
        text, descriptors, _, _ = socket.recv_fds(loader, 1 << 20, 1)
        if not text:
            sys.exit()
        message = json.loads(text)
        if "end" in message:
            answer = end(message["end"]) if message["end"] in cages else 0
            cages.discard(message["end"])
        else:
            answer = begin(loader, message, descriptors[0])
            cages.add(answer)
        loader.send(str(answer).encode())


def begin(loader: socket.socket, message: dict[str, object], descriptor: int) -> int:
    """The number of a new cage."""
    number = os.fork()
    if number == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), loader.fileno())  # SQLite opens nothing while 0, 1 or 2 are free
        serve(socket.socket(fileno=descriptor), message)
        os._exit(0)
    os.close(descriptor)
    return number


def end(number: int) -> int:
    """How a cage ended, as `os.waitstatus_to_exitcode` has it: less than 0 for a signal."""
    os.kill(number, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


if __name__ == "__main__":
    main()
