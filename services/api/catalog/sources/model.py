"""What PostgreSQL's catalogue says of relations and functions, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, LiteralString, cast

from psycopg import sql

from core.axes import is_in_degrees
from core.catalog.archives import TileArchive
from core.catalog.collections import Argument, Collection, Limits
from core.database.statement import quoted


@dataclass(frozen=True, slots=True)
class Attribute:
    """A column. `type` and `sql_type` are those of a domain's base; `kind` is pg_type.typtype.

    ordered:  its type has an order, so that its values can be compared and sorted
    filled:   it is never NULL
    readable: the API's role may read it
    labels:   the values of an enumeration, in their order
    indexed:  an index finds the geometries whose boxes meet another
    """

    name: str
    number: int
    type: str
    sql_type: str
    kind: str
    category: str
    typmod: int
    ordered: bool
    filled: bool
    readable: bool
    is_domain: bool
    labels: tuple[str, ...]
    comment: str | None
    indexed: bool = False

    @property
    def is_spatial(self) -> bool:
        """Whether it holds geometries, in the plane or on the globe."""
        return self.type in ("geometry", "geography")


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view. `kind` is pg_class.relkind.

    inherited: other tables inherit from it, so that its key is unique in each of them only
    has_pages: it is read by pages: a table, also one of partitions, or a materialised view
    has_places: its rows are found by their place (`ctid`), which may be read: one table alone
    usable:    the API's role may use its schema
    filled:    a materialised view holds data
    indexes:   the numbers of the columns of each unique index, the primary key's first
    prepared:  what `isthmus prepare` made of it, as JSON
    rule:      another text for each query that a view ever had
    """

    oid: int
    schema: str
    name: str
    kind: str
    comment: str | None
    inherited: bool
    has_pages: bool
    has_places: bool
    usable: bool
    filled: bool
    attributes: tuple[Attribute, ...]
    indexes: tuple[tuple[int, ...], ...]
    prepared: str | None = None
    rule: str | None = None

    @property
    def full_name(self) -> str:
        """Schema and name, for people."""
        return f"{self.schema}.{self.name}"

    @property
    def sql_name(self) -> sql.Composable:
        """Schema and name, for PostgreSQL."""
        return quoted(self.schema, self.name)


@dataclass(frozen=True, slots=True)
class BaseTable:
    """The table of which a view shows rows, found by their boxes as those of the table are.

    column:    that of the geometries
    magnitude: the number of its pages in powers of two
    keeps_key: the key of the view is unique and filled in the table
    """

    oid: int
    schema: str
    name: str
    column: str
    magnitude: int
    keeps_key: bool

    @property
    def sql_name(self) -> sql.Composable:
        """Schema and name, for PostgreSQL."""
        return quoted(self.schema, self.name)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function. `mode` is that of pg_proc.proargmodes."""

    name: str
    type: str
    sql_type: str
    kind: str
    category: str
    mode: str
    required: bool


@dataclass(frozen=True, slots=True)
class DatabaseFunction:
    """A function that returns rows, or one bytea. `volatile`: PostgreSQL takes it for one that changes data."""

    oid: int
    schema: str
    name: str
    comment: str | None
    usable: bool
    volatile: bool
    parameters: tuple[Parameter, ...]
    attributes: tuple[Attribute, ...]
    gives_rows: bool = True

    @property
    def full_name(self) -> str:
        """Schema and name, for people."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class TileFunction(TileArchive):
    """A function that makes the tiles of a collection which has tiles only.

    call:       the call of it, with places z, x and y, and `query` if it takes the rest; without its last bracket
    arguments:  what it takes beside them
    takes_rest: whether it is given all other parameters of a request, as JSON
    """

    call: sql.Composable
    arguments: tuple[Argument, ...]
    takes_rest: bool

    @property
    def needs_arguments(self) -> bool:
        """Whether it cannot be called without any."""
        return any(argument.required for argument in self.arguments)


@dataclass(frozen=True, slots=True)
class Omission:
    """Something that is not published, and why. `hint` says what to do."""

    name: str
    reason: str
    hint: str

    def __str__(self) -> str:
        """One line of the log."""
        return f"{self.name} is not published: {self.reason}; {self.hint}"


@dataclass(frozen=True, slots=True)
class Draft:
    """A collection that has no id yet. `part` tells several ones of the same relation apart, the first has none."""

    schema: str
    name: str
    part: str
    collection: Collection | TileFunction


def parse_attribute(members: Mapping[str, Any]) -> Attribute:
    """A column of a row of either statement."""
    found = dict(members)
    found["labels"] = tuple(members["labels"] or ())
    return Attribute(**found)


def parse_relation(row: Sequence[Any]) -> Relation:
    """A row of relations.sql."""
    members = by_name(Relation, row)
    members["attributes"] = tuple(map(parse_attribute, members["attributes"]))
    members["indexes"] = tuple(tuple(numbers) for numbers in members["indexes"])
    return Relation(**members)


def parse_function(row: Sequence[Any]) -> DatabaseFunction:
    """A row of functions.sql."""
    members = by_name(DatabaseFunction, row)
    members["parameters"] = tuple(Parameter(**parameter) for parameter in members["parameters"])
    members["attributes"] = tuple(map(parse_attribute, members["attributes"]))
    return DatabaseFunction(**members)


def by_name(kind: type[Relation | DatabaseFunction], row: Sequence[Any]) -> dict[str, Any]:
    """The values of a row by the names of the fields, whose order is that of the statement's columns."""
    return dict(zip((field.name for field in fields(kind)), row, strict=True))


@dataclass(frozen=True, slots=True)
class CrsDefinition:
    """A coordinate reference system: how spatial_ref_sys has it, and where on Earth it is made for.

    limits: within these of its own coordinates PostGIS can transform all; None: nobody knows
    """

    authority: str | None
    text: str | None
    west: float | None = None
    south: float | None = None
    east: float | None = None
    north: float | None = None
    limits: Limits | None = None

    @property
    def in_degrees(self) -> bool:
        """Whether coordinates are degrees."""
        return is_in_degrees(self.text or "")


Systems = Mapping[int, CrsDefinition]
"""By SRID."""


def literal(text: str) -> sql.SQL:
    """A text from PostgreSQL's catalogue, such as a type's name, as it is."""
    return sql.SQL(cast("LiteralString", text))
