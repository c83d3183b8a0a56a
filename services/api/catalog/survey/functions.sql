-- Functions of some schemas that return rows, or a tile as bytea, in order of schema and name.
--
-- Row: oid, schema, name, comment, may it be called, may it change data, the arguments it takes (json), the columns it returns (json),
-- does it return rows
SELECT p.oid::bigint, n.nspname, p.proname, obj_description(p.oid, 'pg_proc'),
       has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE'), p.provolatile = 'v',
       COALESCE(takes.arguments, '[]'), COALESCE(gives.attributes, '[]'),
       p.proretset
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_type AS r ON r.oid = p.prorettype
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object(
        'name', COALESCE(a.name, ''),
        'type', t.typname,
        'sql_type', format_type(a.type, -1),
        'kind', t.typtype,
        'category', t.typcategory,
        'mode', a.mode,
        'required', a.input <= p.pronargs - p.pronargdefaults
    ) ORDER BY a.number) AS arguments
    FROM (SELECT *, count(*) FILTER (WHERE mode IN ('i', 'b', 'v')) OVER (ORDER BY number) AS input FROM unnest(
        COALESCE(p.proallargtypes, p.proargtypes::oid[]), p.proargnames,
        COALESCE(p.proargmodes, array_fill('i'::"char", ARRAY[p.pronargs::int]))
    ) WITH ORDINALITY AS u (type, name, mode, number)) AS a
    JOIN pg_type AS t ON t.oid = a.type
    WHERE a.mode IN ('i', 'b', 'v')
) AS takes ON true
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object(
        'name', c.name,
        'number', c.number,
        'type', t.typname,
        'sql_type', format_type(t.oid, -1),
        'kind', t.typtype,
        'category', t.typcategory,
        'typmod', c.typmod,
        'ordered', t.typtype IN ('e', 'r', 'm') OR EXISTS (
            SELECT FROM pg_opclass AS o JOIN pg_am AS m ON m.oid = o.opcmethod
            WHERE o.opcdefault AND m.amname = 'btree' AND o.opcintype = t.oid),
        'filled', false,
        'readable', true,
        'is_domain', d.typtype = 'd',
        'labels', (SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = t.oid),
        'comment', NULL,
        'indexed', false
    ) ORDER BY c.number) AS attributes
    FROM (
        SELECT a.name, row_number() OVER (ORDER BY a.number) AS number, a.type, -1 AS typmod
        FROM unnest(p.proallargtypes, p.proargnames, p.proargmodes) WITH ORDINALITY AS a (type, name, mode, number)
        WHERE a.mode IN ('o', 'b', 't')
        UNION ALL
        SELECT a.attname, row_number() OVER (ORDER BY a.attnum), a.atttypid, a.atttypmod
        FROM pg_attribute AS a
        WHERE a.attrelid = r.typrelid AND a.attnum > 0 AND NOT a.attisdropped AND p.proargmodes IS NULL
    ) AS c
    JOIN pg_type AS d ON d.oid = c.type
    JOIN pg_type AS t ON t.oid = CASE WHEN d.typtype = 'd' THEN d.typbasetype ELSE d.oid END
) AS gives ON true
WHERE n.nspname = ANY (%(schemas)s)
  AND p.prokind = 'f' AND (p.proretset OR r.typname = 'bytea')
  AND NOT EXISTS (
      SELECT FROM pg_depend AS d
      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  )
ORDER BY array_position(%(schemas)s::text[], n.nspname::text), p.proname, p.oid
