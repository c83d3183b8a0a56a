"""`python -m cli`."""

from cli.main import isthmus

isthmus(prog_name="isthmus")
