"""The click group that turns our errors into one line, a hint and an exit code, never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import click

from cli.tiles.errors import WrongUse
from core.db import translated
from core.errors import BadSetting, IsthmusError, UnknownCollection, UnknownTileMatrixSet
from loader.errors import BadSideCar, CannotPrepare, DataFolderUnavailable, NoSuchVersion, NotInDataFolder

USAGE = (
    BadSetting,
    NotInDataFolder,
    UnknownCollection,
    UnknownTileMatrixSet,
    NoSuchVersion,
    CannotPrepare,
    BadSideCar,
    DataFolderUnavailable,
    WrongUse,
)
EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


class Group(click.Group):
    """Exit codes: 0 done, 1 a dataset failed or the database does not answer, 2 wrong usage or setting, 130 Ctrl-C."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with translated(), flushed():
                return super().invoke(ctx)
        except IsthmusError as error:
            say(error)
            ctx.exit(EXIT_USAGE if isinstance(error, USAGE) else EXIT_FAILED)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `| head` has seen enough
            ctx.exit(0)
        except KeyboardInterrupt:
            click.echo("interrupted: nothing half done is left", err=True)
            ctx.exit(EXIT_INTERRUPTED)


@contextmanager
def flushed() -> Generator[None]:
    """Write what is still in the buffer, so that a pipe that was closed is met here and not when Python ends."""
    try:
        yield
    finally:
        sys.stdout.flush()


def say(error: IsthmusError) -> None:
    """The error on standard error, in one line or two."""
    click.echo(f"isthmus: {error.detail}", err=True)
    if error.hint:
        click.echo(f"  {error.hint}", err=True)
