"""Readers of files: GDAL and Parquet as layers of chunks. The only room that knows pyogrio."""
