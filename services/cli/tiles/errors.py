"""What can stop a walk over tiles, named after what the operator can do about it."""

from __future__ import annotations

from core.errors import IsthmusError


class WrongUse(IsthmusError):
    """The command was asked for something that it does not do."""

    code = "usage-wrong"


class NothingThere(IsthmusError):
    """There is no tile to export."""

    code = "tiles-none"


class CannotWrite(IsthmusError):
    """The archive cannot be written."""

    code = "archive-unwritable"


class DataChanged(IsthmusError):
    """The data changed while their tiles were read."""

    code = "data-changed"
