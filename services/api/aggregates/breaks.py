"""Bounds between classes of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from api.query.aggregates import Classes

JENKS_VALUES = 200
"""Natural breaks are looked for among so many values, spread evenly over all: the work grows with the square."""


def shares_for(classes: Classes, number: int) -> list[float]:
    """At which shares of all values, 0 for the least, the bounds of classes are worked out from the values."""
    steps = {"hist": 1, "quantile": number, "jenks": JENKS_VALUES}[classes]
    return [step / steps for step in range(steps + 1)]


def bounds_for(classes: Classes, number: int, values: Sequence[float] | None) -> tuple[float, ...]:
    """The bounds of classes, from the lowest to the highest, each once, so that there may be fewer classes than asked.

    values: those at the shares, ascending; None: there are none
    """
    if not values:
        return ()
    low, high = values[0], values[-1]
    if low == high:
        return low, high
    if classes == "hist":
        width = high / number - low / number
        inner = [low + width * step for step in range(1, number)]
    elif classes == "quantile":
        inner = list(values[1:-1])
    else:
        inner = natural_breaks(sorted(set(values)), number)
    return tuple(sorted({low, *inner, high}))


def natural_breaks(values: Sequence[float], number: int) -> list[float]:
    """Where each class but the first begins, so that values differ as little as can be from the mean of their class.

    Source: Fisher, On grouping for maximum homogeneity (1958), by dynamic programming. Cost: number * len(values)^2
    """
    sums = [0.0, *accumulate(values)]
    squares = [0.0, *accumulate(value * value for value in values)]

    def spread(start: int, end: int) -> float:
        total = sums[end] - sums[start]
        return squares[end] - squares[start] - total * total / (end - start)

    count = len(values)
    best = [spread(0, end) if end else 0.0 for end in range(count + 1)]
    begins: list[list[int]] = []
    for _ in range(1, min(number, count)):
        choices = [
            min(((best[start] + spread(start, end), start) for start in range(1, end)), default=(best[end], 0))
            for end in range(count + 1)
        ]
        best, starts = [cost for cost, _ in choices], [start for _, start in choices]
        begins.append(starts)
    places = [count]
    for starts in reversed(begins):
        places.append(starts[places[-1]])
    return [values[start] for start, _ in pairwise(reversed(places)) if start]
