"""Findings as text for a terminal, readable without colour, and as the JSON of `--json` and of the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from netlab.model.finding import Finding, Verdict, counts
from netlab.model.observation import Observation

MARKS: dict[Verdict, str] = {"kept": "✓", "broken": "✗", "warning": "!", "unseen": "?"}
HEADS: dict[Verdict, str] = {
    "broken": "BROKEN",
    "warning": "WARNINGS",
    "unseen": "NOT SEEN",
    "kept": "KEPT",
}
WORDS: dict[Verdict, tuple[str, str]] = {
    "kept": ("kept", "kept"),
    "broken": ("broken", "broken"),
    "warning": ("warning", "warnings"),
    "unseen": ("not seen", "not seen"),
}


def report_text(seen: Observation, promises: Sequence[Finding], *, quiet: bool) -> str:
    """The whole report. `quiet`: only what is broken, warned of, or could not be seen."""
    shown = [one for one in promises if not quiet or one.verdict in ("broken", "warning")]
    parts = (
        []
        if quiet
        else [[f"{seen.project} in mode {seen.mode or '?'}   (Docker {seen.engine.version}, {seen.taken_at})"]]
    )
    parts += [list(section(verdict, shown)) for verdict in HEADS]
    return "\n\n".join("\n".join(lines) for lines in [*parts, [counts_text(promises)]] if lines)


def section(verdict: Verdict, promises: Sequence[Finding]) -> Iterator[str]:
    """The promises of a verdict, by subject."""
    found = [one for one in promises if one.verdict == verdict]
    if found:
        yield HEADS[verdict]
    for subject in dict.fromkeys(one.subject for one in found):
        yield f"  {subject}"
        for one in (one for one in found if one.subject == subject):
            yield from kept_lines(one) if verdict == "kept" else open_lines(one)


def kept_lines(one: Finding) -> Iterator[str]:
    """A promise that is kept: one line, and how that is known."""
    yield f"  {MARKS[one.verdict]} {one.promise}: {one.seen}   ({one.because})"


def open_lines(one: Finding) -> Iterator[str]:
    """A promise that somebody has to look at."""
    yield f"  {MARKS[one.verdict]} {one.promise}   [{one.code}]"
    yield f"      expected  {one.expected}"
    yield f"      seen      {one.seen}"
    yield f"      because   {one.because}"
    for number, line in enumerate(one.fix.splitlines()):
        yield f"      {'' if number else 'fix':<8}  {line}"


def counts_text(promises: Sequence[Finding]) -> str:
    """`31 promises: 1 broken, 2 warnings, 0 not seen, 28 kept`."""
    parts = [f"{number} {WORDS[verdict][number != 1]}" for verdict, number in counts(promises).items()]
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
