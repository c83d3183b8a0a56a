"""Commands on a terminal: errors as one line and a hint, exit codes, and pipes that end early.

Imported by the commands only: the API knows no click.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, ClassVar

import click

from core.errors import BadSetting, IsthmusError

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


class CommandGroup(click.Group):
    """Exit codes: 0 done, 1 something failed, 2 wrong usage or setting, 130 Ctrl-C."""

    called: ClassVar[str] = "isthmus"
    """What an error begins with."""
    usage: ClassVar[tuple[type[IsthmusError], ...]] = (BadSetting,)
    """The errors that are the caller's, who asked for what there is not."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with flushed():
                return self.run(ctx)
        except IsthmusError as error:
            click.echo(f"{self.called}: {error.detail}", err=True)
            if error.hint:
                click.echo(f"  {error.hint}", err=True)
            ctx.exit(EXIT_USAGE if isinstance(error, self.usage) else EXIT_FAILED)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `| head` has seen enough
            ctx.exit(0)
        except KeyboardInterrupt:
            click.echo("interrupted: nothing half done is left", err=True)
            ctx.exit(EXIT_INTERRUPTED)

    def run(self, ctx: click.Context) -> Any:
        """What happens inside; raises IsthmusError for what is expected."""
        return super().invoke(ctx)


@contextmanager
def flushed() -> Generator[None]:
    """Write what is still in the buffer, so that a pipe that was closed is met here and not when Python ends."""
    try:
        yield
    finally:
        sys.stdout.flush()
