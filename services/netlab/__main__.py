"""`python -m netlab`, which `scripts/isthmus net` runs on the host."""

from netlab.cli.main import net

net(prog_name="isthmus net")
