"""The click group of the lab."""

from __future__ import annotations

from core.terminal import CommandGroup


class Group(CommandGroup):
    """Exit codes: 0 all well, 1 a promise is broken or something could not be looked at, 2 wrong usage, 130 Ctrl-C."""

    called = "isthmus net"
