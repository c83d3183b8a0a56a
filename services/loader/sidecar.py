"""The optional `NAME.toml` beside a dataset: words about it, its CRS, its times; `[layers.NAME]` for a layer."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from core.errors import suggestion
from core.headers import cache_control_mistake
from loader.errors import BadSideCar
from loader.report import Note

UNKNOWN_KEY = "side-car-key-unknown"
"""The code of the note about a key that means nothing."""


@dataclass(frozen=True, slots=True)
class TileOptions:
    """What tiles of low zooms are to show. None where nothing is said.

    rank:       the column by which features are shown first, the largest values before the others
    properties: those that the features have there
    """

    rank: str | None = None
    properties: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SideCar:
    """What the side-car says of a dataset. None where it says nothing. `time`: no column, one, or start and end.

    `index`: the properties that get an index: those that it helps, none, or these. `id`: of the collection.
    `x`, `y`, `wkt`: the columns of a table that hold coordinates. `repair`: whether invalid geometries are made valid.
    """

    title: str | None = None
    description: str | None = None
    attribution: str | None = None
    license: str | None = None
    keywords: tuple[str, ...] | None = None
    crs: str | None = None
    time: tuple[str, ...] | None = None
    cache_control: str | None = None
    index: bool | tuple[str, ...] | None = None
    tiles: TileOptions | None = None
    id: str | None = None
    x: str | None = None
    y: str | None = None
    wkt: str | None = None
    repair: bool = False
    layers: Mapping[str, SideCar] = field(default_factory=dict[str, "SideCar"])
    notes: tuple[Note, ...] = ()

    def of_layer(self, layer: str) -> SideCar:
        """What it says of one layer: the layer's own words first, and the title of a file is no title of its layers."""
        own = self.layers.get(layer, SideCar())
        return SideCar(
            title=own.title or (None if layer else self.title),
            description=own.description or self.description,
            attribution=own.attribution or self.attribution,
            license=own.license or self.license,
            keywords=self.keywords if own.keywords is None else own.keywords,
            crs=own.crs or self.crs,
            time=self.time if own.time is None else own.time,
            cache_control=own.cache_control or self.cache_control,
            index=self.index if own.index is None else own.index,
            tiles=own.tiles or self.tiles,
            id=own.id or (None if layer else self.id),
            repair=own.repair or self.repair,
            **(own if own.names_columns() else self).columns(),
        )

    def names_columns(self) -> bool:
        """Whether it says which columns hold coordinates."""
        return any(self.columns().values())

    def columns(self) -> dict[str, Any]:
        """The columns that hold coordinates, by their keys."""
        return {"x": self.x, "y": self.y, "wkt": self.wkt}

    def reading(self) -> dict[str, Any]:
        """What it says of how a layer is read, as a `LayerRef` has it."""
        return {**self.columns(), "repair": self.repair}

    def data_settings(self) -> str:
        """What it says about how rows are loaded, as a text; empty for nothing. Its words only describe them."""
        said = {name: part.about_data() for name, part in {"": self, **self.layers}.items()}
        return json.dumps(said, sort_keys=True) if any(part != (None, None) for part in said.values()) else ""

    def about_data(self) -> tuple[Any, ...]:
        """What changes a table, its tiles or its name. All but the first two only where they are named: other checksums
        stay what they were.
        """
        named = {key: value for key, value in {"id": self.id, **self.reading()}.items() if value}
        return (self.crs, self.time, *([asdict(self.tiles)] if self.tiles else []), *([named] if named else []))


ID = re.compile(r"[a-z][a-z0-9_]{0,62}")


def parse_id(value: object) -> str:
    """The id of a collection. Raises: ValueError"""
    if not ID.fullmatch(parse_text(value)):
        raise ValueError
    return parse_text(value)


def parse_repair(value: object) -> bool:
    """Whether geometries are repaired; there is one way. Raises: ValueError"""
    if value not in ("structure", False):
        raise ValueError
    return value == "structure"


def parse_text(value: object) -> str:
    """A text. Raises: ValueError"""
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004  the caller makes one error of all mistakes
    return value


def parse_time(value: object) -> tuple[str, ...]:
    """A column, a list of start and end, or an empty list. Raises: ValueError"""
    names: list[object] = cast("list[object]", value) if isinstance(value, list) else [value]
    texts = tuple(parse_text(name) for name in names)
    if len(set(texts)) < len(texts) or len(texts) > 2:
        raise ValueError
    return texts


def parse_cache_control(value: object) -> str:
    """The value of a Cache-Control header. Raises: ValueError, saying what to write"""
    text = parse_text(value)
    mistake = cache_control_mistake(text)
    if mistake is not None:
        raise ValueError(mistake)
    return text


def parse_index(value: object) -> bool | tuple[str, ...]:
    """Whether properties get indexes, or the names of those that do. Raises: ValueError"""
    if isinstance(value, bool):
        return value
    names: list[object] = cast("list[object]", value) if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(parse_text(name) for name in names))


def parse_keywords(value: object) -> tuple[str, ...]:
    """Words by which a dataset is found, each once. Raises: ValueError"""
    if not isinstance(value, list):
        raise ValueError  # noqa: TRY004  as above
    words = (parse_text(word).strip() for word in cast("list[object]", value))
    return tuple(dict.fromkeys(word for word in words if word))


def parse_tiles(value: object) -> TileOptions:
    """The table `tiles`. Raises: ValueError, saying what is wrong in it"""
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004  as above
    values = cast("dict[str, object]", value)
    for key in values.keys() - {"rank", "properties"}:
        raise ValueError(suggestion(key, ["rank", "properties"]) or "its keys are rank and properties")
    names = values.get("properties")
    if names is not None and not isinstance(names, list):
        raise ValueError('write properties = ["name", "kind"]')
    properties = None if names is None else tuple(parse_text(name) for name in cast("list[object]", names))
    return TileOptions(parse_text(values["rank"]) if "rank" in values else None, properties)


# key -> its parser, what it is, and how it is written
KEYS: dict[str, tuple[Callable[[object], object], str, str]] = {
    **{
        name: (parse_text, "no text", f'write {name} = "…"')
        for name in ("title", "description", "attribution", "license", "crs")
    },
    "keywords": (parse_keywords, "no list of words", 'write keywords = ["streets", "Helsinki"]'),
    "time": (parse_time, "no column", 'write time = "seen", or time = ["start", "end"] for features that last'),
    "cache_control": (parse_cache_control, "no Cache-Control", 'write cache_control = "public, max-age=3600"'),
    "index": (parse_index, "neither properties nor true or false", 'write index = ["name", "kind"], or index = false'),
    **{name: (parse_text, "no name of a column", f'write {name} = "…"') for name in ("x", "y", "wkt")},
    "id": (parse_id, "no id", 'write id = "roads_2024": a small letter, then small letters, digits and _, 63 at most'),
    "repair": (parse_repair, "no way to repair geometries", 'write repair = "structure"'),
    "tiles": (parse_tiles, "no table of rank and properties", 'write [tiles], and below it rank = "population"'),
}


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
    """The known keys of one table, and a note for each unknown one. Raises: BadSideCar for a value of another kind"""
    if not isinstance(table, dict):
        raise BadSideCar(f"a layer in {file} is no table", hint="write [layers.NAME]", parameter=file)
    values = cast("dict[str, Any]", table)
    parsed: dict[str, Any] = {}
    for key in values.keys() & KEYS.keys():
        parse, lack, hint = KEYS[key]
        try:
            parsed[key] = parse(values[key])
        except ValueError as error:
            raise BadSideCar(f"'{key}' in {file} is {lack}", hint=str(error) or hint, parameter=file) from error
    return SideCar(**parsed), tuple(unknown_keys(values, file))


def unknown_keys(values: Mapping[str, Any], file: str) -> Iterator[Note]:
    """A warning for each key that means nothing here."""
    for key in values.keys() - KEYS.keys():
        hint = suggestion(key, KEYS) or f"the keys are {', '.join(KEYS)}"
        yield Note("warning", UNKNOWN_KEY, f"'{key}' in {file} means nothing", hint)
