"""Reports in files: the last ones on the data volume, where the API finds them, and those that the user named."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

import click

from netlab.errors import OutputNotWritten

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


def network_folder(data_dir: Path) -> Path:
    """Where the reports lie: `show.json`, `show.svg`, `check.json`, `compare.json` and so on."""
    return data_dir / "var" / "network"


def store_report(data_dir: Path, name: str, text: str) -> bool:
    """Put a report there, whole or not at all. One that cannot be written is a line on stderr, and no error.

    Whether it was written.

    `data_dir` is the stack's, as `netlab.model.roles.data_folder` finds it, which need not be this clone's.
    """
    folder = network_folder(data_dir)
    try:
        directory = open_folder(folder)
        try:
            put(directory, name, text, owner=folder.parent.stat())
        finally:
            os.close(directory)
    except OSError as error:
        click.echo(f"isthmus net: {name} is not kept in {folder}: {error.strerror}. {remedy(error)}", err=True)
        return False
    return True


def open_folder(folder: Path) -> int:
    """A descriptor of the folder, made when missing. The services may write around it, so it may be no link."""
    folder.parent.mkdir(exist_ok=True)
    with suppress(FileExistsError):
        folder.mkdir()
        directory = os.open(folder, FOLDER_FLAGS)
        give(directory, 0o755, folder.parent.stat())
        return directory
    return os.open(folder, FOLDER_FLAGS)


def put(directory: int, name: str, text: str, *, owner: os.stat_result) -> None:
    """Write a file of that folder under a temporary name, then rename it: readers see the old one or the new one."""
    temporary = f".{name}.{secrets.token_hex(4)}"
    file = os.open(temporary, FILE_FLAGS, 0o600, dir_fd=directory)
    try:
        with os.fdopen(file, "w", encoding="utf-8") as writer:
            writer.write(text)
            give(file, 0o644, owner)
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError:
        os.unlink(temporary, dir_fd=directory)
        raise


def give(descriptor: int, mode: int, owner: os.stat_result) -> None:
    """Let the services read it, whatever the umask. As root it belongs to who owns the folder above."""
    os.fchmod(descriptor, mode)
    if os.geteuid() == 0:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def remedy(error: OSError) -> str:
    """What to do about a report that could not be written."""
    if isinstance(error, PermissionError):
        return "Run it as who started the stack, or with sudo"
    if isinstance(error, FileNotFoundError):
        return "The stack's data folder is gone: ./scripts/up starts it anew"
    return "Look at that path: it must be a folder that has room and can be written to"


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
