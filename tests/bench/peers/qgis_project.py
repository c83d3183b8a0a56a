"""Writes a QGIS project whose layers WFS publishes. Run by the Python that has PyQGIS: PROJECT, then layers as JSON."""

from __future__ import annotations

import json
import sys

from qgis.core import Qgis, QgsApplication, QgsProject, QgsVectorLayer  # type: ignore[import-not-found]


def main() -> None:
    """Write it, and say which QGIS did."""
    path, layers = sys.argv[1], json.loads(sys.argv[2])
    application = QgsApplication([], False)
    application.initQgis()
    project = QgsProject.instance()
    for name, source in layers:
        layer = QgsVectorLayer(source, name, "postgres")
        assert layer.isValid(), source
        layer.setShortName(name) if hasattr(layer, "setShortName") else layer.serverProperties().setShortName(name)
        project.addMapLayer(layer)
    project.writeEntry("WFSLayers", "/", [layer.id() for layer in project.mapLayers().values()])
    assert project.write(path)
    print(Qgis.QGIS_VERSION)
    application.exitQgis()


main()
