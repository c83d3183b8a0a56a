"""What every resource's parameters have in common."""

from __future__ import annotations

from collections.abc import Collection as Names, Iterator, Mapping
from dataclasses import dataclass

from api.http.request import Args
from core.errors import BadParameter, UnknownParameter, suggestion


@dataclass(frozen=True, slots=True)
class Limits:
    """How many features a page has when the request does not say, and at most."""

    default: int
    largest: int


def reject_unknown(args: Args, known: Names[str]) -> None:
    """Raise UnknownParameter for the first parameter that is not known, BadParameter for one given twice."""
    for name in args:
        if name not in known:
            listed = f"known here: {', '.join(known)}" if known else "this resource takes no parameters"
            hint = suggestion(name, known) or listed
            raise UnknownParameter(f"there is no parameter '{name}'", hint=hint, parameter=name)
        if len(args.getlist(name)) > 1:
            raise BadParameter(f"'{name}' is given more than once", hint="give it once", parameter=name)


def parse_whole(name: str, text: str, *, least: int, most: int) -> int:
    """A whole number between two limits. Raises: BadParameter"""
    if not (text.isascii() and text.isdecimal()) or len(text) > 18 or not least <= int(text) <= most:
        hint = f"it takes a whole number from {least} to {most}"
        raise BadParameter(f"{name} is '{text}'", hint=hint, parameter=name)
    return int(text)


def parse_choice(name: str, text: str, choices: Names[str]) -> str:
    """One of some words. Raises: BadParameter"""
    if text not in choices:
        hint = suggestion(text, choices) or f"it takes one of: {', '.join(choices)}"
        raise BadParameter(f"{name} is '{text}'", hint=hint, parameter=name)
    return text


def parse_names(name: str, text: str, known: Names[str] = ()) -> list[str]:
    """Names with commas between them, none of them empty. `known`: those that may hold commas. Raises: BadParameter"""
    names = joined(text.split(","), known)
    if "" in names:
        raise BadParameter(f"{name} is '{text}'", hint="it takes names with commas between them", parameter=name)
    return names


def joined(parts: list[str], known: Names[str]) -> list[str]:
    """Parts of a list, some put together again so that all are known, with as few commas in names as that takes."""
    most = 1 + max((name.count(",") for name in known), default=0)
    ends = {len(parts): len(parts)}
    for start in reversed(range(len(parts) if most > 1 else 0)):
        for end in range(start + 1, min(start + most, len(parts)) + 1):
            if end in ends and ",".join(parts[start:end]) in known:
                ends[start] = end
                break
    return list(cut(parts, ends)) if 0 in ends else parts


def cut(parts: list[str], ends: Mapping[int, int]) -> Iterator[str]:
    """The names of a list. `ends`: of the name that begins at a part."""
    start = 0
    while start < len(parts):
        yield ",".join(parts[start : ends[start]])
        start = ends[start]
