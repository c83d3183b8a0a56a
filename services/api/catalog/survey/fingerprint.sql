-- A text that changes whenever what the listed schemas hold changes its form, or who may read it.
--
-- Every change of a catalogue row gives it another xmin. ANALYZE and VACUUM write theirs in place, which does not.
SELECT md5(concat_ws('|',
    (SELECT string_agg(concat_ws(',', n.oid, n.xmin, has_schema_privilege(n.oid, 'USAGE')), ';' ORDER BY n.oid)
     FROM pg_namespace AS n WHERE n.nspname = ANY (%(schemas)s)),
    (SELECT string_agg(concat_ws(',', c.oid, c.xmin, has_any_column_privilege(c.oid, 'SELECT')), ';' ORDER BY c.oid)
     FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = ANY (%(schemas)s) AND c.relkind IN ('r', 'v', 'm', 'p', 'f', 'i', 'I')),
    (SELECT sum(a.xmin::text::bigint * (a.attnum + 7) + a.atttypid::bigint)
     FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = ANY (%(schemas)s) AND c.relkind IN ('r', 'v', 'm', 'p', 'f') AND a.attnum > 0),
    (SELECT string_agg(concat_ws(',', p.oid, p.xmin, has_function_privilege(p.oid, 'EXECUTE')), ';' ORDER BY p.oid)
     FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
     WHERE n.nspname = ANY (%(schemas)s) AND (p.proretset OR p.prorettype = 'bytea'::regtype)),
    (SELECT sum(d.xmin::text::bigint) FROM pg_description AS d
     WHERE d.classoid IN ('pg_class'::regclass, 'pg_proc'::regclass)),
    (SELECT sum(x.xmin::text::bigint) FROM pg_index AS x),
    (SELECT sum(h.xmin::text::bigint) FROM pg_inherits AS h),
    (SELECT sum(w.xmin::text::bigint) FROM pg_rewrite AS w),
    (SELECT sum(t.xmin::text::bigint) FROM pg_type AS t WHERE t.typtype IN ('d', 'e'))
)),
EXISTS (
    SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'isthmus' AND c.relname = 'generation'
      AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
)
