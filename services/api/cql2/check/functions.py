"""The functions that filters may call beside CQL2's own. No other name reaches PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "string", "number", "boolean", "date", "datetime", "time", "geometry", "interval", "list", "json", "binary"
]
"""What a node's value is. `json` is a property of lists and objects, `list` a list in the filter."""

TEXT: tuple[Kind, ...] = ("string",)
NUMBER: tuple[Kind, ...] = ("number",)
TIME: tuple[Kind, ...] = ("date", "datetime")
GEOMETRY: tuple[Kind, ...] = ("geometry",)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes and gives. The last argument of a `variadic` one may be repeated."""

    name: str
    description: str
    args: tuple[tuple[Kind, ...], ...]
    returns: Kind
    variadic: bool = False
    whole: bool = False
    """Whether the number it gives is an integer."""

    def takes(self, count: int) -> bool:
        """Whether it can be called with so many arguments."""
        return count == len(self.args) or (self.variadic and count > len(self.args))

    def kinds(self, index: int) -> tuple[Kind, ...]:
        """What an argument may be."""
        return self.args[min(index, len(self.args) - 1)]

    def document(self) -> dict[str, Any]:
        """Its entry in the list of functions: CQL2 says `args`, Features Part 3 says `arguments`.

        Source: /req/functions/get-functions-response-json, /req/filter/get-functions-response-json
        """
        arguments = [{"type": sorted({type_name(kind) for kind in kinds})} for kinds in self.args]
        return {
            "name": self.name,
            "description": self.description,
            "args": arguments,
            "arguments": arguments,
            "returns": ["integer" if self.whole else type_name(self.returns)],
        }


def type_name(kind: Kind) -> str:
    """The standard's word for a kind: it has one for days and times."""
    return "datetime" if kind == "date" else kind


FUNCTIONS = {
    signature.name: signature
    for signature in (
        Signature("lower", "A text in lower case.", (TEXT,), "string"),
        Signature("upper", "A text in upper case.", (TEXT,), "string"),
        Signature("trim", "A text without the spaces around it.", (TEXT,), "string"),
        Signature("concat", "Texts one after another.", (TEXT, TEXT), "string", variadic=True),
        Signature("length", "How many characters a text has.", (TEXT,), "number", whole=True),
        Signature("char_length", "How many characters a text has.", (TEXT,), "number", whole=True),
        Signature("abs", "A number without its sign.", (NUMBER,), "number"),
        Signature("floor", "The next whole number below.", (NUMBER,), "number"),
        Signature("ceil", "The next whole number above.", (NUMBER,), "number"),
        Signature("round", "The nearest whole number; halves go away from zero.", (NUMBER,), "number"),
        Signature("sqrt", "The square root; NULL of a negative number.", (NUMBER,), "number"),
        Signature("year", "The year of a day or time, in UTC.", (TIME,), "number", whole=True),
        Signature("month", "The month of a day or time, 1 to 12, in UTC.", (TIME,), "number", whole=True),
        Signature("day", "The day of the month, 1 to 31, in UTC.", (TIME,), "number", whole=True),
        Signature("s_area", "The area in square metres, on the ellipsoid.", (GEOMETRY,), "number"),
        Signature("s_length", "The length of lines in metres, on the ellipsoid.", (GEOMETRY,), "number"),
        Signature("s_distance", "The shortest distance in metres, on the ellipsoid.", (GEOMETRY, GEOMETRY), "number"),
        Signature("s_centroid", "The point in the middle.", (GEOMETRY,), "geometry"),
    )
}


def functions_document() -> dict[str, Any]:
    """The list of functions that a server of CQL2 offers at `/functions`."""
    return {"functions": [signature.document() for signature in FUNCTIONS.values()]}
