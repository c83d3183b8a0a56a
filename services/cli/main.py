"""The `isthmus` command: what an operator and a GIS engineer do from a shell."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from cli import files, show
from cli.tiles.archive import WrongUse
from cli.tiles.commands import export_tiles, seed_tiles
from core import VERSION
from core.api_client import BadAddress
from core.catalog.archives import SELECT_ARCHIVES, TileArchive, parse_archives
from core.catalog.collections import SELECT_COLLECTIONS, Collection, parse_catalog
from core.database.connections import Connection
from core.database.sqlstates import translated
from core.errors import BadParameter, BadSetting, UnknownCollection, UnknownParameter, UnknownTileMatrixSet, suggestion
from core.settings import Settings, load_settings
from core.terminal import EXIT_FAILED, CommandGroup
from loader import catalogue
from loader.catalogue import open_catalogue
from loader.errors import BadSideCar, CannotPrepare, DataFolderUnavailable, NoSuchVersion, NotInDataFolder
from loader.load import Job, load_dataset
from loader.overviews.external_table import external_overviews, forget_source, prepare_source
from loader.overviews.later import make_next_overview
from loader.progress import Event, ended, listener, sentence
from loader.report import Report, write_report
from loader.scan import Dataset, relative, scan
from loader.sidecar import TileOptions
from loader.states.health import is_alive, read_health
from loader.states.not_read import why_not_read
from loader.states.roll_back import roll_back, versions_of
from loader.table.cleanup import clean_up
from loader.table.memory import keep_little
from loader.table.property_indexes import make_all, read_indexes
from loader.watch import watch

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")


USAGE = (
    BadSetting,
    BadAddress,
    BadParameter,
    UnknownParameter,
    NotInDataFolder,
    UnknownCollection,
    UnknownTileMatrixSet,
    NoSuchVersion,
    CannotPrepare,
    BadSideCar,
    DataFolderUnavailable,
    WrongUse,
)


class Group(CommandGroup):
    """Exit codes: 0 done, 1 a dataset failed or the database does not answer, 2 wrong usage or setting, 130 Ctrl-C."""

    usage = USAGE

    def run(self, ctx: click.Context) -> Any:
        """The command, with psycopg's errors as ours; SIGTERM ends it as Ctrl-C does."""
        with translated(), stopped_by_sigterm():
            return super().run(ctx)


@contextmanager
def stopped_by_sigterm() -> Generator[None]:
    """Let SIGTERM end the block as Ctrl-C does: psycopg cancels its query, half a file is removed."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="isthmus")
@click.pass_context
def isthmus(ctx: click.Context) -> None:
    """Spatial files in a folder, served on the web.

    A file in the data folder becomes a collection within seconds, without any command. These commands load at once,
    show what is there, and go back.

    \b
    Examples:
      isthmus load data/roads.gpkg        load now, with a progress bar
      isthmus list                        the collections that are served, and the files that are not
      isthmus report roads                what was checked, and what was odd
      isthmus report                      what became of every file
      isthmus rollback roads              serve the version before
      isthmus prepare gis.addresses       tiles of low zooms of a table of your own
      isthmus export roads --pmtiles roads.pmtiles
                                          its tiles in one file
      isthmus net show                    what Docker's network really does to this stack
      isthmus doctor                      what is wrong with it, each with its fix
    """
    ctx.obj = load_settings()


@isthmus.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Load also when the content is that of the newest version.")
@as_json
@click.pass_obj
def load(settings: Settings, paths: tuple[Path, ...], *, force: bool, as_json: bool) -> None:
    """Load files, or all files below folders, of the data folder.

    Each file is loaded whole or not at all; what was served before stays served when it fails, and the exit code is 1.
    One that was set aside is tried again.
    Results go to standard output, progress to standard error (a bar on a terminal, JSON lines otherwise). The data are
    served as soon as a line says so; then what low zooms show is prepared, and indexes of properties are made, by the
    loader where one is at work.

    \b
    Examples:
      isthmus load data/roads.gpkg data/parks.geojson
      isthmus load data/samples
      isthmus load --json data/roads.gpkg | jq .collections
    """
    keep_little()
    datasets = find_datasets(settings.data_dir, paths)
    reports: list[Report] = []
    with open_catalogue(settings) as connection:
        files.look(connection, settings)
        for dataset in datasets:
            with listener(sys.stderr) as listen:  # a bar must be gone before the next line is printed
                report = load_dataset(Job(connection, settings, dataset, "asked for by isthmus load", listen, force))
            reports.append(report)
            click.echo(json_text(report.as_json()) if as_json else sentence(ended(report)))
        clean_up(connection, settings.keep_versions)
        if not is_alive(settings.data_dir):
            finish(connection, settings, reports)
    if any(report.status == "failed" for report in reports):
        sys.exit(EXIT_FAILED)


def finish(connection: Connection, settings: Settings, reports: Sequence[Report]) -> None:
    """Make the overviews of what was loaded, and the indexes of its properties, as no other loader would."""
    ids = [collection.id for report in reports for collection in report.collections]
    with listener(sys.stderr) as listen:
        while make_next_overview(connection, settings.data_dir, listen, ids):
            pass
        make_all(connection, listen, ids, auto=settings.index == "auto")
    clean_up(connection, settings.keep_versions)


def find_datasets(data_dir: Path, paths: Sequence[Path]) -> list[Dataset]:
    """The datasets at the paths and below them, each once; of a file that belongs to one, that one.

    Raises: NotInDataFolder for a path that gives none
    """
    present = scan(data_dir).datasets
    chosen: dict[str, Dataset] = {}
    for path in paths:
        name = relative(data_dir, path)
        found = {
            key: dataset
            for key, dataset in present.items()
            if name in (".", key) or key.startswith(f"{name}/") or data_dir / name in (*dataset.files, dataset.side_car)
        }
        if not found:
            raise nothing_at(data_dir, path)
        chosen |= found
    return list(chosen.values())


def nothing_at(data_dir: Path, path: Path) -> NotInDataFolder:
    """The error about a path that gives no dataset."""
    if not path.exists():
        return NotInDataFolder(f"there is no file {path}")
    is_other = f"{path} is no spatial file that Isthmus reads (docs/loading.md lists the formats)"
    if path.is_dir():
        return NotInDataFolder(is_other)
    found = why_not_read(data_dir, path)
    return NotInDataFolder(f"{is_other}: {found.detail}", hint=found.hint)


def json_text(value: Any) -> str:
    """One line of JSON."""
    return json.dumps(value, ensure_ascii=False)


def read_catalogue(connection: Connection) -> tuple[dict[str, Collection], dict[str, TileArchive]]:
    """The served collections, and the served files of tiles, by id."""
    rows, archives = (connection.execute(found.text).fetchall() for found in (SELECT_COLLECTIONS, SELECT_ARCHIVES))
    return dict(parse_catalog(0, rows)), parse_archives(archives)


@isthmus.command("list")
@click.option("--files", "of_files", is_flag=True, help="List every file of the data folder and its state.")
@as_json
@click.pass_obj
def list_collections(settings: Settings, *, of_files: bool, as_json: bool) -> None:
    """List the collections that are served, and below them the files that are not, each with its state.

    A file is served, queued, loading, failed, set aside (its load broke off three times), or not read. With --json,
    one object a line: of collections, or of files with --files.
    """
    with open_catalogue(settings) as connection:
        files.look(connection, settings)
        states = files.read_states(connection)
        collections, archives = read_catalogue(connection)
    if of_files:
        click.echo("\n".join(map(json_text, map(files.file_json, states))) if as_json else files.table_text(states))
    elif as_json:
        state_of = {file.path: file.state for file in states}
        for values in (*map(show.collection_json, collections.values()), *map(show.archive_json, archives.values())):
            click.echo(json_text({**values, "state": state_of.get(values["file"], "served")}))
    else:
        tables = [show.list_text([*collections.values()], [*archives.values()])]
        left = [file for file in states if file.state != "served"]
        click.echo("\n\n".join([*tables, *([files.table_text(left)] if left else [])]))


@isthmus.command()
@click.argument("name")
@as_json
@click.pass_obj
def info(settings: Settings, name: str, *, as_json: bool) -> None:
    """Show a collection: its file, extent, columns, indexes of properties and kept versions."""
    with open_catalogue(settings) as connection:
        collections, archives = read_catalogue(connection)
        if name in archives:
            values = show.archive_json(archives[name])
            click.echo(json_text(values) if as_json else show.archive_text(values))
            return
        if name not in collections:
            hint = suggestion(name, [*collections, *archives]) or "`isthmus list` shows the collections"
            raise UnknownCollection(f"there is no collection '{name}'", hint=hint)
        versions = versions_of(connection, name)
        indexes = read_indexes(connection, collections[name].version)
    values = {
        **show.collection_json(collections[name]),
        "indexes": show.indexes_json(indexes),
        "versions": show.versions_json(versions),
    }
    click.echo(json_text(values) if as_json else show.info_text(values))


@isthmus.command()
@click.argument("name", metavar="[FILE]", required=False)
@as_json
@click.pass_obj
def report(settings: Settings, name: str | None, *, as_json: bool) -> None:
    """Show the last report of a collection or of a file (its path in the data folder); without one, of every file.

    It says in which state the file is, what was found, assumed, repaired and dropped, which versions are kept, and for
    a file that is not served, why, and what to do.
    """
    with open_catalogue(settings) as connection:
        files.look(connection, settings)
        if name is not None:
            click.echo(report_of(connection, settings, name, as_json=as_json))
            return
        states = files.read_states(connection)
    click.echo("\n".join(map(json_text, map(files.file_json, states))) if as_json else files.states_text(states))


def report_of(connection: Connection, settings: Settings, name: str, *, as_json: bool) -> str:
    """What is told of a collection or a file. Raises: UnknownCollection"""
    holders = catalogue.read_holders(connection)
    path = holders[name].path if name in holders else name.removeprefix(f"{settings.data_dir}/")
    state, values = files.read_state(connection, path), catalogue.read_report(connection, path)
    if state is None and values is None:
        known = [*holders, *catalogue.read_known(connection), *(file.path for file in files.read_states(connection))]
        hint = suggestion(name, known) or "`isthmus list` shows the collections"
        raise UnknownCollection(f"there is no collection or file '{name}'", hint=hint)
    if as_json:
        return json_text({**(values or {}), "file": state and files.file_json(state)})
    told = [show.report_text(values)] if values is not None else []
    return "\n".join([*told, *files.state_lines(state, reported=bool(told))] if state else told)


@isthmus.command()
@click.argument("name")
@click.option("--to", "version", type=int, help="The version to serve; without it, the one before the served one.")
@click.pass_obj
def rollback(settings: Settings, name: str, version: int | None) -> None:
    """Serve an earlier version of a collection, at once.

    The file is left alone, and is loaded again when it changes. ISTHMUS_KEEP_VERSIONS says how many versions are kept.
    """
    with open_catalogue(settings) as connection:
        chosen, report = roll_back(connection, name, version)
        clean_up(connection, settings.keep_versions)
    if report is not None:
        write_report(settings.data_dir, report)
    click.echo(f"'{name}' is served from version {chosen}")


@isthmus.command("watch")
@click.option(
    "--check",
    is_flag=True,
    help="Only say what the loader is doing and since when; exit code 1 when it is stuck or gone.",
)
@click.pass_obj
def watch_folder(settings: Settings, *, check: bool) -> None:
    """Load the data folder and keep watching it, until SIGTERM or Ctrl-C.

    This is what the loader container runs.
    """
    if check:
        found, now = read_health(settings.data_dir), time.time()
        click.echo(found.sentence(now) if found else "no loader is at work")
        sys.exit(0 if found and found.is_healthy(now) else EXIT_FAILED)
    with listener(sys.stdout, sentences=True) as listen:
        try:
            watch(settings, listen)
        except KeyboardInterrupt:
            listen(Event("state", values={"state": "stopped", "message": "stopped"}))


@isthmus.command("prepare")
@click.argument("name", required=False)
@click.option("--rank", metavar="COLUMN", help="Of points and short lines, those of the largest value are shown first.")
@click.option("--properties", metavar="NAMES", help="Properties that low zooms have, with commas between them.")
@click.option("--drop", is_flag=True, help="Drop what was prepared of it.")
@as_json
@click.pass_obj
def prepare_table(
    settings: Settings, name: str | None, *, rank: str | None, properties: str | None, drop: bool, as_json: bool
) -> None:
    """Prepare a table of ISTHMUS_SCHEMAS for tiles of low zooms, as files are prepared when they are loaded.

    The table stays as it is: what low zooms need is kept in a table of Isthmus' own. It is of the moment when it was
    made; prepare again when the data changed. Without NAME, lists what was prepared, and how many rows changed since.

    \b
    Examples:
      isthmus prepare gis.addresses --rank households
      isthmus prepare
      isthmus prepare gis.addresses --drop
    """
    with open_catalogue(settings) as connection:
        if name is None:
            known = external_overviews(connection)
            click.echo(json.dumps([show.prepared_json(one) for one in known]) if as_json else show.prepared_text(known))
        elif drop:
            tables = forget_source(connection, name)
            click.echo(json.dumps({"dropped": tables}) if as_json else f"what was prepared of '{name}' is dropped")
        else:
            options = TileOptions(rank, tuple(properties.split(",")) if properties is not None else None)
            with listener(sys.stderr) as listen:
                outcome = prepare_source(connection, settings.source_schemas(), name, options, listen)
            click.echo(json.dumps(show.prepare_json(outcome)) if as_json else show.prepare_text(outcome))


def lab_command(name: str, help: str) -> click.Command:
    """A command of the network lab, which cannot do its work in a container: it says where it can. Raises: WrongUse"""

    @click.command(name, help=help, add_help_option=False, context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1)
    def refuse(arguments: Sequence[str]) -> None:
        hint = " ".join(("./scripts/isthmus", name, *arguments))
        raise WrongUse("the lab looks at the host, so it runs there", hint=hint)

    return refuse


LAB_COMMANDS = (
    ("net", "The network lab: what Docker's network really does. It has its own --help."),
    ("doctor", "What is wrong with the running stack, each with its fix. It has its own --help."),
)
for command in (seed_tiles, export_tiles, *(lab_command(*row) for row in LAB_COMMANDS)):
    isthmus.add_command(command)
