"""Reads a layer as QGIS does and writes its features as JSON. Run by Debian's Python, which has PyQGIS, not by pytest.

usage: qgis_reader.py SOURCE PROVIDER [CONDITION]
"""

from __future__ import annotations

import json
import sys

from qgis.core import Qgis, QgsApplication, QgsVectorDataProvider, QgsVectorLayer
from qgis.PyQt.QtCore import QByteArray, QDate, QDateTime, Qt, QTime, QVariant


def value_of(value):
    """A value of Qt as JSON has it."""
    if value is None or (isinstance(value, QVariant) and value.isNull()):
        return None
    if isinstance(value, QByteArray):
        return None if value.isNull() else bytes(value).hex()
    if isinstance(value, QDateTime):
        return value.toUTC().toString(Qt.ISODateWithMs)
    if isinstance(value, QDate | QTime):
        return value.toString(Qt.ISODateWithMs)
    return value


def main() -> None:
    """Read the layer that the arguments name."""
    source, provider, *conditions = sys.argv[1:]
    application = QgsApplication([], False)
    application.initQgis()
    layer = QgsVectorLayer(source, "layer", provider)
    if not layer.isValid():
        sys.exit(f"QGIS cannot open {source}: {layer.error().summary()}")
    for condition in conditions:
        if not layer.setSubsetString(condition):
            sys.exit(f"QGIS refuses {condition}")
    rows = []
    for feature in layer.getFeatures():
        values = {field.name(): value_of(feature[field.name()]) for field in layer.fields()}
        wkt = None if feature.geometry().isNull() else feature.geometry().asWkt(15)
        rows.append({**values, "id": values.get("id", feature.id()), "wkt": wkt})
    found = {"rows": rows, "crs": layer.crs().authid(), "count": layer.featureCount(), "qgis": Qgis.version()}
    print(json.dumps({**found, "adds": bool(layer.dataProvider().capabilities() & QgsVectorDataProvider.AddFeatures)}))
    del layer
    application.exitQgis()


main()
