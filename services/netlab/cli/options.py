"""Options that several commands take, and reports in files that the user named."""

from __future__ import annotations

import os
from pathlib import Path

import click

from netlab.errors import OutputNotWritten
from netlab.model.observation import MODES

mode_argument = click.argument("mode", required=False, type=click.Choice(MODES))
project_option = click.option("--project", help="The Compose project or Swarm stack, when several run.")

HINT = "give a path in a folder that is there and that you may write to"


def check_writable(path: Path) -> None:
    """Before minutes go by. Raises: OutputNotWritten"""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise OutputNotWritten(f"{path} cannot be written: there is no folder {folder}", hint=HINT)
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise OutputNotWritten(f"{path} cannot be written: you have no right to", hint=HINT)


def write_output(text: str, path: Path) -> None:
    """Put it into the file. Raises: OutputNotWritten"""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputNotWritten(f"{path} cannot be written: {error.strerror}", hint=HINT) from error
