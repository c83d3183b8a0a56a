"""The page of the tutorial as values: its demos, what each runs, and what that printed when the page was made.

    ### The heading is the demo's title
    <!-- demo: NAME on MODE -->

MODE is the mode in which the stack must run, or `any`. A demo ends before the next heading. Its blocks of the kind
`console` hold commands (`$ `, continued by `> `), each with its output below; the other lines explain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
