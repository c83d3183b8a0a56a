"""A finding: one promise of a mode, held against what was seen. The lab's check is made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Verdict = Literal["kept", "broken", "warning", "unseen"]
ORDER: tuple[Verdict, ...] = ("broken", "warning", "unseen", "kept")
"""Of a report: what needs somebody comes first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence about a subject (a container, a port, the host), and whether it is true.

    `seen` is what there is, `because` how that is known or what follows from it. `fix` is a command or a line to
    change, in several lines when there is a choice, empty where nothing has to be mended. `unseen`: rights or tools
    were missing, so nothing is claimed.
    """

    code: str
    subject: str
    promise: str
    expected: str
    seen: str
    because: str
    verdict: Verdict = "kept"
    fix: str = ""

    def held(self, *, when: bool, fix: str = "", otherwise: Verdict = "broken") -> Finding:
        """The promise as it is when it is kept, or with the verdict and the fix of one that is not."""
        return self if when else replace(self, verdict=otherwise, fix=fix)

    def unseen(self, why: str, fix: str) -> Finding:
        """The promise, not judged, because it could not be looked at."""
        return replace(self, seen="could not be looked at", because=why, verdict="unseen", fix=fix)


def accepted(promises: Iterable[Finding], codes: Iterable[str]) -> tuple[Finding, ...]:
    """The promises, of which those that the operator breaks knowingly are warnings."""
    known = frozenset(codes)
    return tuple(
        replace(one, verdict="warning", because=f"{one.because} (accepted by --accept {one.code})")
        if one.verdict == "broken" and one.code in known
        else one
        for one in promises
    )


def in_order(promises: Iterable[Finding]) -> tuple[Finding, ...]:
    """Broken ones first, and each verdict by subject, in the order in which subjects came."""
    listed = list(promises)
    subjects = {subject: place for place, subject in enumerate(dict.fromkeys(one.subject for one in listed))}
    return tuple(sorted(listed, key=lambda one: (ORDER.index(one.verdict), subjects[one.subject])))


def counts(promises: Iterable[Finding]) -> dict[Verdict, int]:
    """How many of each verdict."""
    found = Counter(one.verdict for one in promises)
    return {verdict: found[verdict] for verdict in ORDER}
