"""The click group of `isthmus`: the database's errors are told in our words, too."""

from __future__ import annotations

from typing import Any

import click

from cli.tiles.errors import WrongUse
from core.db_errors import translated
from core.errors import BadSetting, UnknownCollection, UnknownTileMatrixSet
from core.terminal import CommandGroup
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


class Group(CommandGroup):
    """Exit codes: 0 done, 1 a dataset failed or the database does not answer, 2 wrong usage or setting, 130 Ctrl-C."""

    usage = USAGE

    def run(self, ctx: click.Context) -> Any:
        """The command, with psycopg's errors as ours."""
        with translated():
            return super().run(ctx)
