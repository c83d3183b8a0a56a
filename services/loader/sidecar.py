"""The optional `NAME.toml` beside a dataset: title, description, attribution, crs; `[layers.NAME]` for a layer."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from core.errors import suggestion
from loader.errors import BadSideCar
from loader.report import Note

KEYS = ("title", "description", "attribution", "crs")


@dataclass(frozen=True, slots=True)
class SideCar:
    """What the side-car says of a dataset. None where it says nothing."""

    title: str | None = None
    description: str | None = None
    attribution: str | None = None
    crs: str | None = None
    layers: Mapping[str, SideCar] = field(default_factory=dict[str, "SideCar"])
    notes: tuple[Note, ...] = ()

    def of_layer(self, layer: str) -> SideCar:
        """What it says of one layer: the layer's own words first, and the title of a file is no title of its layers."""
        own = self.layers.get(layer, SideCar())
        return SideCar(
            title=own.title or (None if layer else self.title),
            description=own.description or self.description,
            attribution=own.attribution or self.attribution,
            crs=own.crs or self.crs,
        )


def read_side_car(path: Path | None) -> SideCar:
    """The side-car's content; an empty one when there is no file. Raises: BadSideCar"""
    if path is None:
        return SideCar()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadSideCar(
            f"{path.name} cannot be read: {error}", hint='each line is  key = "text"', parameter=path.name
        ) from error
    layers = table.pop("layers", {})
    if not isinstance(layers, dict):
        raise BadSideCar(f"'layers' in {path.name} is no table", hint="write [layers.NAME]", parameter=path.name)
    whole, notes = parse_table(table, path.name)
    parts = {name: parse_table(part, path.name) for name, part in cast("dict[str, Any]", layers).items()}
    notes += tuple(note for _, part_notes in parts.values() for note in part_notes)
    return replace(whole, layers={name: part for name, (part, _) in parts.items()}, notes=notes)


def parse_table(table: object, file: str) -> tuple[SideCar, tuple[Note, ...]]:
    """The known keys of one table, and a note for each unknown one. Raises: BadSideCar for a value that is no text"""
    if not isinstance(table, dict):
        raise BadSideCar(f"a layer in {file} is no table", hint="write [layers.NAME]", parameter=file)
    values = cast("dict[str, Any]", table)
    for key in KEYS:
        if not isinstance(values.get(key, ""), str):
            raise BadSideCar(f"'{key}' in {file} is no text", hint=f'write {key} = "…"', parameter=file)
    return SideCar(**{key: values[key] for key in KEYS if key in values}), tuple(unknown_keys(values, file))


def unknown_keys(values: Mapping[str, Any], file: str) -> Iterator[Note]:
    """A warning for each key that means nothing here."""
    for key in values.keys() - set(KEYS):
        hint = suggestion(key, KEYS) or f"the keys are {', '.join(KEYS)}"
        yield Note("warning", "side-car-key-unknown", f"'{key}' in {file} means nothing", hint)
