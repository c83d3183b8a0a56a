"""What can go wrong when the lab looks at a stack, named after what the operator can do about it."""

from __future__ import annotations

from core.errors import IsthmusError


class EngineAway(IsthmusError):
    """No Docker engine answers, or it does not let this user in."""

    code = "engine-away"


class NoStack(IsthmusError):
    """The stack does not run, or not in the wanted mode."""

    code = "stack-missing"


class OutputNotWritten(IsthmusError):
    """The file that the output should go to cannot be written."""

    code = "output-not-written"


class BadRecording(IsthmusError):
    """The file is not a recording of the lab."""

    code = "recording-invalid"


class UnknownDemo(IsthmusError):
    """The lesson has no demo of that name."""

    code = "demo-unknown"


class BadPage(IsthmusError):
    """A page of the lesson cannot be read as demos."""

    code = "page-invalid"


class DemoStuck(IsthmusError):
    """A command of a demo did not end, or ended the shell."""

    code = "demo-stuck"


class NeedsRoot(IsthmusError):
    """A demo has commands that only root may run."""

    code = "root-needed"


class ClientEnded(IsthmusError):
    """The measuring client ended before it had measured."""

    code = "measuring-client-ended"


class NothingToMeasure(IsthmusError):
    """No collection is served that has features and tiles."""

    code = "nothing-to-measure"


class ModeFailed(IsthmusError):
    """A mode did not start."""

    code = "mode-failed"


class BenchmarkRuns(IsthmusError):
    """Another comparison of the same stack runs."""

    code = "comparison-runs"


class NativeRuns(IsthmusError):
    """The stack runs without Docker, and would have to be stopped."""

    code = "native-runs"
