"""The process that writes a file: the only home of GDAL and Arrow in the API. No worker imports it."""
