"""In which order modes and workloads take their turns, so that a drift of the machine's speed favours none."""

from __future__ import annotations

from collections.abc import Sequence


def turns(modes: Sequence[str], rounds: int) -> tuple[tuple[str, ...], ...]:
    """The order of the modes in each round; each begins with the one that the round before ended with.

    A B C D, D C B A, A C D B, …: a steady drift meets each pair of rounds alike, and one switch a round is saved.
    """
    orders = [tuple(modes)]
    while len(orders) < rounds:
        last = orders[-1]
        rest = last[-2::-1] if len(orders) % 2 else last[-2::-1][1:] + last[-2::-1][:1]
        orders.append((last[-1], *rest))
    return tuple(orders[:rounds])


def begin_with(modes: Sequence[str], running: str | None) -> tuple[str, ...]:
    """The modes with the running one first, which saves a switch."""
    if running is None or running not in modes:
        return tuple(modes)
    at = list(modes).index(running)
    return (*modes[at:], *modes[:at])


def switches(orders: Sequence[Sequence[str]], running: str | None) -> int:
    """How often another mode is started, the return to the one that runs now (or to none) included."""
    count, now = 0, running
    for mode in (mode for order in orders for mode in order):
        count += mode != now
        now = mode
    return count + (now != running)
