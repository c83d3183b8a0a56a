"""`isthmus net check` and `isthmus doctor`: print the check, store its report, and exit by what was found."""

from __future__ import annotations

import json
import sys

import click

from core.settings import Settings
from core.terminal import EXIT_FAILED
from netlab.checks.findings import report_json, report_text
from netlab.checks.run import CODES, Wanted, check
from netlab.model.observation import MODES
from netlab.model.roles import data_folder
from netlab.report.store import store_report

mode_argument = click.argument("mode", required=False, type=click.Choice(MODES))
project_option = click.option("--project", help="The Compose project or Swarm stack, when several run.")
accept_option = click.option(
    "--accept",
    type=click.Choice(CODES),
    multiple=True,
    metavar="CODE",
    help="A promise that you break knowingly: a warning. Can be repeated.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
quiet_option = click.option(
    "--quiet", "-q", is_flag=True, help="Print only what is broken or warned of, and the counts."
)


@click.command("check")
@mode_argument
@project_option
@accept_option
@quiet_option
@json_option
@click.pass_context
def check_command(
    ctx: click.Context, mode: str | None, project: str | None, accept: tuple[str, ...], **form: bool
) -> None:
    """Hold the running stack against what its mode promises.

    Each promise is a line: what there should be, what there is, and how that is known. It really connects, resolves
    names, asks the API, and makes and removes a file where files are written. MODE only makes sure that the stack
    runs in that mode. The report stays in the data folder, in var/network/check.json.

    \b
    Marks:  ✓ kept   ✗ broken   ! warning   ? could not be looked at (root sees the firewall too)
    Exit:   0 nothing is broken (warnings and unseen ones may be there), 1 something is, or there is no such stack

    \b
    Examples:
      isthmus net check
      sudo ./scripts/isthmus net check bridge --quiet
      isthmus net check --json | jq '.promises[] | select(.verdict == "broken") | .fix'
      isthmus net check --accept port-private      the port is open to the network on purpose
    """
    report(ctx, Wanted(mode, project, accept=accept), **form)


@click.command()
@project_option
@accept_option
@quiet_option
@json_option
@click.pass_context
def doctor(ctx: click.Context, project: str | None, accept: tuple[str, ...], **form: bool) -> None:
    """Find what is wrong with the running stack, each with its fix.

    All that `isthmus net check` holds the mode to, and what else makes trouble: ports that somebody else has,
    containers of an older image or of other settings, packets too large for the host's card, an old engine, ports
    that other containers leave open.

    \b
    Exit:   0 nothing is broken (warnings and unseen ones may be there), 1 something is, or no stack runs

    \b
    Examples:
      isthmus doctor
      sudo ./scripts/isthmus doctor --quiet        with the firewall's rules, and only what to mend
    """
    report(ctx, Wanted(project=project, accept=accept, advice=True), **form)


def report(ctx: click.Context, wanted: Wanted, *, quiet: bool, as_json: bool) -> None:
    """Check, print, store the report, and end with the exit status of what was found."""
    settings: Settings = ctx.obj
    if sys.stderr.isatty():
        click.echo("looking, connecting, reading and writing …", err=True)
    seen, promises = check(settings, wanted)
    text = json.dumps(report_json(seen, promises), ensure_ascii=False, indent=1)
    store_report(data_folder(seen, settings.data_dir), "check.json", text + "\n")
    click.echo(text if as_json else report_text(seen, promises, quiet=quiet))
    if any(one.verdict == "broken" for one in promises):
        ctx.exit(EXIT_FAILED)
