"""What a filter may name in a collection, and the kind of value that every node of a checked tree has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from api.cql2.check.functions import FUNCTIONS, Kind
from api.cql2.tree import ast
from api.cql2.tree.ast import Node, Place
from api.cql2.tree.errors import mistake
from core.cache import CollectionCache
from core.catalog.collections import Collection, Column, ColumnType
from core.errors import suggestion

OLD_GEOMETRY_NAME = "geom"
"""What many clients and the standard's own tests call the geometry, whatever the server says."""

ID = "id"
"""What GDAL calls ids that are no numbers."""

KINDS: Mapping[ColumnType, Kind] = MappingProxyType(
    {
        "integer": "number",
        "number": "number",
        "boolean": "boolean",
        "string": "string",
        "date": "date",
        "datetime": "datetime",
        "time": "time",
        "json": "json",
        "binary": "binary",
    }
)


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
        return "geometry" if name == self.geometry else KINDS[self.columns[name].type]


all_queryables: CollectionCache[None, Queryables] = CollectionCache()


def kind_of(node: Node, queryables: Queryables) -> Kind:
    """The kind of a node of a checked tree."""
    match node:
        case ast.Property(name):
            return queryables.kind(name)
        case ast.FunctionCall(name):
            return FUNCTIONS[name].returns
        case ast.String() | ast.CaseI() | ast.AccentI():
            return "string"
        case ast.Number() | ast.Arithmetic():
            return "number"
        case ast.Date():
            return "date"
        case ast.Timestamp():
            return "datetime"
        case ast.Geometry() | ast.GeometryCollection() | ast.BBox():
            return "geometry"
        case ast.TimeInterval():
            return "interval"
        case ast.Array():
            return "list"
        case _:
            return "boolean"
