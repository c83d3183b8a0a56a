"""`python -m netlab`, which `scripts/isthmus net` runs on the host."""

from netlab.commands import net

net(prog_name="isthmus net")
