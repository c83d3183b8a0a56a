"""A relation, and what was found out about it, as collections: one for each geometry column, or one without any."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from psycopg import sql

from api.catalog.sources.columns import PropertyColumn, read_columns
from api.catalog.sources.comments import Comment, parse_comment
from api.catalog.sources.crs_extents import domain
from api.catalog.sources.geometry_columns import (
    GeometryColumn,
    compared,
    is_found_by_index,
    located,
    mercator,
    shape_items,
    shape_of,
    shown,
)
from api.catalog.sources.keys import KeyCandidate, candidate, key_items, place_key
from api.catalog.sources.model import Attribute, BaseTable, Draft, Omission, Relation, Systems
from api.catalog.sources.times import choose_times
from core.bbox import BBox
from core.catalog import GEOM, HEAP_ORDER, SAMPLE, Collection, Key, Source
from core.statement import quoted
from core.tiling import Tiling, parse_tiling

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
        """What an earlier look found, where this one got no answer in time, or not from the features themselves."""
        return before if self == GeometrySurvey() or self.magnitude < min(1, before.magnitude) else self


@dataclass(frozen=True, slots=True)
class RelationSurvey:
    """What a look at the data of a relation found. Before it, nothing is taken for granted.

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
        """These, and what an earlier look found where this one got no answer in time."""
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
    shapes: list[GeometryColumn | None] = [found_shape(a, plan, findings, systems) for a in plan.geometries]
    for number, shape in enumerate(shapes or [None]):
        part = shape.attribute.name if shape and number else ""
        yield Draft(
            plan.relation.schema,
            plan.relation.name,
            part,
            collection_of(plan, key, shape, findings, systems, now),
        )


def found_shape(attribute: Attribute, plan: Publishable, findings: RelationSurvey, systems: Systems) -> GeometryColumn:
    """A geometry column, with what was found out about it."""
    shape = located(shape_of(attribute, plan.comment.srid, findings.srids.get(attribute.number)), systems)
    return replace(shape, has_solids=attribute.number in findings.solids)


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
    plan: Publishable, key: Key, shape: GeometryColumn | None, findings: RelationSurvey, systems: Systems, now: datetime
) -> Collection:
    """A collection of a relation, without its id."""
    relation, comment = plan.relation, plan.comment
    seen = findings.seen.get(shape.attribute.number, GeometrySurvey()) if shape else GeometrySurvey()
    system = systems.get(shape.srid) if shape else None
    start, end = choose_times([read.column for read in plan.reads], comment.time)
    return Collection(
        id="",
        title=comment.title or " ".join(filter(None, (relation.name, shape_title(plan, shape)))),
        description=comment.description,
        attribution=None,
        source_path=relation.full_name,
        version=0,
        table=relation.name,
        row_count=None,
        srid=shape.srid if shape else None,
        srs_authority=system.authority if system else None,
        srs_text=system.text if system else None,
        geometry_type=shape.geometry_type if shape else None,
        null_geometries=0 if shape is None or is_filled(shape.attribute, findings) else 1,
        bbox_crs84=seen.bbox_crs84,
        storage_bbox=seen.storage_bbox,
        temporal_column=start,
        temporal_end_column=end,
        interval=findings.interval,
        columns=tuple(read.column for read in plan.reads),
        loaded_at=now,
        changed_at=now,
        cache_control=None,
        key=key,
        tiling=tiling_of(relation, key, shape),
        source=replace(
            source_of(relation, key, plan.reads, shape, systems, seen.bbox_crs84),
            **behind(shape, findings),
            magnitude=findings.magnitude,
            limits=None if seen.reaches_further or system is None else system.limits,
        ),
    )


def behind(shape: GeometryColumn | None, findings: RelationSurvey) -> dict[str, Any]:
    """What is known of the source where it is a view of one table."""
    base = shape and findings.bases.get(shape.attribute.number)
    if base is None:
        return {}
    column = quoted("s", base.column)
    like = sql.SQL("(SELECT {} AS geom FROM {} AS s {})").format(column, base.sql_name, SAMPLE)
    return {"oid": base.oid, "like": like, "is_indexed": True}


def is_filled(attribute: Attribute, findings: RelationSurvey) -> bool:
    """Whether every row has a value in a column."""
    return attribute.filled or attribute.number in findings.filled


def tiling_of(relation: Relation, key: Key, shape: GeometryColumn | None) -> Tiling | None:
    """What was prepared of the geometry column of a relation, if it is for the relation as it is now."""
    if relation.prepared is None or shape is None or not key.is_integer:
        return None
    try:
        about = json.loads(relation.prepared)
        meant = about["source"], about["key"], about["geometry"]
        tiling = parse_tiling(about)
    except (ValueError, KeyError, TypeError):  # a comment of somebody else's
        return None
    return tiling if meant == (relation.full_name, key.parts[0].column, shape.attribute.name) else None


def shape_title(plan: Publishable, shape: GeometryColumn | None) -> str:
    """What the title of a further geometry column's collection says."""
    return f"({shape.attribute.name})" if shape and shape.attribute is not plan.geometries[0] else ""


def source_of(  # noqa: PLR0913
    relation: Relation,
    key: Key,
    reads: Sequence[PropertyColumn],
    shape: GeometryColumn | None,
    systems: Systems,
    extent: BBox | None,
) -> Source:
    """The subquery that a collection is read from. PostgreSQL takes it apart, so that the indexes are used."""
    items = [*key_items(key), *(read.item for read in reads), *(shape_items(shape) if shape else [])]
    text = sql.SQL("(SELECT {} FROM {} AS s)").format(sql.SQL(", ").join(items), relation.sql_name)
    has_pages = shape is not None and relation.has_pages
    sampled = sql.SQL("(SELECT {} FROM {} AS s {})").format(sql.SQL(", ").join(items), relation.sql_name, SAMPLE)
    places = items if key == HEAP_ORDER else [sql.SQL("s.ctid"), *items]
    placed = sql.SQL("(SELECT {} FROM {} AS s)").format(sql.SQL(", ").join(places), relation.sql_name)
    return Source(
        relation=text,
        definition=definition(relation, key, text.as_string(None)),
        shown=shown(shape) if shape else GEOM,
        mercator=mercator(shape, systems) if shape else GEOM,
        compared=compared(shape) if shape else GEOM,
        domain_crs84=domain(shape.srid, systems, extent) if shape else None,
        is_geography=shape is not None and shape.is_geography,
        sampled=sampled if has_pages else None,
        placed=placed if relation.has_places else None,
        oid=relation.oid,
        is_indexed=has_pages and shape is not None and is_found_by_index(shape),
    )


def definition(relation: Relation, key: Key, text: str) -> str:
    """A digest of what a cursor depends on: which relation it is, how it is read, and the key."""
    return hashlib.sha256(repr((relation.oid, text, key)).encode()).hexdigest()[:12]
