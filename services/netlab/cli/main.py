"""`isthmus net`: the commands of the lab. They run on the host, beside the engine, and need no service of the stack."""

from __future__ import annotations

import click

from core.settings import load_settings
from core.terminal import CommandGroup
from netlab.cli.benchmark import compare
from netlab.cli.check import check_command, doctor
from netlab.cli.show import show
from netlab.cli.tutorial import demo


class Group(CommandGroup):
    """Exit codes: 0 all well, 1 a promise is broken or something could not be looked at, 2 wrong usage, 130 Ctrl-C."""

    called = "isthmus net"


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def net(ctx: click.Context) -> None:
    """The network lab: what Docker's network and storage really do to the running stack.

    It looks at the engine and at this host, and leaves both as they were; only compare starts other modes,
    for a while. As root, or with sudo, it sees the firewall too; a user of the group docker sees the rest.

    \b
    Examples:
      isthmus net show                       what there is: cards, bridges, veth pairs, ports, mounts
      isthmus net show --html -o net.html    the same as a page with a picture
      isthmus net check                      whether it is what the mode promises
      isthmus net compare bridge host        what each mode costs, in requests a second and in CPU
      isthmus net demo                       the lesson of docs/networking.md, to run on this stack
      isthmus doctor                         the same, and what else may go wrong here
    """
    ctx.obj = load_settings()


for command in (show, check_command, doctor, compare, demo):
    net.add_command(command)
