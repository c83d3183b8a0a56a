"""Lines that can be pasted into other programs to use a collection, each whole."""

from __future__ import annotations

import html
import json
import re
import shlex
from dataclasses import dataclass

from api.documents.collections import STYLE
from api.http.links import Links
from core.catalog.collections import Collection

MAPLIBRE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title}</title>
  <link rel="stylesheet" href="{library}.css">
  <style>html, body, #map {{ height: 100%; margin: 0; }}</style>
</head>
<body>
  <div id="map"></div>
  <script type="module">
    import * as maplibregl from {module};
    const map = new maplibregl.Map({{ container: 'map', style: {style}, bounds: {bounds} }});
    map.addControl(new maplibregl.NavigationControl());
  </script>
</body>
</html>"""


@dataclass(frozen=True, slots=True)
class Snippet:
    """Lines for a program. `hint`: where they go."""

    program: str
    text: str
    hint: str = ""


def snippets(collection: Collection, links: Links) -> list[Snippet]:
    """Those for a collection; none for a function that cannot be called without arguments."""
    if collection.needs_arguments:
        return []
    file = re.sub(r"[^\w-]+", "_", collection.id, flags=re.ASCII).strip("_-") or "features"
    items, spatial = links.collection(collection, "items"), collection.has_geometry
    found = [
        Snippet("curl", f"curl -o {file}.gpkg '{items}?f=gpkg'"),
        Snippet("ogr2ogr", f"ogr2ogr -f GPKG {file}.gpkg {quoted(f'OAPIF:{links.base}')} {quoted(collection.id)}"),
        Snippet("GeoPandas", geopandas(items) if spatial else pandas(items), "Python"),
        Snippet("QGIS", qgis(collection, links), "Plugins › Python Console; or Layer › Add Layer › Add WFS / OGC API"),
        Snippet(
            "R",
            f'library(sf)\ndownload.file({json.dumps(f"{items}?f=gpkg")}, "{file}.gpkg", mode = "wb")\n'
            f'features <- st_read("{file}.gpkg")',
        ),
    ]
    page = Snippet("MapLibre", maplibre(collection, links), "a page of its own: save it as map.html")
    return [*found, page] if collection.has_tiles else found


def quoted(text: str) -> str:
    """A word of a shell, in quotes also where it needs none."""
    return f"'{text}'" if "'" not in text else shlex.quote(text)


def geopandas(items: str) -> str:
    """Python that reads all features."""
    return f"import geopandas\n\nfeatures = geopandas.read_file({json.dumps(f'{items}?f=fgb')})\nprint(features)"


def pandas(items: str) -> str:
    """Python that reads all rows."""
    return f"import pandas\n\nfeatures = pandas.read_csv({json.dumps(f'{items}?f=csv')})\nprint(features)"


def qgis(collection: Collection, links: Links) -> str:
    """Python that adds a layer to the project."""
    typename = collection.id.replace("\\", "\\\\").replace("'", "\\'")
    source = json.dumps(f"url='{links.base}' typename='{typename}'", ensure_ascii=False)
    title = json.dumps(collection.title, ensure_ascii=False)
    return f'layer = QgsVectorLayer({source}, {title}, "OAPIF")\nQgsProject.instance().addMapLayer(layer)'


def maplibre(collection: Collection, links: Links) -> str:
    """A whole page with a map."""
    library = f"{links.base}/static/vendor/maplibre-gl/maplibre-gl"
    box = collection.bbox_crs84
    bounds = [[-180, -60], [180, 75]]
    if box:
        east = box.east if box.west <= box.east else box.east + 360
        bounds = [[box.west, max(box.south, -85)], [east, min(box.north, 85)]]
    return MAPLIBRE.format(
        title=html.escape(collection.title),
        library=html.escape(library),
        module=in_script(f"{library}.mjs"),
        style=in_script(links.collection(collection, *STYLE)),
        bounds=json.dumps(bounds),
    )


def in_script(text: str) -> str:
    """A string of JavaScript inside a page."""
    return json.dumps(text).replace("</", "<\\/")
