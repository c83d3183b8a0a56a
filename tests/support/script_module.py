"""Modules of scripts/lib, which belong to no package, as values for tests."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

LIBRARY = Path(__file__).parents[2] / "scripts/lib"


def script_module(name: str) -> ModuleType:
    """scripts/lib/NAME.py, run as an import runs it."""
    spec = spec_from_file_location(f"scripts_{name}", LIBRARY / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
