"""The one error of this package, with the place of the mistake in its sentence."""

from __future__ import annotations

from api.cql2.tree.ast import Place
from core.errors import BadFilter

AROUND = 20
"""Characters of the filter that an error shows on each side of the mistake."""


def mistake(what: str, at: Place = None, *, hint: str | None = None) -> BadFilter:
    """`what, at position 12`, where positions count characters from 0; JSON has places such as `/args/0`."""
    place = ""
    if isinstance(at, int):
        place = f", at position {at}"
    elif at is not None:
        place = f", at {at or 'the root'}"
    return BadFilter(f"{what}{place}", hint=hint, parameter="filter")


def mistake_in(text: str, what: str, at: int, *, hint: str | None = None) -> BadFilter:
    """The same with the text around the place, and a mark where it is."""
    before, after = text[max(0, at - AROUND) : at], text[at : at + AROUND]
    start, end = "…" if at > AROUND else "", "…" if len(text) > at + AROUND else ""
    shown = f"{start}{before}⟨here⟩{after}{end}".replace("\n", " ")
    return BadFilter(f"{what}, at position {at}: {shown}", hint=hint, parameter="filter")
