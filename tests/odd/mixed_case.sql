-- Names that must be quoted, reserved words, names of parameters, and names that Isthmus uses itself.
CREATE TABLE odd."Mixed Case ""x""" (
    "Gid" bigint PRIMARY KEY, "select" text, "limit" integer, "bbox" text, "fid" text, "geom" text, "geom_3857" text,
    "shape" text, "id" text, "share %" integer, "per%s" integer, "a.b" text, "ä" text, "Geom Column" geometry(Point, 3067)
);
INSERT INTO odd."Mixed Case ""x"""
SELECT n, 's' || n, n, 'b' || n, 'f' || n, 'g' || n, 'w' || n, 'h' || n, 'i' || n, n, n, 'ab', 'ä',
       ST_SetSRID(ST_Point(380000 + n, 6670000), 3067)
FROM generate_series(1, 30) AS n;
