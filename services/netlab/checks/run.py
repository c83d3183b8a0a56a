"""The check: one look, everything tried, every promise judged, and the report left for the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.settings import Settings
from netlab.checks.judge import judge
from netlab.look import look_with
from netlab.model.finding import Promise
from netlab.model.observation import Observation
from netlab.observe.docker_engine import Engine
from netlab.probe.run import probe


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to check: the stack, by mode and project, and how strictly."""

    mode: str | None = None
    project: str | None = None
    advice: bool = False
    accept: Sequence[str] = ()


def check(settings: Settings, wanted: Wanted) -> tuple[Observation, tuple[Promise, ...]]:
    """What was seen, and each promise with its verdict. Raises: EngineAway, NoStack"""
    engine = Engine()
    recording, seen = look_with(engine, settings, wanted.mode, wanted.project)
    tried = probe(engine, recording, seen)
    return seen, judge(seen, tried, advice=wanted.advice, accept=wanted.accept)
