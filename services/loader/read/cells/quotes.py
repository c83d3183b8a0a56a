"""Rows of text with a delimiter and quotes, each with the line where it begins, past quotes that are not closed."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import TextIO

from loader.errors import CannotRead
from loader.read.cells.dialect import Dialect

MOST_OPEN_QUOTES = 100
NOT_CLOSED = ("expected after", "end of data")
"""Words of what is said of a quote with more behind it, which within a line is a part of the value, or that goes on."""

END = "\0end"
"""A last line, which a quote that is not closed takes in."""

Record = tuple[int, list[str]]
"""The line where a row begins, and its values."""


class Lines:
    """The lines of a text, and an end. `number`: of the last that was given; `taken`: those of the row under way"""

    def __init__(self, file: TextIO, skipped: int) -> None:
        """`skipped`: how many lines were read before."""
        self._file = file
        self._again: deque[str] = deque()
        self._ended = False
        self.number = skipped
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._file.readline()
        if not line:
            if self._ended:
                raise StopIteration
            self._ended, line = True, f"{END}\n"
        self.number += 1
        self.taken.append(line)
        return line

    def give_back(self) -> None:
        """Give all lines of the row under way but the first once more."""
        self._again.extendleft(reversed(self.taken[1:]))
        self.number -= len(self.taken) - 1


def records(file: TextIO, dialect: Dialect, left_out: list[tuple[int, str]]) -> Iterator[Record]:
    """The rows. `left_out` grows by lines with a quote that is not closed, after which it goes on.

    Raises: CannotRead for a value beyond any size, and where that happens all the time
    """
    lines = Lines(file, dialect.skipped)
    reader = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
    open_quotes = 0
    while True:
        lines.taken.clear()
        line = lines.number + 1
        try:
            values = next(reader)
        except csv.Error as error:
            if not any(word in str(error) for word in NOT_CLOSED):
                raise CannotRead(f"line {line} cannot be read: {error}", hint="is a quote not closed?") from error
            reader = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
            values = [] if lines.taken[1:] else next(csv.reader(lines.taken, delimiter=dialect.delimiter))
        if values == [END]:
            return
        if len(lines.taken) > 1 and (not values or is_open(lines.taken, values, len(dialect.names))):
            open_quotes += 1
            if open_quotes > MOST_OPEN_QUOTES:
                raise CannotRead(f"line {line} has a quote that is not closed, as many others", hint="close them")
            left_out.append((line, "has a quote that is not closed"))
            lines.give_back()
            reader = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
        elif values:
            yield line, values


def is_open(taken: list[str], values: list[str], width: int) -> bool:
    """Whether a row went on over lines that are not its own, as its quotes are odd in number, or the end is in it."""
    if taken[-1].startswith(END):
        return True
    return len(values) != width and sum(line.count('"') for line in taken) % 2 == 1
