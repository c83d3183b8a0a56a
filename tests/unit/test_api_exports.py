"""Blocks of an export that several statements make in turns."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from api.exports.stream import in_turns


class Part:
    """Some blocks, and whether they were closed; the last of them may be an error."""

    def __init__(self, *blocks: bytes | Exception) -> None:
        """Not begun."""
        self.closed = False
        self.stream = self._blocks(blocks)

    def _blocks(self, blocks: tuple[bytes | Exception, ...]) -> Generator[bytes]:
        try:
            for block in blocks:
                if isinstance(block, Exception):
                    raise block
                yield block
        finally:
            self.closed = True


def test_each_has_its_turn_to_the_end_of_the_longest():
    even, odd = Part(b"0", b"2", b"4", b""), Part(b"1", b"", b"")
    assert b"".join(in_turns([even.stream, odd.stream])) == b"01" + b"2" + b"4"


def test_all_are_closed_when_one_fails_or_nobody_reads_on():
    good, bad = Part(b"0", b"2"), Part(b"1", RuntimeError("gone"))
    blocks = in_turns([good.stream, bad.stream])
    assert next(blocks) == b"01"
    with pytest.raises(RuntimeError, match="gone"):
        next(blocks)
    assert good.closed
    assert bad.closed
    left = [Part(b"0", b"2"), Part(b"1", b"3")]
    blocks = in_turns([part.stream for part in left])
    next(blocks)
    blocks.close()
    assert all(part.closed for part in left)
