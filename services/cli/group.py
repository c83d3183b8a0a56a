"""The click group of `isthmus`: the database's errors are told in our words, too."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click

from cli.tiles.archive import WrongUse
from core.api_client import BadAddress
from core.database.sqlstates import translated
from core.errors import BadParameter, BadSetting, UnknownCollection, UnknownParameter, UnknownTileMatrixSet
from core.terminal import CommandGroup
from loader.errors import BadSideCar, CannotPrepare, DataFolderUnavailable, NoSuchVersion, NotInDataFolder

USAGE = (
    BadSetting,
    BadAddress,
    BadParameter,
    UnknownParameter,
    NotInDataFolder,
    UnknownCollection,
    UnknownTileMatrixSet,
    NoSuchVersion,
    CannotPrepare,
    BadSideCar,
    DataFolderUnavailable,
    WrongUse,
)


class Group(CommandGroup):
    """Exit codes: 0 done, 1 a dataset failed or the database does not answer, 2 wrong usage or setting, 130 Ctrl-C."""

    usage = USAGE

    def run(self, ctx: click.Context) -> Any:
        """The command, with psycopg's errors as ours; SIGTERM ends it as Ctrl-C does."""
        with translated(), stopped_by_sigterm():
            return super().run(ctx)


@contextmanager
def stopped_by_sigterm() -> Generator[None]:
    """Let SIGTERM end the block as Ctrl-C does: psycopg cancels its query, half a file is removed."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
