"""The whole check: one look at the stack, everything tried, every theme judged; broken findings first.

A theme is a module of this room: pure functions of (what was seen, what was tried) that yield findings. So a test
changes one value of a recording and looks which finding breaks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from core.settings import Settings
from netlab.checks import addresses, database, doctor, isolation, parts, ports, reach
from netlab.checks.findings import Finding, accepted, in_order
from netlab.model.observation import Observation
from netlab.model.probe_results import ProbeResults
from netlab.observe.docker_engine import Engine
from netlab.parse.observation import look
from netlab.probe.run import probe

Theme = Callable[[Observation, ProbeResults], Iterator[Finding]]

MODE: tuple[Theme, ...] = (
    parts.running,
    isolation.namespaces,
    addresses.networks,
    ports.publications,
    database.private,
    reach.names_and_connections,
    reach.answers,
    reach.public_address,
    parts.mounts,
    isolation.company,
    isolation.open_ports,
)
"""What a mode promises."""
ADVICE: tuple[Theme, ...] = (doctor.clashes, doctor.whose_localhost, doctor.up_to_date, doctor.machine)
"""What is no promise of a mode, and worth knowing: the doctor's part."""

CODES: tuple[str, ...] = (
    *("api-answers", "bridge-up", "copies-private", "data-is-ours", "database-published", "database-refuses"),
    *("database-socket", "has-card", "hosts-namespace", "image-current", "in-network", "in-overlay"),
    *("joining-refused", "kernel-forwards", "links-lead-back", "localhost-ours", "loopback-closed", "mount-mode"),
    *("mounted", "mtu-fits", "name-resolves", "no-guests", "no-other-network", "nothing-published", "one-namespace"),
    *("only-loopback", "only-ours", "others-private", "own-namespace", "part-known", "part-looked-into"),
    *("part-reached", "part-runs", "port-free", "port-let-through", "port-private", "port-proxy", "port-published"),
    *("port-rule", "private-range", "public-url", "same-folder", "settings-current", "storage-read"),
    *("storage-written", "tasks-here", "veth-pair"),
)
"""The names of all checks, by which `--accept` takes them."""


def judge(seen: Observation, tried: ProbeResults, *, advice: bool, accept: Iterable[str] = ()) -> tuple[Finding, ...]:
    """Every promise of the stack's mode, with `advice` also what else may go wrong; broken ones first."""
    themes = (*MODE, *(ADVICE if advice else ()))
    here = without_history(seen)
    return in_order(accepted((one for theme in themes for one in theme(here, tried)), accept))


def without_history(seen: Observation) -> Observation:
    """A swarm keeps the containers of tasks that have ended, and puts new ones in their place by itself."""
    if seen.mode != "swarm":
        return seen
    return replace(seen, containers=tuple(one for one in seen.containers if one.state in ("running", "paused")))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to check: the stack, by mode and project, and how strictly."""

    mode: str | None = None
    project: str | None = None
    advice: bool = False
    accept: Sequence[str] = ()


def check(settings: Settings, wanted: Wanted) -> tuple[Observation, tuple[Finding, ...]]:
    """What was seen, and each promise with its verdict. Raises: EngineAway, NoStack"""
    engine = Engine()
    recording, seen = look(engine, settings, wanted.mode, wanted.project)
    tried = probe(engine, recording, seen)
    return seen, judge(seen, tried, advice=wanted.advice, accept=wanted.accept)
