"""One look at the stack that is meant: found, recorded, parsed."""

from __future__ import annotations

from core.settings import Settings
from netlab.model.observation import Observation
from netlab.observe.docker_engine import Engine
from netlab.observe.recording import Recording, choose_project, observe
from netlab.parse.observation import parse


def look(engine: Engine, settings: Settings, mode: str | None, project: str | None) -> tuple[Recording, Observation]:
    """What was answered, and what that means. Raises: EngineAway, NoStack"""
    recording = observe(engine, choose_project(engine.stacks(), (settings.project, settings.data_dir), mode, project))
    return recording, parse(recording)
