"""What a filter may name, properties of a collection and functions, and the kind of value that every node of a checked
tree has. No other name reaches PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from api.cql2.tree import ast
from api.cql2.tree.ast import Node, Place, mistake
from core.cache import CollectionCache
from core.catalog.collections import Collection, Column
from core.errors import suggestion

OLD_GEOMETRY_NAME = "geom"
"""What many clients and the standard's own tests call the geometry, whatever the server says."""

ID = "id"
"""What GDAL calls ids that are no numbers."""


@dataclass(frozen=True, slots=True)
class Queryables:
    """The properties of a collection by name, and the name of its geometry (None for a plain table)."""

    collection_id: str
    columns: Mapping[str, Column]
    geometry: str | None
    id: str | None = None
    """The property that features have their ids from."""

    @classmethod
    def of(cls, collection: Collection) -> Queryables:
        """Id and properties of a collection, and its geometry under the first free name of `geometry`, `_geometry`…"""

        def make() -> Queryables:
            geometry = collection.free_name("geometry") if collection.has_geometry else None
            columns = {column.name: column for column in collection.columns_and_id}
            own = collection.id_column
            return cls(collection.id, columns, geometry, own.name if own else None)

        return all_queryables.get(collection, None, make)

    def resolve(self, name: str, at: Place) -> str:
        """The name as it is published: `geom` is the geometry where no property has that name, `id` what ids are.

        Raises: BadFilter
        """
        if name == self.geometry:
            return name
        if name in self.columns:
            if self.columns[name].type == "binary":
                hint = f"/collections/{self.collection_id}/queryables lists what a filter may name"
                raise mistake(f"'{name}' holds bytes, which no filter can ask for", at, hint=hint)
            return name
        if name == OLD_GEOMETRY_NAME and self.geometry is not None:
            return self.geometry
        if name == ID and self.id is not None:
            return self.id
        known = [name for name, column in self.columns.items() if column.type != "binary"]
        known += [self.geometry] if self.geometry else []
        hint = suggestion(name, known) or f"/collections/{self.collection_id}/queryables lists the names"
        raise mistake(f"{self.collection_id} has no property '{name}'", at, hint=hint)

    def kind(self, name: str) -> Kind:
        """The kind of a property that is there."""
        if name == self.geometry:
            return "geometry"
        found = self.columns[name].type
        return "number" if found == "integer" else found


all_queryables: CollectionCache[None, Queryables] = CollectionCache()


def kind_of(node: Node, queryables: Queryables) -> Kind:
    """The kind of a node of a checked tree."""
    match node:
        case ast.Property(name):
            return queryables.kind(name)
        case ast.FunctionCall(name):
            return FUNCTIONS[name].returns
        case _:
            return KINDS.get(type(node), "boolean")


KINDS: dict[type[Node], Kind] = {
    **dict.fromkeys((ast.String, ast.CaseI, ast.AccentI), "string"),
    **dict.fromkeys((ast.Number, ast.Arithmetic), "number"),
    **dict.fromkeys(ast.SHAPES, "geometry"),
    ast.Date: "date",
    ast.Timestamp: "datetime",
    ast.TimeInterval: "interval",
    ast.Array: "list",
}


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
        Signature("distance", "The same as s_distance.", (GEOMETRY, GEOMETRY), "number"),
        Signature(
            "dwithin",
            "Whether geometries are within so many metres of each other, on the ellipsoid, by an index.",
            (GEOMETRY, GEOMETRY, NUMBER),
            "boolean",
        ),
        Signature("s_centroid", "The point in the middle.", (GEOMETRY,), "geometry"),
    )
}


def functions_document() -> dict[str, Any]:
    """The list of functions that a server of CQL2 offers at `/functions`."""
    return {"functions": [signature.document() for signature in FUNCTIONS.values()]}
