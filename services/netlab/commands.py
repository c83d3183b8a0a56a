"""`isthmus net`: the commands of the lab. They run on the host, beside the engine, and need no service of the stack."""

from __future__ import annotations

import json

import click

from core.settings import Settings, load_settings
from netlab.as_json import observation_json
from netlab.group import Group
from netlab.look import look
from netlab.model import MODES
from netlab.recording import dump
from netlab.text import observation_text

mode_argument = click.argument("mode", required=False, type=click.Choice(MODES))
project_option = click.option("--project", help="The Compose project or Swarm stack, when several run.")


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def net(ctx: click.Context) -> None:
    """The network lab: what Docker's network and storage really do to the running stack.

    It looks at the engine and at this host, and changes neither. As root, or with sudo, it sees the firewall too; a
    user of the group docker sees the rest.

    \b
    Examples:
      isthmus net show                what there is: cards, bridges, veth pairs, ports, mounts
    """
    ctx.obj = load_settings()


@net.command()
@mode_argument
@project_option
@click.option("--json", "form", flag_value="json", help="Print JSON for other programs.")
@click.option(
    "--recording", "form", flag_value="recording", help="Print the answers as they came, to send with a question."
)
@click.pass_obj
def show(settings: Settings, mode: str | None, project: str | None, form: str | None) -> None:
    """Show what the engine and the host really have of the stack.

    MODE only makes sure that the stack runs in that mode.

    \b
    Examples:
      isthmus net show
      isthmus net show bridge --json | jq .cables
    """
    recording, seen = look(settings, mode, project)
    if form == "recording":
        click.echo(dump(recording), nl=False)
    elif form == "json":
        click.echo(json.dumps(observation_json(seen), ensure_ascii=False))
    else:
        click.echo(observation_text(seen))
