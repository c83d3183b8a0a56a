"""Statements for the overview of lines and polygons, and of points among them. Text only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg import sql

from core.catalog.versions import COLUMN, CORNERS, FIRST, KINDS, LAST, LEVEL, MERGED, ROW, Kind
from loader.overviews.points import RANKED, property_list
from loader.overviews.ranks import CELL_LEVELS, HALF_WORLD_M
from loader.table.columns import TableColumn
from loader.table.ddl import SCHEMA, Table

UNITS = 4096
"""How finely a tile is divided."""

PART_POINTS = 256
"""A geometry with more corners is cut in parts."""

VALID = sql.Identifier("isthmus_valid")
"""A temporary table: (fid, geom_3857) of shapes of many corners as they are shown, polygons repaired."""

SIMPLE, SIMPLER = sql.Identifier("isthmus_simple"), sql.Identifier("isthmus_simpler")
"""A temporary table: (fid, geom_3857), simplified; and that which takes its place."""

DEEPEST, STEP = 14, 2
"""The zoom whose tiles are the smallest that parts are cut to, and how many zooms a part serves that is to be cut."""

LAST_ZOOM = 24

MARGIN = 1 / 32
"""What a part has around its tile, in widths of it: twice what tiles have, so that no cut is seen."""

NAMES = {"first": FIRST, "last": LAST, "level": LEVEL, "column": COLUMN, "row": ROW, "merged": MERGED}
NAMED = {name: sql.Identifier(column) for name, column in NAMES.items()}


@dataclass(frozen=True, slots=True)
class Filling:
    """An overview that is being filled.

    kind:   what the features of the table are, None for a mixture
    light:  shapes with at most so many corners are the same at all low zooms
    large:  those with more come from the overview beyond the full zoom too
    source: a table with their geometries, which are to be valid: other ones are cut to something else
    """

    table: Table
    name: str
    properties: Sequence[TableColumn]
    kind: Kind | None
    full_zoom: int
    light: int
    large: int
    source: sql.Identifier


def shown_geometry(kind: Kind | None) -> sql.Composable:
    """What tiles show of a row of the table `t`: of a collection in a mixture, its parts of the highest dimension, as
    ST_AsMVTGeom does.
    """
    return sql.SQL("ST_CollectionExtract(t.geom_3857)" if kind is None else "t.geom_3857")


# Rows: (fid, west, south, east, north, length or area, corners, dimension[, importance]) of what has a place in
# EPSG:3857. Of points the corners are not counted: they are neither simplified nor cut.
SHAPES = sql.SQL("""
COPY (
    SELECT fid, ST_XMin(box), ST_YMin(box), ST_XMax(box), ST_YMax(box), measure, points, dimension{value}
    FROM (
        SELECT fid, box2d(shown) AS box, {dimension}::bigint AS dimension,
               CASE {dimension} WHEN 2 THEN ST_Area(shown) ELSE ST_Length(shown) END AS measure,
               corners::bigint AS points{value}
        FROM (SELECT t.fid, {shown} AS shown, t.{corners} AS corners{chosen} FROM {table} AS t OFFSET 0) AS whole
        WHERE NOT ST_IsEmpty(shown)
        OFFSET 0
    ) AS measured
) TO STDOUT (FORMAT binary)
""")


def copy_shapes(table: Table, kind: Kind | None, rank: TableColumn | None) -> sql.Composed:
    """COPY of ids, corners and dimensions as bigint, the others as doubles. Without a column of importance, that is
    left out.
    """
    dimension = sql.SQL("ST_Dimension(shown)") if kind is None else sql.Literal(KINDS.index(kind))
    chosen = sql.SQL(", coalesce(t.{}::double precision, '-Infinity') AS importance")
    return SHAPES.format(
        dimension=dimension,
        shown=shown_geometry(kind),
        chosen=chosen.format(sql.Identifier(rank.column)) if rank else sql.SQL(""),
        value=sql.SQL(", importance" if rank else ""),
        corners=sql.Identifier(CORNERS),
        table=table.identifier,
    )


CREATE_RANKED = sql.SQL("""
CREATE TEMPORARY TABLE {} (
    fid bigint, zoom smallint, place integer, points integer, level integer, x integer, y integer
) ON COMMIT DROP
""").format(RANKED)
"""What is to be put into the overview: from which zoom on, in which order, how many corners, and the smallest tile that
holds it."""


def drop_temporary() -> Iterator[sql.Composed]:
    """Forget the temporary tables."""
    for name in (RANKED, SIMPLE, VALID):
        yield sql.SQL("DROP TABLE IF EXISTS {}").format(name)


def create_shape_overview(filling: Filling) -> sql.Composed:
    """The overview, empty."""
    text = sql.SQL(
        "CREATE TABLE {tiles} AS SELECT 0::smallint AS {first}, 0::smallint AS {last}, 0 AS {level}, 0 AS {column},"
        " 0 AS {row}, 0 AS {merged}, t.fid, t.geom_3857{properties} FROM {table} AS t WITH NO DATA"
    )
    return text.format(**of_filling(filling), **NAMED)


def insert_light(filling: Filling) -> sql.Composed:
    """The shapes of few corners, as they are: one row for all zooms below the full one that show them."""
    text = sql.SQL(
        "INSERT INTO {tiles} SELECT r.zoom, {full_zoom} - 1, 0, 0, 0, NULL, t.fid, {shown}{properties}"
        " FROM {ranked} AS r JOIN {table} AS t ON t.fid = r.fid"
        " WHERE r.zoom < {full_zoom} AND r.points <= {light} ORDER BY r.place"
    )
    return text.format(**of_filling(filling))


# Down a quadtree, from the smallest tile that holds a geometry to where the part in a tile is small. `since`: the
# first zoom that is made from a part, whose tiles lie in the part's. A part that is still large there serves `step`
# zooms, and is cut further for those beyond them.
PARTS = sql.SQL("""
WITH RECURSIVE part AS (
    SELECT r.fid, r.zoom, r.points, r.place, least(r.level, {since}) AS level,
           r.x >> greatest(r.level - {since}, 0) AS x, r.y >> greatest(r.level - {since}, 0) AS y,
           {since} AS since, false AS is_cut, s.geom_3857::geometry AS geom
    FROM {ranked} AS r JOIN {source} AS s ON s.fid = r.fid
    WHERE r.points > {light} AND r.zoom <= {last_zoom} AND ({since} < {full_zoom} OR r.points > {large})
    UNION ALL
    SELECT p.fid, p.zoom, p.points, p.place, p.level + 1, q.x, q.y,
           CASE WHEN p.level = p.since THEN p.since + {step} ELSE p.since END, true, ST_ClipByBox2D(p.geom, q.box)
    FROM part AS p
    CROSS JOIN (VALUES (0, 0), (1, 0), (0, 1), (1, 1)) AS corner (dx, dy)
    CROSS JOIN LATERAL (
        SELECT 2 * p.x + dx AS x, 2 * p.y + dy AS y,
               ST_TileEnvelope(p.level + 1, 2 * p.x + dx, 2 * p.y + dy, margin => {margin})::box2d AS box
    ) AS q
    WHERE ST_NPoints(p.geom) > {part_points} AND p.level < {deepest} AND p.geom && q.box
),
-- What serves some zooms: {last_zoom} is the last one of parts that are small, and for shapes that the table has whole
-- beyond the full zoom, the one before it.
served AS (
    SELECT p.*, greatest(p.since, p.zoom) AS first,
           least(CASE WHEN p.points > {large} THEN {last_zoom} ELSE {full_zoom} - 1 END,
                 CASE WHEN ST_NPoints(p.geom) > {part_points} AND p.level < {deepest} THEN p.since + {step} - 1
                      ELSE {last_zoom} END) AS last
    FROM part AS p
    WHERE NOT ST_IsEmpty(p.geom) AND (p.level = p.since OR p.level = {deepest} OR ST_NPoints(p.geom) <= {part_points})
)
INSERT INTO {tiles}
SELECT s.first, s.last, CASE WHEN is_cut THEN s.level ELSE 0 END, CASE WHEN is_cut THEN s.x ELSE 0 END,
       CASE WHEN is_cut THEN s.y ELSE 0 END, NULL, s.fid, s.geom{properties}
FROM served AS s JOIN {table} AS t ON t.fid = s.fid
WHERE s.first <= s.last
ORDER BY s.place
""")


def insert_exact(filling: Filling, first: int) -> sql.Composed:
    """The shapes of many corners as they are, for a zoom and those beyond."""
    return insert_parts(filling, filling.source, first=first, last=LAST_ZOOM, deepest=DEEPEST)


def insert_parts(filling: Filling, source: sql.Composable, *, first: int, last: int, deepest: int) -> sql.Composed:
    """PARTS of what a table has as geom_3857."""
    return PARTS.format(
        source=source,
        since=sql.Literal(first),
        last_zoom=sql.Literal(last),
        deepest=sql.Literal(deepest),
        step=sql.Literal(STEP),
        margin=sql.Literal(MARGIN),
        part_points=sql.Literal(PART_POINTS),
        **of_filling(filling),
    )


def of_filling(filling: Filling) -> dict[str, sql.Composable]:
    """What statements have in common."""
    return {
        "ranked": RANKED,
        "table": filling.table.identifier,
        "tiles": sql.Identifier(SCHEMA, filling.name),
        "shown": shown_geometry(filling.kind),
        "properties": property_list(filling.properties),
        "full_zoom": sql.Literal(filling.full_zoom),
        "light": sql.Literal(filling.light),
        "large": sql.Literal(filling.large),
    }


VALIDATE = sql.SQL("""
CREATE TEMPORARY TABLE {valid} ON COMMIT DROP AS
SELECT fid, {repaired} AS geom_3857
FROM (
    SELECT t.fid, {shown} AS shown FROM {ranked} AS r JOIN {table} AS t ON t.fid = r.fid WHERE r.points > {light}
    OFFSET 0
) AS heavy
""")
REPAIRED = sql.SQL("CASE WHEN ST_IsValid(shown) THEN shown ELSE ST_CollectionExtract(ST_MakeValid(shown), 3) END")


def validate(filling: Filling, *, repair: bool) -> sql.Composed:
    """The shapes of many corners as they are shown, in a temporary table. `repair`: polygons, some of them not valid"""
    repaired = REPAIRED if repair else sql.SQL("shown")
    return VALIDATE.format(valid=VALID, repaired=repaired, **of_filling(filling))


SIMPLIFY = sql.SQL("""
CREATE TEMPORARY TABLE {simpler} ON COMMIT DROP AS
SELECT fid, CASE
    WHEN ST_NumGeometries(geom) > 1 THEN coalesce(
        (SELECT ST_Collect(part.geom) FROM ST_Dump(simplified.geom) AS part
         WHERE ST_Area(part.geom) >= {unit}::float8 ^ 2 OR ST_Length(part.geom) >= {unit}),
        (SELECT ST_Collect(geom) FROM (
            SELECT DISTINCT ON (x, y) part.geom FROM ST_Dump(simplified.geom) AS part,
                floor(ST_XMin(part.geom) / {cell}) AS x, floor(ST_YMin(part.geom) / {cell}) AS y
            ORDER BY x, y, ST_Area(part.geom) + ST_Length(part.geom) DESC, part.path
        ) AS largest))
    ELSE geom END AS geom_3857
FROM (
    SELECT s.fid, {how} AS geom
    FROM {ranked} AS r JOIN {source} AS s ON s.fid = r.fid
    WHERE r.points > {light} AND r.zoom <= {zoom} AND ({zoom} < {full_zoom} OR r.points > {large})
    OFFSET 0  -- so that each is simplified once
) AS simplified
""")


TOGETHER = sql.SQL("ST_CoverageSimplify(s.geom_3857, {unit}) OVER ()")

# Lines may cross: to keep one of a million corners from crossing itself took six seconds at each zoom, and not 0.1; to
# keep 100,000 parts from touching each other a minute, and not 0.4.
EACH = sql.SQL("""CASE
    WHEN ST_Dimension(s.geom_3857) = 1 THEN ST_Simplify(s.geom_3857, {unit}, true)
    WHEN ST_NumGeometries(s.geom_3857) > {many_parts} THEN
        (SELECT ST_Collect(ST_SimplifyPreserveTopology(part.geom, {unit})) FROM ST_Dump(s.geom_3857) AS part)
    ELSE ST_SimplifyPreserveTopology(s.geom_3857, {unit}) END""")

MANY_PARTS = 1000
"""Areas of more parts are simplified part by part."""


def simplify(filling: Filling, zoom: int, *, coverage: bool, again: bool) -> Iterator[sql.Composed]:
    """The shapes of many corners that a zoom shows, to a unit of its tiles, in the temporary table. Parts that are less
    than a unit, as most islands of a coast, are left out; where all parts are, a cell keeps its largest.

    coverage: neighbours share their borders, and still do after it; again: from the same table for the zoom beyond
    """
    unit, cell = (sql.Literal(2 * HALF_WORLD_M / 2**zoom / parts) for parts in (UNITS, 2**CELL_LEVELS))
    how = TOGETHER if coverage else EACH
    source = SIMPLE if again else filling.source
    values = {
        "how": how.format(unit=unit, many_parts=sql.Literal(MANY_PARTS)),
        "zoom": sql.Literal(zoom),
        "unit": unit,
        "cell": cell,
        **of_filling(filling),
    }
    yield SIMPLIFY.format(simpler=SIMPLER, source=source, **values)
    if again:
        yield sql.SQL("DROP TABLE {}").format(SIMPLE)
    yield sql.SQL("ALTER TABLE {} RENAME TO {}").format(SIMPLER, SIMPLE)


def select_shared(filling: Filling, last_place: int) -> sql.Composed:
    """How many corners of some shapes are those of others too. Rows: one (corners, shared ones)"""
    text = sql.SQL("""
SELECT count(*), count(*) FILTER (WHERE shapes > 1)
FROM (
    SELECT count(DISTINCT fid) AS shapes
    FROM (
        SELECT t.fid, ST_DumpPoints({shown}) AS dumped
        FROM {ranked} AS r JOIN {table} AS t ON t.fid = r.fid
        WHERE r.place <= {last_place}
    ) AS corners
    GROUP BY ST_X((dumped).geom), ST_Y((dumped).geom)
) AS places""")
    return text.format(last_place=sql.Literal(last_place), **of_filling(filling))


def copy_squares(name: str) -> sql.Composed:
    """COPY of squares: (zoom, zoom, 0, 0, 0, how many polygons, geometry)."""
    text = sql.SQL(
        "COPY {} ({first}, {last}, {level}, {column}, {row}, {merged}, geom_3857) FROM STDIN (FORMAT binary)"
    )
    return text.format(sql.Identifier(SCHEMA, name), **NAMED)


def select_spans(name: str) -> sql.Composed:
    """Rows: (first zoom, last zoom, how many rows of an overview these zooms show)."""
    text = sql.SQL("SELECT {first}, {last}, count(*) FROM {} GROUP BY 1, 2")
    return text.format(sql.Identifier(SCHEMA, name), **NAMED)


def index_zooms(name: str, zooms: range) -> sql.Composed:
    """An index of what some zooms show, each of which can be read by it."""
    text = sql.SQL("CREATE INDEX ON {} USING gist (geom_3857) WHERE {first} <= {to} AND {last} >= {since}")
    since, to = sql.Literal(zooms[0]), sql.Literal(zooms[-1])
    return text.format(sql.Identifier(SCHEMA, name), since=since, to=to, **NAMED)


def index_beyond(name: str, full_zoom: int) -> sql.Composed:
    """An index of what the zooms from the full one on show, and those below do not."""
    text = sql.SQL("CREATE INDEX ON {} USING gist (geom_3857) WHERE {last} >= {full_zoom}")
    return text.format(sql.Identifier(SCHEMA, name), full_zoom=sql.Literal(full_zoom), **NAMED)
