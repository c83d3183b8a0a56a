"""Which filters may take long, and what their clients are told.

`ISTHMUS_FILTER_TIMEOUT_S` limits each statement of such a filter. One that takes longer is the client's to change
(400): the server has not failed. Other filters read the features and compare, which every statement has the time for.
"""

from __future__ import annotations

from api.cql2 import Traits
from api.cql2.tree.ast import AccentI, Arithmetic, ArrayPredicate, CaseI, FunctionCall, Spatial
from api.query.items import Filter
from core.catalog import Collection
from core.errors import FilterTooSlow

FEW_NODES = 50
HEAVY = frozenset({AccentI, Arithmetic, ArrayPredicate, CaseI, FunctionCall, Spatial})
"""What a few of may take long."""

HINT = (
    "compare with fewer values, with shapes of fewer corners, or in a smaller bbox;"
    " ISTHMUS_FILTER_TIMEOUT_S on the server gives filters more time"
)


def is_heavy(filter: Filter) -> bool:
    """Whether a filter may take much longer than to read the features. Connections are set anew for such alone."""
    return filter.text is not None or not is_light(filter.traits)


def is_light(traits: Traits) -> bool:
    """Whether a condition has few parts, which compare properties with values."""
    return traits.nodes <= FEW_NODES and traits.kinds.isdisjoint(HEAVY)


def timeout_of(filter: Filter, most_s: float) -> float | None:
    """Seconds that a statement of a filter may take; None: what every statement may. `most_s`: the setting's value"""
    return most_s if is_heavy(filter) else None


def too_slow(collection: Collection, filter: Filter) -> FilterTooSlow:
    """The error for a filter that has used up its time."""
    name = "filter" if filter.cql2 is not None else "q"
    return FilterTooSlow(f"'{name}' takes too long for '{collection.id}'", hint=HINT, parameter=name)
