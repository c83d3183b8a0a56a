"""Features as GeoJSON: from a request as a value to the bytes of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import Any

from api.asked import Asked
from api.block_plans import Located, known_blocks, locate, plan_in_blocks
from api.context import Api
from api.counts import Count
from api.cursor import render_cursor
from api.density import Density, make_density
from api.disk_plans import plan_along_disk
from api.formats.geojson import PAGE_HEAD, render_feature, render_tail
from api.formats.offered import PAGES
from api.heavy_pages import may_be_heavy, weight
from api.ids import parse_id
from api.links import JSON, Link, query_text, self_and_alternate
from api.pages import Page, cut_page
from api.plans import can_be_planned, plan_page, share_of
from api.query import BY_PLANNER, Cursor, Direction, FeatureKey, ItemsQuery, Plan, Presentation, walk_key
from api.reading import reading
from api.sql.items import select_feature
from api.sql.pages import select_page, select_sample, select_size
from api.whole_pages import can_be_joined, is_whole, joined_page, without_offset
from core.catalog import PLACE, Collection, remembered
from core.errors import BadValue, UnknownFeature
from core.prepared import Prepared, prepare
from core.statement import Statement

FORMATS = PAGES
"""The formats of a page and of a single feature, the default first."""

SAMPLE_PAGES = 200
"""Pages of a table that are read to learn where its features lie: about 10,000 points."""

FEATURE_PARAMETERS = ("f", "crs", "profile")
"""The parameters of a single feature."""


def find_page(
    api: Api, collection: Collection, query: ItemsQuery, *, joins: bool = False, most_bytes: float = inf
) -> Page:
    """The features of a page; none when only their number is asked for.

    joins: they may be one text; most_bytes: those that have more are left to `stream_page`
    """
    if query.hits_only:
        return Page((), None, None)
    if most_bytes < inf and may_be_heavy(api, collection, query, most_bytes):
        weighed = find_page(api, collection, replace(query, presentation=replace(query.presentation, weighed=True)))
        if weight(weighed) > most_bytes:
            return replace(weighed, features=(), joined=weighed.number, is_heavy=True)
    if joins and can_be_joined(collection, query):
        return joined_page(api, collection, query)
    key = walk_key(collection, query.filter, query.sort, query.cursor)
    with reading(collection, has_values=query.has_values):
        plan, rows = find_rows(api, collection, query)
    if not plan.counts:
        return replace(cut_page(query, rows, key), matched=plan.matched)
    page = cut_page(query, [row[:-1] for row in rows], key)
    return replace(page, matched=rows[0][-1] if rows else 0)


def find_rows(api: Api, collection: Collection, query: ItemsQuery) -> tuple[Plan, list[tuple[Any, ...]]]:
    """The rows of `select_page`, and how they were found. What met too few of them on the way was in vain."""
    query = without_offset(api, collection, query)
    plan = plan_of(api, collection, query)
    statement = select_page(collection, query, plan)
    rows = api.database.run(statement, one_plan=is_settled(collection, query, plan, statement))
    if len(rows) <= query.limit and (plan.way == "walk" or not plan.is_sure):
        plan = Plan("matches") if plan.way == "walk" else BY_PLANNER
        rows = api.database.run(select_page(collection, query, plan))
    return plan, rows


def is_settled(collection: Collection, query: ItemsQuery, plan: Plan, statement: Statement) -> bool:
    """Whether PostgreSQL is to plan the statement once for all values: it reads the table along ids, by pages, or by
    the index of boxes. Not where it works out more of the values than to compare them: with one plan it would for each
    row.
    """
    if query.filter.is_box_alone:
        source = collection.source
        is_plain = source is None or (source.sampled is not None and not source.is_geography)
        return is_plain and plan.way in ("blocks", "matches")
    return (plan.way == "blocks" or is_whole(collection, query)) and statement.prepared is not None


def plan_of(api: Api, collection: Collection, query: ItemsQuery) -> Plan:
    """How the rows of a page are best found."""
    located = locate(api.database, collection, query.filter)
    if collection.has_blocks and walk_key(collection, query.filter, query.sort, query.cursor) == PLACE:
        return plan_by_place(api, collection, query, located)
    if not can_be_planned(collection, query):
        return BY_PLANNER
    if located and collection.row_count:
        return plan_page(query, float(located.met.expected.sum()) / collection.row_count, collection.row_count)
    known = density(api, collection)
    return plan_page(query, share_of(known, query), known.features)


def plan_by_place(api: Api, collection: Collection, query: ItemsQuery, located: Located | None) -> Plan:
    """How the rows of a page are best found along the disk. `located`: where they all are"""
    if query.filter.is_box_alone:
        most_counted = api.counts.most_rows(collection, query)
        return plan_in_blocks(query, located, most_counted) if located else BY_PLANNER
    known = known_blocks(api.database, collection)
    if known is None:
        return BY_PLANNER
    return plan_along_disk(query, known[0], located, api.counts.reckon(collection, query.filter))


def density(api: Api, collection: Collection) -> Density:
    """Where the features lie. Cost: a sample of the table, once for each version in each worker."""

    def sample() -> Density:
        [(pages,)] = api.database.run(select_size(collection))
        share = min(1.0, SAMPLE_PAGES / max(1, pages))
        middles = api.database.run(select_sample(collection, 100 * share))
        return make_density(middles, len(middles) / share if collection.row_count is None else collection.row_count)

    return remembered(collection, "density", sample)


def page_geojson(found: Page, tail: bytes, head: bytes = PAGE_HEAD) -> bytes:
    """The features of a page between what stands ahead of them and behind."""
    return b"".join([head, ",".join(found.features).encode(), tail])


def page_tail(collection: Collection, found: Page, links: str, count: Count) -> bytes:
    """What stands behind the features of a FeatureCollection; `links` are JSON. That of a source has no time stamp: its
    bytes validate it.
    """
    members = {"numberReturned": found.number, "numberMatched": count.exact, "numberMatchedEstimate": count.estimate}
    counts = {name: number for name, number in members.items() if number is not None}
    return render_tail(links, counts, stamped=collection.source is None)


def page_links(asked: Asked, collection: Collection, query: ItemsQuery, found: Page, chosen: str) -> list[Link]:
    """The links of a page, in one of FORMATS."""
    return [
        *self_and_alternate(asked.here, asked.args, FORMATS, chosen),
        *walk_links(asked, collection, query, found, chosen),
        collection_link(asked, collection.id, collection.title),
    ]


def walk_links(asked: Asked, collection: Collection, query: ItemsQuery, found: Page, chosen: str) -> list[Link]:
    """The links `next` and `prev`, with every parameter of this request and another cursor."""
    here = asked.links.collection(collection, "items")
    kept = query_text({name: value for name, value in asked.args.items() if name not in ("offset", "cursor")})
    links: list[Link] = []
    for rel, cursor in walk_places(found).items():
        given = f"{kept}&cursor=" if kept else "cursor="
        href = f"{here}?{given}{render_cursor(cursor, query.filter, query.sort, collection)}"
        links.append({"href": href, "rel": rel, "type": FORMATS[chosen], "title": f"{rel} page"})
    return links


def walk_places(found: Page) -> dict[Direction, Cursor]:
    """The places where the walk goes on, forwards and back."""
    places: dict[Direction, Cursor | None] = {"next": found.next, "prev": found.prev}
    return {rel: cursor for rel, cursor in places.items() if cursor is not None}


def collection_link(asked: Asked, id: str, title: str) -> Link:
    """The link back to the collection."""
    return asked.links.link("collection", JSON, title, "collections", id)


def feature_key(text: str, collection: Collection) -> FeatureKey:
    """The key of an id. Raises: UnknownFeature for a text that is the id of no feature"""
    if not collection.key.is_id:
        hint = f"they have no key; /collections/{collection.id}/items?filter=… finds them by their properties"
        raise UnknownFeature(f"the features of '{collection.id}' have no ids", hint=hint, parameter="featureId")
    key = parse_id(text, collection.key)
    if key is None:
        raise unknown_feature(text, collection)
    return key


def prepared_feature(collection: Collection, shown: Presentation) -> Prepared:
    """The statement of one feature, put together once."""
    return remembered(collection, ("feature", shown), lambda: prepare(select_feature(collection, shown)))


def find_feature(api: Api, collection: Collection, id: str, shown: Presentation) -> bytes:
    """A feature as a text. Raises: UnknownFeature"""
    key = feature_key(id, collection)
    values = {f"id{number}": value for number, value in enumerate(key)}
    try:
        with reading(collection):
            row = api.database.run_prepared(prepared_feature(collection, shown), values, one_plan=True)
    except BadValue as error:
        if collection.key.is_integer:
            raise
        # such as a text that is no UUID, where the key is one
        raise unknown_feature(id, collection) from error
    if row is None or row[0] is None:
        raise unknown_feature(id, collection)
    return row[0]


def feature_geojson(
    asked: Asked, collection: Collection, feature: bytes, chosen: str, more: Sequence[Link] = ()
) -> tuple[bytes, list[Link]]:
    """A feature with its links, and these links. `more`: links to put after those that every feature has."""
    own = self_and_alternate(asked.here, asked.args, FORMATS, chosen)
    links = [*own, collection_link(asked, collection.id, collection.title), *more]
    return render_feature(feature, links), links


def unknown_feature(text: str, collection: Collection) -> UnknownFeature:
    """The error for an id that no feature has."""
    hint = f"/collections/{collection.id}/items lists the features"
    return UnknownFeature(f"'{collection.id}' has no feature '{text}'", hint=hint, parameter="featureId")
