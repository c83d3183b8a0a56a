"""What the texts of a column are: numbers, days, times, yes or no; and the columns made of them.

A column is of a type when all its texts are; so nothing is lost, and a column of numbers with one word in it is text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import time

import pyarrow as pa
import pyarrow.compute as pc

from loader.read.times import parse
from loader.report import Note

DAY = r"\d{4}[-/](0?[1-9]|1[0-2])[-/](0?[1-9]|[12]\d|3[01])"
CLOCK = r"([01]?\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?"
MOMENT = DAY + r"([T ]([01]?\d|2[0-3]):[0-5]\d(:([0-5]\d|60)(\.\d+)?)? ?(Z|[+-]\d\d(:?\d\d)?)?)?"
NUMBER = r"(?i)[+-]?(((0|[1-9]\d*)(\.\d*)?|0\d+\.\d+|\.\d+)(e[+-]?\d+)?|inf|infinity)|nan"

MICROSECONDS = 6
INT32_DIGITS, DOUBLE_DIGITS, INT64_DIGITS, DECIMAL_DIGITS = 9, 15, 18, 38
FEW = 0.1
"""Up to this share of values of another type, the report says why a column is text."""

AS_TIME = {b"GDAL:OGR:type": b"DateTime"}
"""Marks texts of times, see `times`."""


def to_whole(texts: pa.Array) -> pa.Array:
    """Whole numbers, as decimals where 64 bits do not do. Raises: pa.ArrowInvalid for more than 38 digits"""
    bare = pc.replace_substring_regex(texts, r"^\+", "")
    digits = pc.max(pc.binary_length(bare)).as_py() or 0
    if digits <= INT32_DIGITS:
        return bare.cast(pa.int32())
    return bare.cast(pa.int64() if digits <= INT64_DIGITS else pa.decimal128(DECIMAL_DIGITS, 0))


def to_number(texts: pa.Array) -> pa.Array:
    """Numbers. Raises: pa.ArrowInvalid for those beyond 1e308, and whole ones of which digits would be lost"""
    if pc.any(pc.match_substring_regex(texts, rf"^[+-]?\d{{{DOUBLE_DIGITS + 1},}}$")).as_py():
        raise pa.ArrowInvalid("a number has too many digits")
    numbers = texts.cast(pa.float64())
    infinite = pc.is_inf(numbers)
    if pc.any(infinite).as_py() and pc.any(pc.and_(infinite, pc.match_substring_regex(texts, r"\d"))).as_py():
        raise pa.ArrowInvalid("a number is too large")
    return numbers


def to_days(texts: pa.Array) -> pa.Array:
    """Days. Raises: pa.ArrowInvalid for one that no calendar has"""
    return iso(texts).cast(pa.date32())


def to_clock(texts: pa.Array) -> pa.Array:
    """Times of day. Raises: ValueError"""
    values = pc.replace_substring_regex(texts, r"^(\d):", r"0\1:").to_pylist()
    return pa.array([text and time.fromisoformat(shorter(text)) for text in values], pa.time64("us"))


def shorter(text: str) -> str:
    """A time of day without what is finer than microseconds."""
    return text[: len("00:00:00.") + MICROSECONDS]


def to_moments(texts: pa.Array) -> pa.Array:
    """Times as texts of ISO 8601. Raises: pa.ArrowInvalid for one that no calendar has"""
    spelt = iso(texts)
    spelt = pc.replace_substring_regex(spelt, r"^(\S{10})$", r"\1T00:00:00")
    spelt = pc.replace_substring_regex(spelt, r"[T ](\d):", r"T0\1:")
    spelt = pc.replace_substring_regex(spelt, r"(\.\d{6})\d+", r"\1")
    spelt = pc.replace_substring_regex(pc.replace_substring_regex(spelt, r"^(\S{10}) ", r"\1T"), " ", "")
    parse(spelt)
    return spelt


def iso(texts: pa.Array) -> pa.Array:
    """Days with `-` and two digits each."""
    dashes = pc.replace_substring(texts, "/", "-")
    padded = pc.replace_substring_regex(dashes, r"^(\d{4})-(\d)-", r"\1-0\2-")
    return pc.replace_substring_regex(padded, r"^(\d{4}-\d\d)-(\d)(\D|$)", r"\1-0\2\3")


@dataclass(frozen=True, slots=True)
class TextType:
    """A type that texts can be of. `plural`: what its values are called."""

    plural: str
    pattern: str
    convert: Callable[[pa.Array], pa.Array]


TYPES = (
    TextType("yes or no", r"(?i)true|false", lambda texts: texts.cast(pa.bool_())),
    TextType("whole numbers", r"[+-]?(0|[1-9]\d*)", to_whole),
    TextType("numbers", NUMBER, to_number),
    TextType("days", DAY, to_days),
    TextType("times of day", CLOCK, to_clock),
    TextType("times", MOMENT, to_moments),
)
"""The narrowest first: numbers take whole numbers, times take days."""

OF_NAME = {
    "integer": TYPES[1],
    "integer64": TYPES[1],
    "integer(boolean)": TYPES[0],
    "real": TYPES[2],
    "date": TYPES[3],
    "time": TYPES[4],
    "datetime": TYPES[5],
}
"""By the words of a `.csvt`; all others are text."""


@dataclass(slots=True)
class ColumnLook:
    """What is known of a column's texts so far. `odd`: of each type, how many are none, and where the first is."""

    name: str
    candidates: tuple[TextType, ...] = TYPES
    filled: int = 0
    digits: int = 0
    odd: dict[str, tuple[int, int, str]] = field(default_factory=dict[str, tuple[int, int, str]])

    def add(self, texts: pa.Array, lines: list[int]) -> None:
        """Look at more texts. `lines`: where each stands in the file"""
        texts = pc.utf8_trim_whitespace(texts)
        filled = len(texts) - texts.null_count
        self.filled += filled
        for type in self.candidates if filled else ():
            found = of_type(texts, type)
            count = filled - (pc.sum(found).as_py() or 0)
            if count:
                first = pc.fill_null(found, True).to_pylist().index(False)
                known, line, text = self.odd.get(type.plural, (0, lines[first], str(texts[first].as_py())))
                self.odd[type.plural] = known + count, line, text
        if filled:
            self.digits = max(self.digits, pc.max(pc.binary_length(texts)).as_py() or 0)
        self.candidates = tuple(type for type in self.candidates if self.odd_count(type) <= max(1, FEW * self.filled))

    def odd_count(self, type: TextType) -> int:
        """How many are not of a type."""
        return self.odd.get(type.plural, (0, 0, ""))[0]

    @property
    def type(self) -> TextType | None:
        """The type of all; None for text."""
        return next((type for type in self.candidates if self.filled and not self.odd_count(type)), None)

    @property
    def field(self) -> pa.Field:
        """The column as Arrow has it, with times as texts that are marked."""
        if self.type is None:
            return pa.field(self.name, pa.string())
        sample = (
            pa.array(["0" * min(self.digits, DECIMAL_DIGITS)]) if self.type is TYPES[1] else pa.array([], pa.string())
        )
        metadata = AS_TIME if self.type is TYPES[5] else None
        return pa.field(self.name, self.type.convert(sample).type, metadata=metadata)

    def convert(self, texts: pa.Array) -> pa.Array:
        """Texts as values of the column."""
        return texts if self.type is None else self.type.convert(pc.utf8_trim_whitespace(texts)).cast(self.field.type)

    def notes(self) -> Iterable[Note]:
        """Why a column is text whose values are nearly all of another type."""
        near = [type for type in self.candidates if 0 < self.odd_count(type) < self.filled / 2]
        if self.type is None and near:
            best = min(near, key=self.odd_count)
            count, line, text = self.odd[best.plural]
            where = f"line {line}: '{text[:40]}'"
            message = f"'{self.name}' is text: {count} of {self.filled} values are no {best.plural} ({where})"
            yield Note("info", "column-of-text", message, "correct them in the file if they should be")


def of_type(texts: pa.Array, type: TextType) -> pa.Array:
    """Which texts are of a type; null for null."""
    found = pc.match_substring_regex(texts, f"^(?:{type.pattern})$")
    try:
        type.convert(pc.if_else(found, texts, pa.scalar(None, pa.string())))
    except (pa.ArrowInvalid, ValueError):
        singles = [
            text and bool(fits) and converts(text, type)
            for text, fits in zip(texts.to_pylist(), found.to_pylist(), strict=True)
        ]
        return pa.array(singles, pa.bool_())
    return found


def converts(text: str, type: TextType) -> bool:
    """Whether a text that looks like a value of a type is one."""
    try:
        type.convert(pa.array([text]))
    except (pa.ArrowInvalid, ValueError):
        return False
    return True
