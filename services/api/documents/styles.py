"""MapLibre styles of tilesets: a hue for each collection, layers by the kinds of geometry that it may have.

Source: the MapLibre Style Specification, version 8. Vector tiles know three kinds of geometry; those of several parts
are of the kind of their parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from api.documents import without_none
from api.documents.tilesets import tilejson_document
from api.http.links import Links
from api.tms.tileset import Tileset
from core.catalog.collections import Collection

Layer = dict[str, Any]

SEA = "#dfe9ec"
OUTLINE = "#ffffff"
ORDER = ("area", "edge", "line", "point")
"""What is drawn below comes first."""

KINDS = {"Polygon": ("area", "edge"), "LineString": ("line",), "Point": ("point",)}
"""Kind of geometry -> how it is drawn."""


def style_document(tileset: Tileset, links: Links) -> dict[str, Any]:
    """The style: one source, where a map begins, and the layers of all collections, large ones below small ones."""
    source = tileset.path[1] if tileset.path[0] == "collections" else "dataset"
    tilejson = tilejson_document(tileset, links)
    url = links.url(*tileset.path, "tilejson.json", query=tileset.given)
    wide_first = sorted(tileset.collections, key=lambda found: -square_degrees(found))
    layers = [layer for found in wide_first for layer in layers_of(found, source)]
    layers.sort(key=lambda layer: ORDER.index(layer["metadata"]["isthmus:part"]))
    return without_none(style(tileset.title, tilejson["center"], source, {"type": "vector", "url": url}, layers))


def style(
    title: str | None, center: Sequence[Any], source: str, definition: dict[str, Any], layers: list[Layer]
) -> dict[str, Any]:
    """A style of one source, named `source`, whose map begins at `center`: degrees and zoom."""
    longitude, latitude, zoom = center
    return {
        "version": 8,
        "name": title,
        "center": [longitude, max(-85.0, min(85.0, latitude))],
        "zoom": zoom,
        "sources": {source: definition},
        "layers": [{"id": "sea", "type": "background", "paint": {"background-color": SEA}}, *layers],
    }


def square_degrees(collection: Collection) -> float:
    """How much of the map a collection covers."""
    box = collection.bbox_crs84
    return 0.0 if box is None else ((box.east - box.west) % 360 or 360) * (box.north - box.south)


def layers_of(collection: Collection, source: str) -> list[Layer]:
    """The layers of a collection's features. Of unknown geometries there may be all kinds."""
    name = (collection.geometry_type or "").removeprefix("Multi")
    parts = KINDS.get(name) or tuple(part for parts in KINDS.values() for part in parts)
    return [style_layer(collection.id, source, collection.id, part) for part in parts]


def style_layer(id: str, source: str, tile_layer: str, part: str) -> Layer:
    """The layer that draws a part of a layer of tiles of a collection. A layer that is named as the collection has the
    colour of the collection. The filter keeps circles off the corners of lines, and lines off areas.
    """
    name = id if tile_layer == id else f"{id}/{tile_layer}"
    [kind] = (kind for kind, parts in KINDS.items() if part in parts)
    return {
        "id": f"{name}/{part}",
        "type": {"area": "fill", "point": "circle"}.get(part, "line"),
        "metadata": {"isthmus:collection": id, "isthmus:part": part},
        "source": source,
        "source-layer": tile_layer,
        "filter": ["==", ["geometry-type"], kind],
        "paint": paint(part, colour_of(name)),
    }


def paint(part: str, colour: str) -> dict[str, Any]:
    """How a part is painted. Sizes in pixels grow with the zoom."""
    match part:
        case "area":
            return {"fill-color": colour, "fill-opacity": 0.25}
        case "edge":
            return {"line-color": colour, "line-width": by_zoom((0, 0.4), (8, 1.0))}
        case "line":
            return {"line-color": colour, "line-width": by_zoom((3, 1.0), (14, 2.5))}
        case _:
            radius = by_zoom((0, 2.0), (6, 3.5), (14, 6.0))
            rim = {"circle-stroke-color": OUTLINE, "circle-stroke-width": 0.6}
            return {"circle-color": colour, "circle-radius": radius, **rim}


def by_zoom(*stops: tuple[int, float]) -> list[Any]:
    """A size that grows between zooms."""
    return ["interpolate", ["linear"], ["zoom"], *(value for stop in stops for value in stop)]


def colour_of(id: str) -> str:
    """The colour of a collection: a hue made of its id, so it stays whatever else is served; dark enough on the sea."""
    hue = int.from_bytes(hashlib.blake2b(id.encode(), digest_size=2).digest()) % 360
    return f"hsl({hue}, 65%, 36%)"
