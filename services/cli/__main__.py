"""`python -m cli`."""

from loader.read.gdal_limits import limit_gdal

limit_gdal()  # before anything imports pyogrio

from cli.main import isthmus  # noqa: E402

isthmus(prog_name="isthmus")
