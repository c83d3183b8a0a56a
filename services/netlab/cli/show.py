"""`isthmus net show`: an observation in the wanted form, which also stays on the data volume."""

from __future__ import annotations

import json
from pathlib import Path

import click

from core.settings import Settings
from netlab.cli.check import mode_argument, project_option
from netlab.diagram.html import html
from netlab.diagram.svg import picture
from netlab.model.observation import Observation
from netlab.model.roles import data_folder
from netlab.observe.docker_engine import Engine
from netlab.observe.recording import Recording, dump, load
from netlab.parse.observation import look, parse
from netlab.report.observation import observation_json, observation_text
from netlab.report.store import store_report, write_output


@click.command()
@mode_argument
@project_option
@click.option("--json", "form", flag_value="json", help="Print JSON for other programs.")
@click.option("--svg", "form", flag_value="svg", help="Print the picture as SVG.")
@click.option("--html", "form", flag_value="html", help="Print a page with the picture and the facts in it.")
@click.option(
    "--recording", "form", flag_value="recording", help="Print the answers as they came, to send with a question."
)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write to FILE, not to standard output."
)
@click.option("--from", "source", type=click.Path(path_type=Path), help="Show a recording, not the running stack.")
@click.pass_obj
def show(
    settings: Settings,
    mode: str | None,
    project: str | None,
    *,
    form: str | None,
    output: Path | None,
    source: Path | None,
) -> None:
    """Show what the engine and the host really have of the stack, as text, JSON or a picture.

    MODE only makes sure that the stack runs in that mode. What was seen and its picture are also left on the data
    volume (data/var/network), where the API shows them at /network.

    \b
    Examples:
      isthmus net show
      isthmus net show bridge --json | jq .cables
      isthmus net show --svg | rsvg-convert -o network.png
      isthmus net show --html --output network.html       opens in any browser, needs no network
      isthmus net show --recording > stack.json; isthmus net show --from stack.json --svg > stack.svg
    """
    if source is not None:
        recording = load(source)
        write(rendered(form, recording, parse(recording)), output)
        return
    recording, seen = look(Engine(), settings, mode, project)
    data_dir = data_folder(seen, settings.data_dir)
    if store_report(data_dir, "show.json", as_json(seen)):
        store_report(data_dir, "show.svg", picture(seen))
    write(rendered(form, recording, seen), output)


def rendered(form: str | None, recording: Recording, seen: Observation) -> str:
    """What was seen, in the wanted form."""
    if form == "recording":
        return dump(recording)
    if form == "json":
        return as_json(seen)
    if form == "svg":
        return picture(seen)
    if form == "html":
        return html(seen)
    return observation_text(seen) + "\n"


def as_json(seen: Observation) -> str:
    """What was seen for programs."""
    return json.dumps(observation_json(seen), ensure_ascii=False) + "\n"


def write(text: str, output: Path | None) -> None:
    """Print it, or put it into a file. Raises: OutputNotWritten"""
    if output is None:
        click.echo(text, nl=False)
    else:
        write_output(text, output)
