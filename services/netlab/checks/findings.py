"""A finding: one promise of a mode, held against what was seen; and all of them as a report.

As text for a terminal, readable without colour, and as the JSON that `--json` prints and the API reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from netlab.model.observation import Observation

Verdict = Literal["kept", "broken", "warning", "unseen"]
WORDS: dict[Verdict, tuple[str, str, str]] = {
    "broken": ("✗", "broken", "broken"),
    "warning": ("!", "warning", "warnings"),
    "unseen": ("?", "not seen", "not seen"),
    "kept": ("✓", "kept", "kept"),
}
"""A verdict's mark, its word for one and for several. In the order of a report: what needs somebody comes first."""
ORDER = tuple(WORDS)


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


def report_text(seen: Observation, promises: Sequence[Finding], *, quiet: bool) -> str:
    """The whole report. `quiet`: only what is broken, warned of, or could not be seen."""
    shown = [one for one in promises if not quiet or one.verdict in ("broken", "warning")]
    head = f"{seen.project} in mode {seen.mode or '?'}   (Docker {seen.engine.version}, {seen.taken_at})"
    parts = [[] if quiet else [head], *(list(section(verdict, shown)) for verdict in ORDER)]
    return "\n\n".join("\n".join(lines) for lines in [*parts, [counts_text(promises)]] if lines)


def section(verdict: Verdict, promises: Sequence[Finding]) -> Iterator[str]:
    """The promises of a verdict, by subject."""
    found = [one for one in promises if one.verdict == verdict]
    if found:
        yield WORDS[verdict][2].upper()
    for subject in dict.fromkeys(one.subject for one in found):
        yield f"  {subject}"
        for one in (one for one in found if one.subject == subject):
            yield from finding_lines(one)


def finding_lines(one: Finding) -> Iterator[str]:
    """One line, and how that is known; several where somebody has to look at it."""
    mark = WORDS[one.verdict][0]
    if one.verdict == "kept":
        yield f"  {mark} {one.promise}: {one.seen}   ({one.because})"
        return
    yield f"  {mark} {one.promise}   [{one.code}]"
    yield f"      expected  {one.expected}"
    yield f"      seen      {one.seen}"
    yield f"      because   {one.because}"
    for number, line in enumerate(one.fix.splitlines()):
        yield f"      {'' if number else 'fix':<8}  {line}"


def counts_text(promises: Sequence[Finding]) -> str:
    """`31 promises: 1 broken, 2 warnings, 0 not seen, 28 kept`."""
    parts = [f"{number} {WORDS[verdict][1 + (number != 1)]}" for verdict, number in counts(promises).items()]
    return f"{len(promises)} promises: {', '.join(parts)}"


def report_json(seen: Observation, promises: Sequence[Finding]) -> dict[str, Any]:
    """The report as other programs and the API read it."""
    return {
        "taken_at": seen.taken_at,
        "project": seen.project,
        "mode": seen.mode,
        "counts": counts(promises),
        "promises": [asdict(one) for one in promises],
    }
