"""What the API counts, and its text for Prometheus (exposition format 0.0.4)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from api.monitoring.shared_counters import Counters

BUILD_BUCKETS_S = (0.005, 0.02, 0.1, 0.5, 1.0, 5.0)
"""Upper bounds of the classes of a tile's making."""


def labelled(name: str, **labels: object) -> str:
    """A counter with labels, as the format writes it. Their values are ours: nothing in them has to be escaped."""
    pairs = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{pairs}}}"


BUILD_NAMES = (
    *(labelled("isthmus_tile_build_seconds_bucket", le=bound) for bound in (*BUILD_BUCKETS_S, "+Inf")),
    "isthmus_tile_build_seconds_count",
)
"""The counters of what took no longer than the bounds, and of everything."""

FAMILIES = {
    "isthmus_requests_total": ("counter", "Answers by route and status."),
    "isthmus_request_seconds_total": ("counter", "Seconds until answers began, by route."),
    "isthmus_database_seconds_total": ("counter", "Of these, seconds that requests waited for the database."),
    "isthmus_tile_hits_total": ("counter", "Tiles that were kept, by zoom."),
    "isthmus_tile_misses_total": ("counter", "Tiles that had to be made, by zoom."),
    "isthmus_tile_bytes_total": ("counter", "Compressed bytes of the tiles that were asked for, by zoom."),
    "isthmus_tile_build_seconds": ("histogram", "What the making of a tile took."),
}
"""Name, kind and meaning of each metric."""


@dataclass(frozen=True, slots=True)
class HitSlots:
    """Where a kept tile is counted. `statuses`: its answers by their status."""

    hits: int
    bytes: int
    seconds: int
    statuses: Mapping[int, int]


class Metrics:
    """The counters by what they mean."""

    def __init__(self, counters: Counters) -> None:
        """`counters` are those of all workers."""
        self.counters = counters
        self._hit_slots: dict[tuple[str, int], HitSlots] = {}
        self._build_slots = [counters.slot(name) for name in BUILD_NAMES]
        self._seconds_slot = counters.slot("isthmus_tile_build_seconds_sum")

    def answered(self, route: str, status: int, took_s: float, db_s: float) -> None:
        """A request was answered."""
        slot = self.counters.slot
        amounts = [(slot(request_name(route, status)), 1), (slot(seconds_name(route)), took_s)]
        if db_s:
            amounts.append((slot(database_name(route)), db_s))
        self.counters.add(amounts)

    def tile(self, zoom: int, size: int, made_s: float | None) -> None:
        """A tile was asked for. `made_s`: what its making took; None: it was kept."""
        kept_or_made = "hits" if made_s is None else "misses"
        counted: list[tuple[int, float]] = [
            (self.counters.slot(tile_name("bytes", zoom)), size),
            (self.counters.slot(tile_name(kept_or_made, zoom)), 1),
        ]
        if made_s is not None:
            passed = bisect_left(BUILD_BUCKETS_S, made_s)
            counted += [(slot, 1) for slot in self._build_slots[passed:]]
            counted.append((self._seconds_slot, made_s))
        self.counters.add(counted)

    def hit_slots(self, route: str, zoom: int) -> HitSlots:
        """Where kept tiles of a route and zoom are counted."""
        known = self._hit_slots.get((route, zoom))
        if known is None:
            known = self._hit_slots[route, zoom] = self._find_hit_slots(route, zoom)
        return known

    def _find_hit_slots(self, route: str, zoom: int) -> HitSlots:
        slot = self.counters.slot
        statuses = {status: slot(request_name(route, status)) for status in (200, 204, 304)}
        bytes_slot, hits_slot = (slot(tile_name(what, zoom)) for what in ("bytes", "hits"))
        return HitSlots(hits_slot, bytes_slot, slot(seconds_name(route)), statuses)

    def hit(self, slots: HitSlots, status: int, size: int, took_s: float) -> None:
        """A tile was kept, and so was everything else: 1 µs."""
        counted = (slots.hits, 1), (slots.bytes, size), (slots.seconds, took_s), (slots.statuses[status], 1)
        self.counters.add(counted)

    def text(self) -> str:
        """All that was counted."""
        return render(self.counters.read())


@lru_cache(maxsize=1000)
def request_name(route: str, status: int) -> str:
    """The counter of a route's answers."""
    return labelled("isthmus_requests_total", route=route, status=status)


@lru_cache(maxsize=1000)
def seconds_name(route: str) -> str:
    """The counter of the time that a route's answers took."""
    return labelled("isthmus_request_seconds_total", route=route)


@lru_cache(maxsize=1000)
def database_name(route: str) -> str:
    """The counter of the time that they waited for the database."""
    return labelled("isthmus_database_seconds_total", route=route)


@lru_cache(maxsize=1000)
def tile_name(what: str, zoom: int) -> str:
    """A counter of the tiles of a zoom."""
    return labelled(f"isthmus_tile_{what}_total", zoom=zoom)


def render(values: Mapping[str, float]) -> str:
    """The text: each family with its meaning and its values."""
    lines: list[str] = []
    for family, (kind, meaning) in FAMILIES.items():
        lines += [f"# HELP {family} {meaning}", f"# TYPE {family} {kind}"]
        names = [name for name in values if family_of(name) == family]
        lines += [f"{name} {values[name]:.15g}" for name in names]
    return "\n".join(lines) + "\n"


def family_of(name: str) -> str:
    """The family that a counter belongs to."""
    bare = name.partition("{")[0]
    stem, _, part = bare.rpartition("_")
    return stem if part in ("bucket", "sum", "count") else bare
