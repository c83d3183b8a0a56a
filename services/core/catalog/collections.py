"""The catalogue as values: collections, their columns, and the statement that reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar

from psycopg import sql

from core.axes import is_in_degrees, is_northing_first
from core.bbox import BBox
from core.catalog.archives import TileArchive, parse_archives
from core.catalog.versions import Change, Tiling, has_kinds, parse_changes, parse_tiling
from core.database.statement import Statement
from core.errors import UnknownCollection, suggestion

T = TypeVar("T")
ColumnType = Literal["integer", "number", "boolean", "string", "date", "datetime", "time", "json", "binary"]
KeyType = Literal["integer", "text"]


RANGES = frozenset({"tstzrange", "tsrange", "daterange"})
"""Types of SQL that hold a start and an end of a time."""


@dataclass(frozen=True, slots=True)
class Column:
    """A property of the features: its published name, its column in the table, and its type.

    `sql_type`: the column's own type in SQL where the loader would store that type in another one, such as `uuid`.
    `choices`: all values that it can have, in their order; empty when there are too many to tell.
    `is_filled`: it has an index, and every row has a value; False where nobody looked.
    `by_key`: it has an index that holds the rows of each value in the order of the key, and no value is common.
    `not_null`: the table refuses rows without a value.
    """

    name: str
    column: str
    type: ColumnType
    sql_type: str | None = None
    description: str | None = None
    choices: tuple[str, ...] = ()
    is_filled: bool = False
    by_key: bool = False
    not_null: bool = False


@dataclass(frozen=True, slots=True)
class KeyPart:
    """A column of a key, and its type in SQL."""

    column: str
    sql_type: str
    type: KeyType = "integer"


@dataclass(frozen=True, slots=True)
class Key:
    """What identifies features, and their order: columns that are never NULL, in the order of their index.

    unique:  no two rows have the same values; else a walk counts the rows that it has seen of one value
    is_id:   the values are the feature's id; else features have none, as with a CTID
    No parts: rows cannot be distinguished.
    """

    parts: tuple[KeyPart, ...]
    unique: bool = True
    is_id: bool = True

    @property
    def is_integer(self) -> bool:
        """Whether ids are whole numbers: all others are texts."""
        return self.is_id and len(self.parts) == 1 and self.parts[0].type == "integer"


FID = Key((KeyPart("fid", "bigint"),))
"""The key of every table that the loader makes."""

HEAP_ORDER = Key((KeyPart("ctid", "tid", "text"),), is_id=False)
"""The CTID of a row: for rows without another key, and where neighbours are together in the heap."""


@dataclass(frozen=True, slots=True)
class Argument:
    """A parameter of a function: its name there and in requests, its type, and that type in SQL."""

    name: str
    type: ColumnType
    sql_type: str
    required: bool


SAMPLE = sql.SQL("TABLESAMPLE SYSTEM (%(percent)s) REPEATABLE (1)")
"""What stands behind a table to read some of its pages, the same ones each time."""


GEOM = sql.SQL("t.geom")
"""The geometry of a row of a relation that is named `t`, as it is stored."""


Limits = tuple[float, float, float, float]
"""West, south, east and north in a system's own coordinates, easting first."""


LARGE = 8
"""The magnitude of a large table: a megabyte."""

ROWS_OF_PAGE = 100
"""Features on a page of a table that nobody counted, at most or nearly so."""


@dataclass(frozen=True, slots=True)
class Source:
    """A relation of the database that Isthmus only reads, and whose data change without its knowing.

    relation:     an item of FROM with the columns of the key, the collection's columns, and where there is a geometry:
                  `geom` as it is stored, and for a geography itself as `geog`
    shown:        `t.geom` as it is shown; made of no more features than an answer has
    mercator:     `t.geom` in EPSG:3857
    compared:     `t.geom` as filters compare it
    after:        the rest of it, which stands behind the arguments of a function
    definition:   a digest of what the relation looks like, which cursors are bound to
    limits:       within these coordinates PostGIS can transform its geometries; None: nobody knows
    domain_crs84: at least where its geometries lie; None: anywhere
    sampled:      the relation read from some of its pages (`sample`), where it has pages; `oid` is its number then
    like:         the geometries of the table of which a view shows rows, from some of its pages; `oid` is its number
    placed:       the relation with the places of its rows, `ctid`, where they are found by them
    is_indexed:   an index finds the rows of a box
    """

    relation: sql.Composable
    definition: str
    shown: sql.Composable = field(default_factory=lambda: GEOM)
    mercator: sql.Composable = field(default_factory=lambda: GEOM)
    compared: sql.Composable = field(default_factory=lambda: GEOM)
    after: sql.Composable | None = None
    arguments: tuple[Argument, ...] = ()
    domain_crs84: BBox | None = None
    limits: Limits | None = None
    is_geography: bool = False
    sampled: sql.Composable | None = None
    like: sql.Composable | None = None
    placed: sql.Composable | None = None
    oid: int = 0
    is_indexed: bool = False
    magnitude: int = 0
    """How large it was, in powers of two: what was learnt of a small table is not true of a large one."""

    @property
    def is_large(self) -> bool:
        """Whether to look for rows without a geometry costs more than a box."""
        return self.magnitude >= LARGE

    @property
    def some(self) -> sql.Composable | None:
        """What tells from some pages where features lie; None: nothing does."""
        return self.sampled or self.like


@dataclass(frozen=True, slots=True)
class Collection:
    """One version of a collection, as it is served. `bbox_crs84` is None when no feature has a geometry.

    `row_count` None: nobody counted. `srid` None: no geometry; 0: coordinates in a system that nobody named.
    `storage_bbox`: west, south, east, north in the table's own CRS, easting first whatever the official order.
    `temporal_end_column`: when features last; `temporal_column` is their start then, and either may be null: open.
    `changes`: where it differs from its versions before, the newest change first; nothing: nobody knows.
    `changed_at`: since when its answers are what they are. `cache_control` None: the default of the settings.
    """

    id: str
    title: str
    description: str | None
    attribution: str | None
    source_path: str
    version: int
    table: str
    row_count: int | None
    srid: int | None
    srs_authority: str | None
    srs_text: str | None
    geometry_type: str | None
    null_geometries: int
    bbox_crs84: BBox | None
    storage_bbox: tuple[float, ...] | None
    temporal_column: str | None
    temporal_end_column: str | None
    interval: tuple[datetime | None, datetime | None] | None
    columns: tuple[Column, ...]
    loaded_at: datetime
    changed_at: datetime
    cache_control: str | None
    key: Key = FID
    source: Source | None = None
    tiling: Tiling | None = None
    is_prepared: bool = False
    """Whether the loader saw to it that no tile is made of very many features; without `tiling`, there are few."""
    changes: tuple[Change, ...] = ()
    blocks_of: int | None = None
    """The table's file, if it is known where in it the rows lie (core/catalog/heap_blocks.py)."""
    keywords: tuple[str, ...] = ()
    license: str | None = None
    """An SPDX identifier, an address, or a text."""
    caches: dict[Any, Any] = field(default_factory=dict[Any, Any], init=False, repr=False, compare=False)
    """What was worked out from the rest, by its owners (`core.cache.CollectionCache`)."""

    @property
    def id_column(self) -> Column | None:
        """The id of a feature as a property: a published one, else one under a name that no property has.

        None when features have no id, or one of several values, which can neither be filtered nor sorted by.
        """
        if not self.key.is_id or len(self.key.parts) != 1:
            return None
        part = self.key.parts[0]
        published = next((column for column in self.columns if column.column == part.column), None)
        if published is not None:
            return published
        sql_type = None if part.type == "integer" or part.sql_type == "text" else part.sql_type
        return Column(self.free_name("id"), part.column, "integer" if part.type == "integer" else "string", sql_type)

    @property
    def columns_and_id(self) -> tuple[Column, ...]:
        """The columns that filters and `sortby` may name: the id first, then the properties."""
        own = self.id_column
        return self.columns if own is None or own in self.columns else (own, *self.columns)

    @property
    def times(self) -> tuple[Column, ...]:
        """The columns that `datetime` asks: one of instants, or one of starts and one of ends; none at all."""
        names = [name for name in (self.temporal_column, self.temporal_end_column) if name is not None]
        return tuple(column for column in map(self.column, names) if column is not None)

    @property
    def revision(self) -> int | str:
        """What cursors are bound to: the version of the data, or the definition of a source, whose data have none."""
        return self.version if self.source is None else self.source.definition

    @property
    def most_features(self) -> int | None:
        """How many features there are, or may be by the size of a table; None: nobody knows."""
        if self.source is None or not self.source.magnitude:
            return self.row_count
        return ROWS_OF_PAGE << self.source.magnitude

    def column(self, name: str) -> Column | None:
        """The column published under a name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def free_name(self, name: str) -> str:
        """The name, with underscores put before it until no property has it."""
        while self.column(name) is not None:
            name = f"_{name}"
        return name

    def free_column(self, name: str) -> str:
        """The same for a name that no column of the relation has."""
        taken = {"geom", *(column.column for column in self.columns), *(part.column for part in self.key.parts)}
        while name in taken:
            name = f"_{name}"
        return name

    @property
    def northing_first(self) -> bool:
        """Whether the official order of the axes is northing or latitude first."""
        return self.srs_text is not None and is_northing_first(self.srs_text)

    @property
    def in_degrees(self) -> bool:
        """Whether the coordinates are degrees."""
        return is_in_degrees(self.srs_text or "")

    @property
    def has_blocks(self) -> bool:
        """Whether features of a bbox come in the order of the heap: it is known which ranges of it hold them."""
        return self.blocks_of is not None

    @property
    def has_geometry(self) -> bool:
        """False for a plain table."""
        return self.srid is not None

    @property
    def has_tiles(self) -> bool:
        """Whether its geometries can be put on a map: their system is known."""
        return bool(self.srid)

    @property
    def needs_arguments(self) -> bool:
        """Whether it is a function that cannot be called without any."""
        return any(argument.required for argument in self.arguments)

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """What a function takes; nothing for everything else."""
        return self.source.arguments if self.source else ()

    @property
    def domain_crs84(self) -> BBox | None:
        """At least where the geometries lie. None: nowhere, or anywhere when it is a source."""
        return self.bbox_crs84 if self.source is None else self.source.domain_crs84


@dataclass(frozen=True, slots=True)
class Catalog(Mapping[str, Collection]):
    """The collections that are served, by id, in order of id. `generation` rises with each change.

    archives: files of tiles, collections without features, of which nothing here is about
    """

    generation: int
    collections: Mapping[str, Collection]
    archives: Mapping[str, TileArchive] = field(default_factory=dict[str, TileArchive])

    def __getitem__(self, id: str) -> Collection:
        """The collection. Raises: UnknownCollection, with the nearest name as the hint."""
        try:
            return self.collections[id]
        except KeyError:
            hint = suggestion(id, self.collections) or "/collections lists them"
            raise UnknownCollection(f"there is no collection '{id}'", hint=hint) from None

    def __iter__(self) -> Iterator[str]:
        """The ids in order."""
        return iter(self.collections)

    def __len__(self) -> int:
        """The number of collections."""
        return len(self.collections)


def tiles_version(versions: Iterable[int], made_later: int) -> str:
    """The version of the tiles of some collections, as TileJSON has it (semver): another one after a load, and once an
    overview is there that was made after one. `made_later`: how many of them are
    """
    return f"1.{made_later}.{max(versions, default=0)}"


def count_made_later(collections: Iterable[Collection]) -> int:
    """How many of some collections have an overview that was made after they were served."""
    return sum(collection.tiling is not None and collection.tiling.made_later for collection in collections)


SELECT_GENERATION = Statement(sql.SQL("SELECT number FROM isthmus.generation"))

# Rows: one (number, a sum over the files of the tables: another one when one was written again, as CLUSTER does)
SELECT_STATE = Statement(
    sql.SQL("""
SELECT number, (
    SELECT sum(relfilenode::bigint)::bigint FROM pg_class WHERE relnamespace = 'data'::regnamespace AND relkind = 'r'
)
FROM isthmus.generation""")
)

# A time that Python has no year for is an open end.
# Rows: one for each served collection, in order of id. Order of columns: the fields of Collection.
SELECT_COLLECTIONS = Statement(
    sql.SQL("""
SELECT c.id, c.title, c.description, c.attribution, c.source_path, v.version, v.table_name, v.row_count, v.srid,
       s.auth_name, s.srtext, v.geometry_type, v.null_geometries, v.bbox, v.storage_bbox, v.temporal_column,
       v.temporal_end_column,
       CASE WHEN v.interval_start BETWEEN '0001-01-02' AND '9999-12-30' THEN v.interval_start END,
       CASE WHEN v.interval_end BETWEEN '0001-01-02' AND '9999-12-30' THEN v.interval_end END,
       v.columns, jsonb_path_query_array(i.indexes, '$[*] ? (@.is_filled == true).column'),
       jsonb_path_query_array(i.indexes, '$[*] ? (@.with_key == true && @.commonest_share < 0.05).column'),
       c.keywords, c.license, v.loaded_at, c.changed_at, c.cache_control, v.tiling, v.changes,
       CASE WHEN b.file = pg_relation_filenode(to_regclass('data.' || quote_ident(v.table_name))) THEN b.file END
FROM isthmus.collections AS c
JOIN isthmus.versions AS v ON v.version = c.current_version
LEFT JOIN isthmus.indexed AS i USING (version)
LEFT JOIN public.spatial_ref_sys AS s ON s.srid = v.srid
LEFT JOIN isthmus.blocks AS b USING (version)
WHERE c.withdrawn_at IS NULL
ORDER BY c.id COLLATE "C"
""")
)


def parse_collection(row: Sequence[Any]) -> Collection:
    """A row of SELECT_COLLECTIONS as a value."""
    *head, bbox, storage_bbox, temporal_column, temporal_end_column, start, end, columns, filled, by_key = row[:-8]
    keywords, license, loaded_at, changed_at, cache_control, tiling, changes, blocks_of = row[-8:]
    return Collection(
        *head,
        bbox_crs84=BBox(*bbox) if bbox else None,
        storage_bbox=tuple(storage_bbox) if storage_bbox else None,
        temporal_column=temporal_column,
        temporal_end_column=temporal_end_column,
        interval=(start, end) if start or end else None,
        columns=tuple(
            Column(**column, is_filled=column["column"] in (filled or ()), by_key=column["column"] in (by_key or ()))
            for column in columns
        ),
        loaded_at=loaded_at,
        changed_at=changed_at,
        cache_control=cache_control,
        tiling=parse_tiling(tiling),
        is_prepared=tiling is not None and (not tiling or has_kinds(tiling)),
        changes=parse_changes(changes),
        blocks_of=blocks_of,
        keywords=tuple(keywords),
        license=license,
    )


def parse_catalog(generation: int, rows: Sequence[Sequence[Any]], archives: Sequence[Sequence[Any]] = ()) -> Catalog:
    """The rows of SELECT_COLLECTIONS, and those of SELECT_ARCHIVES, as a catalogue."""
    return Catalog(generation, {row[0]: parse_collection(row) for row in rows}, parse_archives(archives))
