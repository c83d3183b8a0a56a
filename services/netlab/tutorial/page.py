"""The page of the tutorial as values: its demos, what each runs, and what that printed when the page was made.

    ### The heading is the demo's title
    <!-- demo: NAME on MODE -->

MODE is the mode in which the stack must run, or `any`. A demo ends before the next heading. Its blocks of the kind
`console` hold commands (`$ `, continued by `> `), each with its output below; the other lines explain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from netlab.errors import BadPage
from netlab.model.observation import MODES

ANY = "any"
MARKER = re.compile(r"<!-- demo: ([a-z0-9-]+) on ([a-z]+) -->")
HEADING = re.compile(r"#+ (.+)")
OPENING, CLOSING = "```console", "```"


@dataclass(frozen=True, slots=True)
class Command:
    """A command and the output below it. `start` and `stop` are the output's lines on the page, counted from 0."""

    text: str
    output: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Demo:
    """A section that can be run. `parts` are its explanations and its commands, as they stand on the page."""

    name: str
    mode: str
    title: str
    parts: tuple[str | Command, ...]

    @property
    def commands(self) -> tuple[Command, ...]:
        """What it runs."""
        return tuple(part for part in self.parts if isinstance(part, Command))


def parse_page(text: str) -> tuple[Demo, ...]:
    """The demos of a page. Raises: BadPage"""
    lines = text.splitlines()
    demos = tuple(demo_at(lines, number) for number, line in enumerate(lines) if MARKER.fullmatch(line))
    names = [demo.name for demo in demos]
    if len(set(names)) < len(names):
        raise BadPage(f"two demos have the same name: {', '.join(names)}")
    return demos


def demo_at(lines: Sequence[str], number: int) -> Demo:
    """The demo whose marker is in that line, below its heading."""
    match, heading = MARKER.fullmatch(lines[number]), HEADING.fullmatch(lines[number - 1]) if number else None
    if match is None or heading is None:
        raise BadPage(f"line {number + 1}: the marker of a demo stands below its heading")
    name, mode = match.groups()
    if mode not in (ANY, *MODES):
        raise BadPage(f"line {number + 1}: {name} wants mode {mode}, which is none of {', '.join((ANY, *MODES))}")
    demo = Demo(name, mode, heading.group(1), tuple(parts_from(lines, number + 1)))
    if not demo.commands:
        raise BadPage(f"line {number + 1}: {name} runs no command")
    return demo


def parts_from(lines: Sequence[str], number: int) -> Iterator[str | Command]:
    """What follows a marker, up to the next heading or the end."""
    words: list[str] = []
    while number < len(lines) and not HEADING.fullmatch(lines[number]):
        if lines[number] != OPENING:
            words.append(lines[number])
            number += 1
            continue
        yield from said(words)
        words = []
        stop = end_of_block(lines, number + 1)
        yield from commands_in(lines, number + 1, stop)
        number = stop + 1
    yield from said(words)


def said(words: Sequence[str]) -> Iterator[str]:
    """Lines of explanation without the empty ones around them; nothing when there are none."""
    text = "\n".join(words).strip("\n")
    if text:
        yield text


def end_of_block(lines: Sequence[str], number: int) -> int:
    """The line that closes the block. Raises: BadPage"""
    for stop in range(number, len(lines)):
        if lines[stop] == CLOSING:
            return stop
    raise BadPage(f"line {number}: the block is not closed")


def commands_in(lines: Sequence[str], number: int, stop: int) -> Iterator[Command]:
    """The commands of a block's lines."""
    if number < stop and not lines[number].startswith("$ "):
        raise BadPage(f"line {number + 1}: a block begins with a command, `$ ...`")
    while number < stop:
        start = number + 1
        while start < stop and lines[start].startswith("> "):
            start += 1
        end = start
        while end < stop and not lines[end].startswith("$ "):
            end += 1
        text = "\n".join(line[2:] for line in lines[number:start])
        yield Command(text, "\n".join(lines[start:end]), start, end)
        number = end


def with_outputs(text: str, seen: Sequence[tuple[Command, str]]) -> str:
    """The page with other outputs below commands that were parsed from it."""
    lines = text.splitlines()
    for command, output in sorted(seen, key=lambda one: one[0].start, reverse=True):
        lines[command.start : command.stop] = output.splitlines()
    return "\n".join(lines) + "\n"


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
    """The outputs of one demo without what differs from run to run, so that those of two machines can be compared.

    An address, an interface, a namespace becomes its kind and a number in the order of first appearance. So it still
    counts which are equal: three containers in one namespace are not three in three. Blanks become one blank.
    """
    numbers = Numbers()
    return [plain(VARYING.sub(numbers.shape, output)) for output in outputs]


def plain(text: str) -> str:
    """Without the widths of columns and blanks at ends of lines."""
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


@dataclass(frozen=True, slots=True)
class Difference:
    """A command that printed something else than the page says, both outputs as they were compared."""

    command: str
    page_shape: str
    seen_shape: str


def compare(seen: Sequence[tuple[Command, str]]) -> tuple[Difference, ...]:
    """The differences between a demo's page and what its commands printed, in the page's words."""
    there, here = shapes([command.output for command, _ in seen]), shapes([output for _, output in seen])
    return tuple(
        Difference(command.text, wanted, found)
        for (command, _), wanted, found in zip(seen, there, here, strict=True)
        if wanted != found
    )
