"""The loader's side of cages: a dataset is read by a process of its own, which may die or hang without harm."""

from __future__ import annotations

import atexit
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, cast

from core.settings import Settings
from loader.cage.walls import Limits
from loader.cage.wire import dataset_as_json, receive, receive_archive, receive_layer, send, understood
from loader.chunks import Chunk, LayerRef, OpenLayer
from loader.errors import ReaderEnded
from loader.read.archives import Inspected
from loader.scan import Dataset

TRY_IT = "does it open in QGIS or ogrinfo? Is there memory for it? Change it, and it is tried again"
LOOK_S = 2.0
"""How often it is looked whether a cage that sends nothing reads something."""

CPU_S, CPU_S_OF_MB = 600, 1.0
"""Processor time that any dataset may take, and more for each MB of it."""

MB = 1_000_000
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
"""No secret. A process with one thread can be copied. Arrow reads files into its default pool, whatever pyarrow's is,
and one of its own would keep 30 MB.
"""


class Cages:
    """Makes cages. Its process starts with the first, and again after it died."""

    def __init__(self) -> None:
        """None yet."""
        self._maker: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._lock = threading.Lock()
        self._count, self._used_at = 0, 0.0

    def close(self) -> None:
        """End the process that makes cages, and with it all that are left."""
        if self._maker is not None and self._line is not None:
            self._line.close()
            self._maker.kill()
            self._maker.wait()
        self._maker = self._line = None

    def rest(self, after_s: float) -> None:
        """End the process that makes cages where nothing was read for so long: the next dataset waits half a second."""
        with self._lock:
            if not self._count and time.monotonic() - self._used_at > after_s:
                self.close()

    @contextmanager
    def _counted(self) -> Generator[None]:
        """Keep that process for as long as the block runs."""
        with self._lock:
            self._count += 1
        try:
            yield
        finally:
            with self._lock:
                self._count, self._used_at = self._count - 1, time.monotonic()

    def processes(self) -> list[int]:
        """The process that makes cages, and those that are in them."""
        if self._maker is None:
            return []
        number = self._maker.pid
        return [number, *map(int, Path(f"/proc/{number}/task/{number}/children").read_text().split())]

    def _ask(self, message: dict[str, Any], *descriptors: int) -> int:
        """What the maker answers one thread; a new one, where it is gone. Raises: OSError when that is gone, too"""
        with self._lock:
            return self._answer(message, *descriptors)

    def _answer(self, message: dict[str, Any], *descriptors: int) -> int:
        for _ in range(2):
            line = self._started()
            with suppress(OSError):
                socket.send_fds(line, [json.dumps(message).encode()], descriptors)
                if answer := line.recv(100):
                    return int(answer)
            self.close()
        raise OSError("there is no process to read files")

    def _started(self) -> socket.socket:
        if self._line is not None and self._maker is not None and self._maker.poll() is None:
            return self._line
        self.close()
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {**ENVIRONMENT, "PYTHONPATH": os.fspath(Path(__file__).parents[2])}
        command = [sys.executable, "-m", "loader.cage"]
        with theirs:
            self._maker = subprocess.Popen(  # noqa: S603 (this interpreter)
                command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env=environment, start_new_session=True
            )
        atexit.register(self.close)
        return self._line

    def walls(self, settings: Settings) -> tuple[str, ...]:
        """The walls that stand around every cage on this machine. Raises: OSError, CannotRead"""
        with self.reading(Dataset(os.devnull, "csv", Path(os.devnull), (), ""), settings) as cage:
            return cage.walls

    @contextmanager
    def reading(self, dataset: Dataset, settings: Settings) -> Generator[CagedDataset]:
        """A cage around a dataset. Raises: ReaderEnded inside, where it dies or hangs"""
        with self._counted(), self._around(dataset, settings) as cage:
            yield cage

    @contextmanager
    def _around(self, dataset: Dataset, settings: Settings) -> Generator[CagedDataset]:
        ours, theirs = socket.socketpair()
        limits = Limits(settings.read_memory_mb * MB, CPU_S + int(dataset.size_bytes / MB * CPU_S_OF_MB))
        number = self._ask({**dataset_as_json(dataset), "limits": asdict(limits)}, theirs.fileno())
        theirs.close()
        ended: int | None = None
        try:
            with ours, ours.makefile("wb", 0) as requests:
                watched = io.BufferedReader(Watched(ours, number, settings.read_stall_s), 1 << 16)
                yield CagedDataset(cast("BinaryIO", watched), cast("BinaryIO", requests))
        except TimeoutError as error:
            what = f"was read for {settings.read_stall_s} s without progress (ISTHMUS_READ_STALL_S)"
            raise ReaderEnded(f"{dataset.path} {what}", hint=TRY_IT) from error
        except (EOFError, ConnectionError) as error:
            ended = self._ask({"end": number})
            raise ReaderEnded(f"{dataset.path} {what_became(ended)}", hint=TRY_IT) from error
        finally:
            if ended is None:
                self._ask({"end": number})


CAGES = Cages()
"""Those of this process."""


def what_became(status: int) -> str:
    """How the process that read a file ended, as a sentence about the file."""
    if status == -signal.SIGXCPU:
        return "takes more processor time than files of its size do"
    name = signal.Signals(-status).name if status < 0 else f"status {status}"
    return f"ended the process that read it ({name})"


class CagedDataset:
    """A dataset in its cage."""

    def __init__(self, file: BinaryIO, out: BinaryIO) -> None:
        """`file`: what comes; `out`: where requests go."""
        self._file = file
        self._rest: Iterator[Chunk] = iter(())
        self._out = out
        with understood():
            self.walls = tuple(map(str, receive(file)["walls"]))

    def layers(self) -> list[LayerRef]:
        """As `find_layers`."""
        send(self._out, {"layers": True})
        with understood():
            return [LayerRef(**ref) for ref in receive(self._file)["layers"]]

    def archive(self) -> Inspected:
        """As `read_archive`."""
        send(self._out, {"archive": True})
        return receive_archive(self._file)

    def open(self, ref: LayerRef) -> OpenLayer:
        """As `open_layer`. The rows of one that was opened before, and not read to its end, are left behind."""
        for _ in self._rest:
            pass
        send(self._out, {"layer": asdict(ref)})
        layer = receive_layer(self._file)
        self._rest = layer.chunks
        return layer


class Watched(io.RawIOBase):
    """What a cage sends. Raises: TimeoutError when it makes no progress"""

    def __init__(self, ours: socket.socket, number: int, stall_s: float) -> None:
        """`number`: of the process. stall_s: how long it may send nothing and read nothing."""
        self._ours = ours
        self._number = number
        self._stall_s = stall_s

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """What is there, once something is."""
        read, deadline = self._bytes_read(), time.monotonic() + self._stall_s
        while not select.select([self._ours], [], [], LOOK_S)[0]:
            now = self._bytes_read()
            if now != read:
                read, deadline = now, time.monotonic() + self._stall_s
            elif time.monotonic() > deadline:
                raise TimeoutError
        return self._ours.recv_into(buffer)

    def _bytes_read(self) -> bytes:
        try:
            return Path(f"/proc/{self._number}/io").read_bytes().partition(b"\n")[0]
        except OSError:
            return b""
