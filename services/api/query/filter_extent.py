"""The boxes that all matches of a filter in CQL2 meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from api.cql2 import Node
from api.cql2.tree.ast import And, BBox, Geometry, GeometryCollection, Property, Spatial
from api.cql2.tree.geometry import all_positions
from api.query.crs import Crs
from core.blocks import Sides


def areas_met(node: Node | None, crs: Crs) -> Sequence[Sides]:
    """Boxes of which each match meets one, in the system of the literals, easting first; none where nobody knows."""
    for part in node.args if isinstance(node, And) else (node,):
        if isinstance(part, Spatial) and part.op != "s_disjoint":
            for one, other in ((part.left, part.right), (part.right, part.left)):
                if isinstance(one, Property) and (areas := tuple(boxes_of(other, crs))):
                    return areas
    return ()


def boxes_of(node: Node, crs: Crs) -> Iterator[Sides]:
    """The boxes around a literal: two of one across 180 degrees."""
    if isinstance(node, BBox):
        half = len(node.numbers) // 2
        positions: list[Sequence[float]] = [node.numbers[:2], node.numbers[half : half + 2]]
    elif isinstance(node, Geometry | GeometryCollection):
        positions = list(all_positions(node))
    else:
        return
    if not positions:
        return
    x, y = (1, 0) if crs.northing_first else (0, 1)
    easts, norths = [position[x] for position in positions], [position[y] for position in positions]
    if isinstance(node, BBox) and easts[0] > easts[1]:
        yield easts[0], min(norths), 180.0, max(norths)
        yield -180.0, min(norths), easts[1], max(norths)
    else:
        yield min(easts), min(norths), max(easts), max(norths)
