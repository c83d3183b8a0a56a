"""Readers of files: GDAL and Parquet as layers of chunks, files of tiles. The only room that knows pyogrio."""
