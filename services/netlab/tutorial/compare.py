"""What a demo printed here, held against its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netlab.tutorial.page import Command
from netlab.tutorial.shapes import shapes


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
