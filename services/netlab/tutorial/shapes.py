"""Outputs without what differs from run to run, so that those of two machines can be compared.

An address, an interface, a namespace becomes its kind and a number in the order of first appearance in the demo. So it
still counts which of them are equal: three containers in one namespace are not three containers in three.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from netlab.tutorial.page import Command

PRIVATE = r"(?:10\.\d+|172\.(?:1[6-9]|2\d|3[01])|192\.168)\.\d+\.\d+"
PATTERNS = {
    "time": r"\b\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)",
    "mac": r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b",
    "id": r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b",
    "veth": r"\bveth[0-9a-f]{7}\b",
    "namespace": r"(?<=net:\[)\d+",
    "subnet": PRIVATE + r"/\d+",
    "address": PRIVATE + r"(?![\d/])",
    "port": r"(?<=[\]0-9]:)(?:3276[89]|327[7-9]\d|32[89]\d\d|3[3-9]\d{3}|[45]\d{4}|60\d{3})\b(?<!55432)",
    "card": r"^\d+(?=: \w+[@:])|(?<=@if)\d+|(?<=ifindex:)\d+|(?<=iflink:)\d+|(?<=#)\d+",
    "process": r"(?<=docker-proxy )\d+|(?<=pid=)\d+|\(\d+\)",
    "duration": r"\b\d+(?:\.\d+)? ?(?:ms|s|seconds?|minutes?)\b",
}
VARYING = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in PATTERNS.items()), re.MULTILINE)
SHORT_ID = 12
"""Characters of an id that `docker ps` and a bridge's name show."""


@dataclass(slots=True)
class Numbers:
    """Which number each value got, by kind."""

    given: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])

    def shape(self, match: re.Match[str]) -> str:
        """`<kind n>` in place of a value."""
        kind, value = str(match.lastgroup), match.group()[:SHORT_ID] if match.lastgroup == "id" else match.group()
        if kind in ("time", "duration"):
            return f"<{kind}>"
        known = self.given.setdefault(kind, {})
        return f"<{kind} {known.setdefault(value, len(known) + 1)}>"


def shapes(outputs: Sequence[str]) -> list[str]:
    """The outputs of one demo with every varying value as its kind and number, and blanks as one blank."""
    numbers = Numbers()
    return [plain(VARYING.sub(numbers.shape, output)) for output in outputs]


def plain(text: str) -> str:
    """Without the widths of columns and blanks at ends of lines."""
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


@dataclass(frozen=True, slots=True)
class Difference:
    """A command that printed something else than the page says, both as they were and as they were compared."""

    command: str
    page: str
    seen: str
    page_shape: str
    seen_shape: str


def compare(seen: Sequence[tuple[Command, str]]) -> tuple[Difference, ...]:
    """The differences between a demo's page and what its commands printed, in the page's words."""
    there, here = shapes([command.output for command, _ in seen]), shapes([output for _, output in seen])
    return tuple(
        Difference(command.text, command.output, output, wanted, found)
        for (command, output), wanted, found in zip(seen, there, here, strict=True)
        if wanted != found
    )
