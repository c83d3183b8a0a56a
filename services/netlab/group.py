"""The click group of the lab: errors as one line with a hint, exit codes, pipes that end early."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from core.errors import BadSetting, IsthmusError

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


class Group(click.Group):
    """Exit codes: 0 all well, 1 a promise is broken or something could not be looked at, 2 wrong usage, 130 Ctrl-C."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        result = None
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except IsthmusError as error:
            click.echo(f"isthmus net: {error.detail}", err=True)
            if error.hint:
                click.echo(f"  {error.hint}", err=True)
            ctx.exit(EXIT_USAGE if isinstance(error, BadSetting) else EXIT_FAILED)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `| head` has seen enough
            ctx.exit(0)
        except KeyboardInterrupt:
            click.echo("interrupted: nothing half done is left", err=True)
            ctx.exit(EXIT_INTERRUPTED)
        return result
