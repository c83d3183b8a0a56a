"""Every constant of the planner: what it is, and what goes wrong when it is doubled.

Costs are in the units of PostgreSQL's planner, where a page read in its order costs 1. They were measured over a
million points in memory (`docs/planner.md`). `tests/unit/test_planner_costs.py` shows for each that a plan depends on
it.
"""

from __future__ import annotations

# Pages of a loaded table, in the order of its heap.

PAGE_COST = 1.0
"""A heap page that is read in its order. Doubled: filters on columns without an index are looked for by one all the
same, which reads and sorts every match for each page.
"""

ROW_COST = 0.0125
"""A look at a row of such a page. Doubled: as `PAGE_COST`, where rows are small."""

SHAPE_COST = 12.5
"""A look at a row's geometry, as PostgreSQL estimates it. Doubled: shapes with many matches are looked for by their
index, which sorts all of them for a page.
"""

SCAN_MARGIN = 2
"""How many times the rows that should fill a page are read before its matches are looked for by an index. Doubled:
where PostgreSQL expects too many matches, the scan that is in vain takes twice as long.
"""

NO_INDEX_HELPS = 4
"""Where reading all matches costs a quarter of reading the table or more, no index finds them: the table is read to its
end. Doubled: so is it where an index finds an eighth of the rows, for a page of a rare value.
"""

LEAST_PAGES_BACK, MOST_PAGES_BACK = 8, 512
"""Heap pages that are read and sorted at once on the way back: more from range to range. Doubled: a page of common
matches sorts twice as many rows as it needs (8), or one of rare matches sorts half a table at once (512).
"""

# Pages of a box in a loaded table.

FEW_PAGES = 2
"""Matches are few when they fill so many pages: then the index of boxes finds them, and counts them. Doubled: a page
sorts four times the rows that it shows.
"""

MOST_LOOKED_AT = 20
"""Rows that are looked at in blocks for each match, at most. Doubled: a long and narrow box reads 40 rows for a match
that the index of boxes finds.
"""

POINTS_FOR_A_ROW = 4
"""Points that are looked up in memory where one row would be read for a count. Doubled: counting a box of many points
takes this process longer than PostgreSQL would.
"""

MOST_POINTS = 200_000
"""Points that are looked up for a count, at most: 4 ms. Doubled: a page with an exact count keeps Python busy for 8
ms, in which no other thread runs.
"""

# Pages of a box in a table of somebody else's, by strips of the box.

FEW_MATCHES, FEW_STRIP_PAGES = 400, 3
"""So many matches, or pages of them, are read at once, which counts them. Doubled: a page reads and sorts 800 rows
where 101 in a strip would do.
"""

AMPLE, SPARE = 1.5, 50
"""How many times the features of a page the first range of a strip should hold, and how many more: a sample does not
tell well where few are. Doubled: every page reads twice the rows that it shows.
"""

FURTHER = 3
"""How many times as many the next range is to hold; then the rest of the strip. Doubled: where the sample was wrong, a
page reads six times the rows that it shows.
"""

LOOK_COST = 0.3
"""A look at a row by the index of boxes. Doubled: boxes with other conditions are left to indexes of these, which find
matches in all the table.
"""

SAMPLE_PAGES = 200
"""Heap pages that are read to learn where features are: about 10,000 points. Doubled: the first request for each source
takes each worker 20 ms longer.
"""

SAMPLE_CELLS = 64
"""Columns and rows of the table that is made of a sample. Doubled: it takes four times the memory and has two of the
sample in a cell, which says nothing of it.
"""

REACH_HALVINGS = 7
"""How often the range between two edges of that table is halved to find how far a page reaches. Doubled: nothing but
10 µs; halved: ranges are twice as wide as a page needs.
"""

# Pages in the order of a key.

WALK_MARGIN, LEAST_WALKED = 2, 500
"""How many times the rows that should fill a page are walked along the key, and how many at least. Doubled: a walk in
vain, where keys follow the places, takes twice as long.
"""

WORTH_WALKING = 2
"""How many matches there are for each row of a walk, where it is worth it. One more match costs 0.3 to 1.1 µs, as they
are together or apart, one more row of a walk 0.15 to 2. Doubled: larger boxes are read and sorted as a whole.
"""

MOST_COUNTED = 2000
"""So many matches are counted while they are read, at 1 µs each. Doubled: a page that asks for no number takes 2 ms
longer for it.
"""

PROBE_SHARE = 1 / 16
"""What a probe along the key may cost of what reading all matches costs: so much is added where it is in vain.
Doubled: a pattern that nothing matches takes an eighth longer over a table in the order of its key, half longer in no
order.
"""

# Pages in the order of a property.

FETCH_COST = 9
"""A row that an index leads to, in rows that are read one after the other, if all are in memory. Doubled: a range of a
twelfth of the rows is looked for in the heap, at twice the cost.
"""

LEAST_ROWS = 10_000
"""A smaller table is read to its end in a millisecond. Doubled: ranges in a table of 15,000 rows are read in the order
of the heap, at 1.5 ms.
"""

# Counts.

UNCOUNTED_ROWS = 1000
"""A table of so many rows is counted without a plan, which takes as long. Doubled: a page of a table of 2,000 rows
takes 0.1 ms longer where few match.
"""

BOX_TEST_COST = 0.2
"""A look whether a row is in a box. Doubled: boxes of half the size go without an exact number."""

ESTIMATE_S = 3
"""How long an estimate is good for a source, whose data change: each page of a walk asks. Doubled: what was just
inserted counts later.
"""
