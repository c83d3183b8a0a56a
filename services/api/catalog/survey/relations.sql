-- The tables, views, materialised views, partitioned and foreign tables of some schemas, in order of schema and name.
--
-- Left out: partitions, whose table is listed; what an extension owns; PostGIS's own tables where it is no extension.
-- Row: oid, schema, name, kind (pg_class.relkind), comment, has children that inherit, is it read by pages, are its rows found by their
--      places (ctid), may the schema be used, does it hold data (a materialised view may not yet), attributes (json, in their order),
--      unique indexes (json, the primary key first), what was prepared of it (json as text, or NULL),
--      what tells a view's query from those that it had before
WITH RECURSIVE domains AS (
    -- every domain, and what it is in the end
    SELECT oid AS domain, typbasetype AS type, typtypmod AS typmod, typnotnull AS filled
    FROM pg_type WHERE typtype = 'd'
    UNION ALL
    SELECT d.domain, t.typbasetype, CASE WHEN d.typmod >= 0 THEN d.typmod ELSE t.typtypmod END, d.filled OR t.typnotnull
    FROM domains AS d JOIN pg_type AS t ON t.oid = d.type AND t.typtype = 'd'
),
bases AS (
    SELECT d.* FROM domains AS d JOIN pg_type AS t ON t.oid = d.type AND t.typtype <> 'd'
),
relations AS (
    SELECT c.oid, n.nspname, n.oid AS namespace, c.relname, c.relkind, c.relam, c.relispopulated,
           c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = c.oid) AS inherited
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%(schemas)s)
      AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
      AND NOT c.relispartition
      AND NOT (n.nspname = 'data' AND EXISTS (  -- where the loader keeps its versions
          SELECT FROM pg_class AS g JOIN pg_namespace AS h ON h.oid = g.relnamespace
          WHERE h.nspname = 'isthmus' AND g.relname = 'generation'))
      AND c.relname NOT IN ('spatial_ref_sys', 'geometry_columns', 'geography_columns', 'raster_columns', 'raster_overviews')
      AND NOT EXISTS (
          SELECT FROM pg_depend AS d
          WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
      )
)
SELECT r.oid::bigint, r.nspname, r.relname, r.relkind::text, obj_description(r.oid, 'pg_class'),
       r.inherited,
       r.relkind IN ('r', 'm', 'p') AND NOT r.inherited AND NOT EXISTS (
           -- a partition that is a foreign table has no pages; pg_partition_tree would wait for who alters one
           WITH RECURSIVE parts AS (
               SELECT r.oid
               UNION ALL
               SELECT i.inhrelid FROM pg_inherits AS i JOIN parts AS p ON p.oid = i.inhparent
           )
           SELECT FROM parts JOIN pg_class AS c USING (oid) WHERE c.relkind = 'f'
       ),
       r.relkind IN ('r', 'm') AND NOT r.inherited AND has_table_privilege(r.oid, 'SELECT') AND EXISTS (
           SELECT FROM pg_am AS m WHERE m.oid = r.relam AND m.amname = 'heap'),
       has_schema_privilege(r.namespace, 'USAGE'), r.relispopulated,
       COALESCE(a.attributes, '[]'), COALESCE(i.indexes, '[]'), p.prepared,
       (SELECT w.xmin::text FROM pg_rewrite AS w WHERE w.ev_class = r.oid AND r.relkind = 'v' AND w.rulename = '_RETURN')
FROM relations AS r
LEFT JOIN LATERAL (
    SELECT json_agg(
        json_build_object(
            'name', a.attname,
            'number', a.attnum,
            'type', t.typname,
            'sql_type', format_type(t.oid, -1),
            'kind', t.typtype,
            'category', t.typcategory,
            'typmod', CASE WHEN b.domain IS NULL OR a.atttypmod >= 0 THEN a.atttypmod ELSE b.typmod END,
            'ordered', t.typtype IN ('e', 'r', 'm') OR EXISTS (
                SELECT FROM pg_opclass AS o JOIN pg_am AS m ON m.oid = o.opcmethod
                WHERE o.opcdefault AND m.amname = 'btree' AND o.opcintype = t.oid),
            'filled', a.attnotnull OR COALESCE(b.filled, false),
            'readable', has_column_privilege(r.oid, a.attnum, 'SELECT'),
            'is_domain', b.domain IS NOT NULL,
            'labels', (SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = t.oid),
            'comment', col_description(r.oid, a.attnum),
            'indexed', t.typname = 'geometry' AND EXISTS (
                SELECT FROM pg_index AS x JOIN pg_opclass AS o ON o.oid = x.indclass[0]
                WHERE x.indrelid = r.oid AND x.indkey[0] = a.attnum AND x.indisvalid AND x.indpred IS NULL
                  AND o.opcname IN ('gist_geometry_ops_2d', 'spgist_geometry_ops_2d'))
        ) ORDER BY a.attnum) AS attributes
    FROM pg_attribute AS a
    LEFT JOIN bases AS b ON b.domain = a.atttypid
    JOIN pg_type AS t ON t.oid = COALESCE(b.type, a.atttypid)
    WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
) AS a ON true
LEFT JOIN LATERAL (
    SELECT json_agg((i.indkey::int[])[0:i.indnkeyatts - 1] ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid) AS indexes
    FROM pg_index AS i
    WHERE i.indrelid = r.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
      AND i.indpred IS NULL AND i.indexprs IS NULL
) AS i ON true
LEFT JOIN LATERAL (
    -- what `isthmus prepare` made of it (loader/overviews/external_table.py), the newest
    SELECT d.description AS prepared
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'data'
    JOIN pg_description AS d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = 0
    WHERE c.relname ~ concat('^isthmus_prepared_', r.oid, '_[0-9]+_tiles$') AND has_schema_privilege(n.oid, 'USAGE')
      AND has_table_privilege(c.oid, 'SELECT')
    ORDER BY c.oid DESC
    LIMIT 1
) AS p ON true
ORDER BY array_position(%(schemas)s::text[], r.nspname::text), r.relname
