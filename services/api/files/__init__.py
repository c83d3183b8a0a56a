"""Writes one file: a process of its own, with GDAL and Arrow, which no worker of the API imports."""
