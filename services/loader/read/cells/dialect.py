"""How text with a delimiter is written: its encoding, the delimiter, the names of its columns."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath

from loader.kinds import unpacked
from loader.read.content import HEAD_BYTES
from loader.read.files import ZIP, open_bytes

DELIMITERS = ",;\t|"
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
FALLBACK_ENCODING = "cp1252"
QUOTED = re.compile(r'"[^"]*"')
SEPARATOR = re.compile(r'"?sep=(.)"?\s*$', re.IGNORECASE)
"""The first line that spreadsheets may write."""

NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?")
YEAR = re.compile(r"[12]\d\d\d")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is to be read. `names`: those of its head, empty where it has none, `recoded` if they are no UTF-8;
    `skipped`: the lines before the rows
    """

    encoding: str
    delimiter: str
    names: tuple[str, ...]
    has_head: bool
    skipped: int
    recoded: bool = False

    @property
    def column_names(self) -> list[str]:
        """A name for each column."""
        return [name or f"field_{number}" for number, name in enumerate(self.names, 1)]


@contextmanager
def open_text(address: str, dialect: Dialect) -> Generator[io.TextIOWrapper]:
    """The lines of a file after its head, with their ends. Bytes that are no text become surrogates."""
    with text_at(address, dialect.encoding) as file:
        for _ in range(dialect.skipped):
            file.readline()
        yield file


@contextmanager
def text_at(address: str, encoding: str) -> Generator[io.TextIOWrapper]:
    """What an address holds, as text."""
    errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
    with open_bytes(address) as file:
        yield io.TextIOWrapper(file, encoding, errors, newline="")


def find_dialect(address: str) -> Dialect:
    """How the file is written, by its first lines. Raises: OSError, ValueError for what is no text"""
    with open_bytes(address) as file:
        head = file.read(HEAD_BYTES)
    encoding = encoding_of(head)
    with text_at(address, encoding) as text:
        first = text.readline()
        said = SEPARATOR.match(first)
        line = text.readline() if said else first
        delimiter = said[1] if said else delimiter_of(line, address)
    with text_at(address, encoding) as text:
        if said:
            text.readline()
        reader = csv.reader(text, delimiter=delimiter)
        values = next((row for row in reader if row), list[str]())
        head_lines = reader.line_num
    if not values:
        raise ValueError("it holds no row")
    has_head = is_head(values)
    names = tuple(recoded_name(value) if has_head else "" for value in values)
    recoded = any("\udc80" <= letter <= "\udcff" for value in values for letter in value)
    return Dialect(encoding, delimiter, names, has_head, bool(said) + (head_lines if has_head else 0), recoded)


def encoding_of(head: bytes) -> str:
    """The encoding of a text. Raises: ValueError for what is no text"""
    for mark, encoding in BOMS:
        if head.startswith(mark):
            return encoding
    if len(head) >= 4 and head[1:64:2].count(0) == len(head[1:64:2]) and any(head[0:64:2]):
        return "utf-16-le"
    if head.count(0) * 20 > len(head):
        raise ValueError("what it holds is no text")
    return "utf-8"


def delimiter_of(line: str, address: str) -> str:
    """What stands most often in the head, outside of quotes; a tab in a `.tsv` that has any."""
    bare = QUOTED.sub("", line)
    member = ZIP.fullmatch(address)
    path = unpacked(PurePath(member[2] if member else address))
    if path.suffix.lower() == ".tsv" and "\t" in bare:
        return "\t"
    return max(DELIMITERS, key=bare.count)


def is_head(values: Sequence[str]) -> bool:
    """Whether the first row names columns: it holds no number, but perhaps years."""
    return not any(NUMBER.fullmatch(value.strip()) and not YEAR.fullmatch(value.strip()) for value in values)


def recoded_name(name: str) -> str:
    """A name without spaces around it; one that is no UTF-8 is read in the fallback encoding."""
    try:
        name.encode()
    except UnicodeEncodeError:
        name = name.encode(errors="surrogateescape").decode(FALLBACK_ENCODING, errors="replace")
    return name.strip().lstrip("\ufeff")
