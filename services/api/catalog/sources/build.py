"""A relation, and what was found out about it, as collections: one for each geometry column, or one without any."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from psycopg import sql

from api.catalog.sources.collection import (
    Comment,
    definition,
    geometry_members,
    new_collection,
    parse_comment,
    select_items,
)
from api.catalog.sources.columns import KeyCandidate, PropertyColumn, candidate, key_items, place_key, read_columns
from api.catalog.sources.geometry_columns import GeometryColumn, compared, geometry_column, is_found_by_index, located
from api.catalog.sources.model import Attribute, BaseTable, Draft, Omission, Relation, Systems
from core.bbox import BBox
from core.catalog.collections import GEOM, HEAP_ORDER, SAMPLE, Collection, Key, Source
from core.catalog.versions import Tiling, parse_tiling
from core.database.statement import quoted

NO_REST = sql.SQL("")
Interval = tuple[datetime | None, datetime | None]


@dataclass(frozen=True, slots=True)
class GeometrySurvey:
    """What was found out about a geometry column: where its geometries lie.

    reaches_further: some lie beyond the limits of their system, and all of them have places
    magnitude: the number of the pages that its features would fill, in powers of two; 0: nobody counted
    """

    bbox_crs84: BBox | None = None
    storage_bbox: tuple[float, ...] | None = None
    reaches_further: bool = False
    magnitude: int = 0

    def or_rather(self, before: GeometrySurvey) -> GeometrySurvey:
        """What an earlier survey found, where this one got no rows in time, or not from the features themselves."""
        return before if self == GeometrySurvey() or self.magnitude < min(1, before.magnitude) else self


@dataclass(frozen=True, slots=True)
class RelationSurvey:
    """What the survey of the data of a relation found. Before it, nothing is taken for granted.

    srids:    those of the geometry columns that are declared without one, by the number of the column
    key_holds: whether the values of the candidate for a key are as they have to be; None: nobody looked
    seen:     where geometries lie, by the number of the column
    magnitude: the number of its pages in powers of two; of a view, those that its features would fill
    filled:   the geometry columns in which every row has a value, by their numbers
    solids:   those that may hold any type and hold polyhedral surfaces
    bases:    the tables behind the geometry columns of a view, by their numbers
    """

    srids: Mapping[int, frozenset[int]] = field(default_factory=dict[int, frozenset[int]])
    key_holds: bool | None = None
    seen: Mapping[int, GeometrySurvey] = field(default_factory=dict[int, GeometrySurvey])
    interval: Interval | None = None
    magnitude: int = 0
    filled: frozenset[int] = frozenset()
    solids: frozenset[int] = frozenset()
    bases: Mapping[int, BaseTable] = field(default_factory=dict[int, BaseTable])

    def with_known(self, before: RelationSurvey) -> RelationSurvey:
        """These, and what an earlier survey found where this one got no rows in time."""
        seen = {
            number: found.or_rather(before.seen.get(number, GeometrySurvey())) for number, found in self.seen.items()
        }
        holds = before.key_holds if self.key_holds is None else self.key_holds
        interval, magnitude = self.interval or before.interval, self.magnitude or before.magnitude
        solids = self.solids | before.solids
        srids = {**before.srids, **self.srids}
        return replace(
            self, srids=srids, key_holds=holds, seen=seen, interval=interval, magnitude=magnitude, solids=solids
        )

    @property
    def keeps_key(self) -> bool:
        """Whether the key of a view is one of the table behind it."""
        return any(base.keeps_key for base in self.bases.values())


NOTHING = RelationSurvey()


@dataclass(frozen=True, slots=True)
class Publishable:
    """What a relation can be published as, before its data are looked at."""

    relation: Relation
    comment: Comment
    reads: tuple[PropertyColumn, ...]
    geometries: tuple[Attribute, ...]
    candidate: KeyCandidate | None


def plan(relation: Relation) -> Publishable | Omission | None:
    """How a relation is to be published; an omission says why not, None that nobody wants it."""
    comment = parse_comment(relation.comment)
    if comment.omit:
        return None
    if not relation.usable:
        hint = f"GRANT USAGE ON SCHEMA {named(relation.schema)} TO the API's role"
        return Omission(relation.full_name, "its schema may not be used", hint)
    if relation.attributes and not any(attribute.readable for attribute in relation.attributes):
        hint = f"GRANT SELECT ON {named(relation.schema)}.{named(relation.name)} TO the API's role"
        return Omission(relation.full_name, "it may not be read", hint)
    if not relation.filled:
        return Omission(relation.full_name, "it was never filled", f"REFRESH MATERIALIZED VIEW {relation.full_name}")
    reads = read_columns(relation.attributes)
    geometries = tuple(a for a in relation.attributes if a.is_spatial and a.readable)
    if not reads and not geometries:
        return Omission(relation.full_name, "it has no column of a type that can be published", "add one")
    return Publishable(relation, comment, reads, geometries, candidate(relation, reads, comment.key))


def named(name: str) -> str:
    """A name in quotes, for people."""
    return '"{}"'.format(name.replace('"', '""'))


def build(plan: Publishable, findings: RelationSurvey, systems: Systems, now: datetime) -> Iterator[Draft]:
    """The collections of a relation. The first geometry column's has the relation's name, others add their own."""
    key = chosen_key(plan, findings)
    geometries = [surveyed_geometry(a, plan, findings, systems) for a in plan.geometries]
    for number, geometry in enumerate(geometries or [None]):
        part = geometry.attribute.name if geometry and number else ""
        found = collection_of(plan, key, geometry, findings, systems, now)
        if part and not plan.comment.title:
            found = replace(found, title=f"{plan.relation.name} ({part})")
        yield Draft(plan.relation.schema, plan.relation.name, part, found)


def surveyed_geometry(
    attribute: Attribute, plan: Publishable, findings: RelationSurvey, systems: Systems
) -> GeometryColumn:
    """A geometry column, with what was found out about it."""
    geometry = located(geometry_column(attribute, plan.comment.srid, findings.srids.get(attribute.number)), systems)
    return replace(geometry, has_solids=attribute.number in findings.solids)


def chosen_key(plan: Publishable, findings: RelationSurvey) -> Key:
    """The key: the candidate if it holds, else the places of the rows."""
    found = plan.candidate
    if found is None:
        return place_key(plan.relation)
    if findings.keeps_key:
        return replace(found.key, unique=True)
    holds = found.is_certain or (found.believed if findings.key_holds is None else findings.key_holds)
    return found.key if holds else place_key(plan.relation)


def collection_of(  # noqa: PLR0913
    plan: Publishable,
    key: Key,
    geometry: GeometryColumn | None,
    findings: RelationSurvey,
    systems: Systems,
    now: datetime,
) -> Collection:
    """A collection of a relation, without its id."""
    relation, number = plan.relation, geometry.attribute.number if geometry else 0
    seen, base = findings.seen.get(number, GeometrySurvey()), findings.bases.get(number)
    is_filled = geometry is None or geometry.attribute.filled or number in findings.filled
    source = replace(source_of(plan, key, geometry, systems, seen.bbox_crs84), magnitude=findings.magnitude)
    if base is not None:
        source = replace(source, oid=base.oid, like=sample_of(base), is_indexed=True)
    return replace(
        new_collection(relation.name, plan.comment, plan.reads, geometry, systems, now),
        source_path=relation.full_name,
        null_geometries=0 if is_filled else 1,
        bbox_crs84=seen.bbox_crs84,
        storage_bbox=seen.storage_bbox,
        interval=findings.interval,
        key=key,
        tiling=tiling_of(relation, key, geometry),
        source=replace(source, limits=None) if seen.reaches_further else source,
    )


def sample_of(base: BaseTable) -> sql.Composable:
    """The geometries of the table behind a view, from some of its pages."""
    return sql.SQL("(SELECT {} AS geom FROM {} AS s {})").format(quoted("s", base.column), base.sql_name, SAMPLE)


def tiling_of(relation: Relation, key: Key, geometry: GeometryColumn | None) -> Tiling | None:
    """The overviews of the geometry column of a relation, if they are for the relation as it is now."""
    if relation.prepared is None or geometry is None or not key.is_integer:
        return None
    try:
        about = json.loads(relation.prepared)
        meant = about["source"], about["key"], about["geometry"]
        tiling = parse_tiling(about)
    except (ValueError, KeyError, TypeError):  # a comment of somebody else's
        return None
    return tiling if meant == (relation.full_name, key.parts[0].column, geometry.attribute.name) else None


def source_of(
    plan: Publishable, key: Key, geometry: GeometryColumn | None, systems: Systems, extent: BBox | None
) -> Source:
    """The subquery that a collection is read from. PostgreSQL takes it apart, so that the indexes are used."""
    relation, items = plan.relation, [*key_items(key), *select_items(plan.reads, geometry)]
    text = select(items, relation)
    has_pages = geometry is not None and relation.has_pages
    return Source(
        relation=text,
        definition=definition(relation.oid, text.as_string(None), key),
        compared=compared(geometry) if geometry else GEOM,
        sampled=select(items, relation, sql.SQL(" {}").format(SAMPLE)) if has_pages else None,
        placed=select(items if key == HEAP_ORDER else [sql.SQL("s.ctid"), *items], relation)
        if relation.has_places
        else None,
        oid=relation.oid,
        is_indexed=has_pages and geometry is not None and is_found_by_index(geometry),
        **geometry_members(geometry, systems, extent),
    )


def select(items: Sequence[sql.Composable], relation: Relation, rest: sql.Composable = NO_REST) -> sql.Composable:
    """A subquery of a relation, which it calls `s`."""
    return sql.SQL("(SELECT {} FROM {} AS s{})").format(sql.SQL(", ").join(items), relation.sql_name, rest)
