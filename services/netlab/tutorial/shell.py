"""A bash that is given one command after another, as somebody at a terminal gives them."""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, cast

from netlab.errors import DemoStuck

END = "\x1e"
"""ASCII's record separator: no program of the lesson prints it."""


class Shell:
    """Commands share variables and the folder, and read nothing. Closing it ends what they left running."""

    def __init__(self, folder: Path, *, is_root: bool) -> None:
        self._bash = subprocess.Popen(
            ["/bin/bash", "--noprofile", "--norc"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._stdin, self._stdout = cast(IO[bytes], self._bash.stdin), cast(IO[bytes], self._bash.stdout)
        self._tell('export LC_ALL=C.UTF-8 PATH="$PATH:/usr/sbin:/sbin"\n')
        if is_root:
            self._tell('sudo() { "$@"; }\n')  # a root shell need not have it

    def __enter__(self) -> Shell:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.wait()
        self._stdin.close()
        self._stdout.close()

    def run(self, command: str, timeout_s: float, show: Callable[[str], None]) -> str:
        """What the command printed, both streams; `show` gets each line as it comes. Raises: DemoStuck"""
        self._tell(f"eval {shlex.quote(command)} </dev/null\nprintf '{END}'\n")
        deadline, text, shown = time.monotonic() + timeout_s, "", 0
        while END not in text:
            text += self._read(deadline, command)
            whole = text.rfind("\n") + 1
            if whole > shown:
                show(text[shown:whole].replace(END, ""))
                shown = whole
        output = text.split(END)[0]
        show(output[shown:])
        return output

    def _tell(self, line: str) -> None:
        self._stdin.write(line.encode())
        self._stdin.flush()

    def _read(self, deadline: float, command: str) -> str:
        """More output. Raises: DemoStuck"""
        ready, _, _ = select.select([self._stdout], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            raise DemoStuck(f"it did not end in time: {command}")
        block = os.read(self._stdout.fileno(), 65536)
        if not block:
            raise DemoStuck(f"it ended the shell: {command}")
        return block.decode(errors="replace")
