"""What can go wrong when the lab looks at a stack, named after what the operator can do about it."""

from __future__ import annotations

from core.errors import IsthmusError


class EngineAway(IsthmusError):
    """No Docker engine answers, or it does not let this user in."""


class NoStack(IsthmusError):
    """The stack does not run, or not in the wanted mode."""


class OutputNotWritten(IsthmusError):
    """The file that the output should go to cannot be written."""


class BadRecording(IsthmusError):
    """The file is not a recording of the lab."""


class UnknownDemo(IsthmusError):
    """The lesson has no demo of that name."""


class BadPage(IsthmusError):
    """A page of the lesson cannot be read as demos."""


class DemoStuck(IsthmusError):
    """A command of a demo did not end, or ended the shell."""


class NeedsRoot(IsthmusError):
    """A demo has commands that only root may run."""


class ClientEnded(IsthmusError):
    """The measuring client ended before it had measured."""


class NothingToMeasure(IsthmusError):
    """No collection is served that has features and tiles."""


class ModeFailed(IsthmusError):
    """A mode did not start."""


class BenchmarkRuns(IsthmusError):
    """Another comparison of the same stack runs."""


class NativeRuns(IsthmusError):
    """The stack runs without Docker, and would have to be stopped."""
