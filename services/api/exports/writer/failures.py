"""What GDAL and Arrow raise when a file cannot be written."""

from __future__ import annotations

import pyarrow as pa
import pyogrio.errors

FAILURES = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.FeatureError,
    pyogrio.errors.GeometryError,
    pyogrio.errors.FieldError,
    pyogrio.errors.CRSError,
    pa.ArrowException,
    OSError,
    MemoryError,
    RuntimeError,
)
