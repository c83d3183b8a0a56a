"""One look at the stack that is meant: found, recorded, parsed."""

from __future__ import annotations

from core.settings import Settings
from netlab.model.observation import Observation
from netlab.observe.docker_engine import Engine
from netlab.observe.find_stack import choose_project
from netlab.observe.record import observe
from netlab.observe.recording import Recording
from netlab.parse.observation import parse


def look(settings: Settings, mode: str | None = None, project: str | None = None) -> tuple[Recording, Observation]:
    """What was answered, and what that means. Raises: EngineAway, NoStack"""
    return look_with(Engine(), settings, mode, project)


def look_with(
    engine: Engine, settings: Settings, mode: str | None, project: str | None
) -> tuple[Recording, Observation]:
    """The same, over a connection that the caller needs for more."""
    chosen = choose_project(engine.stacks(), (settings.project, settings.data_dir), mode, project)
    recording = observe(engine, chosen)
    return recording, parse(recording)
