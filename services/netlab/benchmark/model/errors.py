"""What can go wrong when modes are compared, named after what the operator can do about it."""

from __future__ import annotations

from core.errors import IsthmusError


class ApiAway(IsthmusError):
    """The API does not answer, or not as it should."""

    code = "api-away"


class NothingToMeasure(IsthmusError):
    """No collection is served that has features and tiles."""

    code = "nothing-to-measure"


class ModeFailed(IsthmusError):
    """A mode did not start."""

    code = "mode-failed"


class ComparisonRuns(IsthmusError):
    """Another comparison of the same stack runs."""

    code = "comparison-runs"


class NativeRuns(IsthmusError):
    """The stack runs without Docker, and would have to be stopped."""

    code = "native-runs"
