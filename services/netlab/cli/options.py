"""Options that several commands of the lab take."""

from __future__ import annotations

import click

from netlab.model.observation import MODES

mode_argument = click.argument("mode", required=False, type=click.Choice(MODES))
project_option = click.option("--project", help="The Compose project or Swarm stack, when several run.")
