"""Draws vector tiles as QGIS does, and says how much. Run by Debian's Python, which has PyQGIS, not by pytest.

usage: qgis_tiles.py TEMPLATE STYLE_FILE PICTURE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from qgis.core import (
    Qgis,
    QgsApplication,
    QgsDataSourceUri,
    QgsMapBoxGlStyleConverter,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsRectangle,
    QgsVectorTileLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

WORLD = QgsRectangle(-20037508, -20037508, 20037508, 20037508)
SIZE = 512


def layer_of(template: str, style_file: str) -> QgsVectorTileLayer:
    """The layer, with the style that the server gives."""
    uri = QgsDataSourceUri()
    for name, value in {"type": "xyz", "url": template, "zmin": "0", "zmax": "14"}.items():
        uri.setParam(name, value)
    layer = QgsVectorTileLayer(bytes(uri.encodedUri()).decode(), "tiles")
    if not layer.isValid():
        sys.exit(f"QGIS cannot open {template}: {layer.error().summary()}")
    converter = QgsMapBoxGlStyleConverter()
    if converter.convert(json.loads(Path(style_file).read_text())) != QgsMapBoxGlStyleConverter.Success:
        sys.exit(f"QGIS cannot read the style: {converter.errorMessage()}")
    layer.setRenderer(converter.renderer())
    return layer


def draw(layer: QgsVectorTileLayer, picture: str) -> int:
    """Draw the world; returns how many pixels differ from the background, which the corner shows."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setExtent(WORLD)
    settings.setOutputSize(QSize(SIZE, SIZE))
    settings.setBackgroundColor(QColor("white"))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    image.save(picture)
    background = image.pixel(0, 0)
    return sum(image.pixel(x, y) != background for x in range(SIZE) for y in range(SIZE))


def main() -> None:
    """Open, draw and fetch a tile."""
    template, style_file, picture = sys.argv[1:]
    application = QgsApplication([], False)
    application.initQgis()
    layer = layer_of(template, style_file)
    print(json.dumps({"drawn": draw(layer, picture), "qgis": Qgis.version()}))
    del layer
    application.exitQgis()


main()
