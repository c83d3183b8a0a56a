"""What each mode promises, one module a theme: functions of (what was seen, what was tried) that yield promises.

Nothing here asks anybody, so a test changes one value of a recording and looks which promise breaks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from netlab.checks import (
    addresses,
    clashes,
    currency,
    database,
    engine,
    namespaces,
    neighbours,
    ports,
    reach,
    services,
    storage,
)
from netlab.model.finding import Promise, accepted, in_order
from netlab.model.observation import Observation
from netlab.model.probe_results import Tried

Theme = Callable[[Observation, Tried], Iterator[Promise]]

MODE: tuple[Theme, ...] = (
    services.running,
    namespaces.isolation,
    addresses.networks,
    ports.publications,
    database.private,
    reach.names_and_connections,
    reach.answers,
    reach.public_address,
    storage.mounts,
    neighbours.company,
    neighbours.open_ports,
)
"""What a mode promises."""
ADVICE: tuple[Theme, ...] = (clashes.clashes, clashes.whose_localhost, currency.up_to_date, engine.machine)
"""What is no promise of a mode, and worth knowing: the doctor's part."""


def judge(seen: Observation, tried: Tried, *, advice: bool, accept: Iterable[str] = ()) -> tuple[Promise, ...]:
    """Every promise of the stack's mode, with `advice` also what else may go wrong; broken ones first."""
    themes = (*MODE, *(ADVICE if advice else ()))
    here = without_history(seen)
    return in_order(accepted((one for theme in themes for one in theme(here, tried)), accept))


def without_history(seen: Observation) -> Observation:
    """A swarm keeps the containers of tasks that have ended, and puts new ones in their place by itself."""
    if seen.mode != "swarm":
        return seen
    return replace(seen, containers=tuple(one for one in seen.containers if one.state in ("running", "paused")))
