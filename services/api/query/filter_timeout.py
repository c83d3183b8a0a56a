"""How long a filter may take.

Where the API knows how many features there are, it knows what a look at each of them takes. A filter that takes many
times as long is the client's to change: the server has not failed.
"""

from __future__ import annotations

from math import inf

from api.cql2 import Traits
from api.cql2.tree.ast import AccentI, Arithmetic, ArrayPredicate, CaseI, FunctionCall, Spatial
from api.query.items import Filter
from core.catalog import ROWS_OF_PAGE, Collection
from core.errors import FilterTooSlow
from core.spent import spent

LEAST_S = 3.0
OF_A_FEATURE_S = 20e-6
"""A look at a feature takes 0.1 to 1 µs, without case and accents 10."""

FEW_NODES = 50
HEAVY = frozenset({AccentI, Arithmetic, ArrayPredicate, CaseI, FunctionCall, Spatial})
"""What a few of may take long."""


class Undecided(FilterTooSlow):
    """The filter has taken longer than one may at least, over features that nobody has counted."""

    def __init__(self, collection: Collection, filter: Filter) -> None:
        """`api.features.slow_sources` finds out whether the filter is at fault, and the client is `told`."""
        self.collection, self.filter, self.had_s = collection, filter, LEAST_S
        self.told = too_slow(collection, filter)
        super().__init__(self.told.detail, hint=self.told.hint, parameter=self.told.parameter)


def most_s(collection: Collection, filter: Filter) -> float:
    """What all statements of a request for these features may take; inf where it is not for the filter that they may
    take long. Where nobody knows how many there are (of a function, or of a view that is slow by itself) as long as the
    least, until that is found out.
    """
    if not is_heavy(filter):
        return inf
    features = most_features(collection)
    if features is None:
        return LEAST_S if spent.patience_s is None else spent.patience_s
    return max(LEAST_S, OF_A_FEATURE_S * features)


def most_features(collection: Collection) -> int | None:
    """How many features there are, or may be by the size of a table; None: nobody knows."""
    if collection.source is None or not collection.source.magnitude:
        return collection.row_count
    return ROWS_OF_PAGE << collection.source.magnitude


def is_heavy(filter: Filter) -> bool:
    """Whether a filter may take much longer than to read the features. For others connections need not be set anew."""
    return filter.text is not None or not is_light(filter.traits)


def is_light(traits: Traits) -> bool:
    """Whether a condition has few parts, which compare properties with values."""
    return traits.nodes <= FEW_NODES and traits.kinds.isdisjoint(HEAVY)


def too_slow(collection: Collection, filter: Filter) -> FilterTooSlow:
    """The error for a filter that has used up its time."""
    name = "filter" if filter.cql2 is not None else "q"
    hint = "compare with fewer values, with shapes of fewer corners, or in a smaller bbox"
    return FilterTooSlow(f"'{name}' takes too long for '{collection.id}'", hint=hint, parameter=name)


def over_time(collection: Collection, filter: Filter) -> FilterTooSlow:
    """The same, unless it is to be found out first whether the filter is at fault."""
    if spent.patience_s is None and most_features(collection) is None:
        return Undecided(collection, filter)
    return too_slow(collection, filter)
