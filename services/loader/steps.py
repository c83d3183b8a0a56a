"""Carry out the steps of a plan, one at a time. A dataset that fails does not stop the next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import psycopg

from core.db import Connection, connect
from core.errors import UnknownCollection, suggestion
from core.migrations import migrate
from core.settings import Settings
from loader import catalogue
from loader.archives import catalogue as archives
from loader.errors import NoSuchVersion
from loader.load import Job, load_dataset
from loader.plan import Step
from loader.progress import Listener, ended
from loader.report import Report, write_report


def open_catalogue(settings: Settings) -> Connection:
    """A connection that commits by itself, to a catalogue that is there and up to date. Raises: DatabaseUnavailable"""
    connection = connect(settings)
    try:
        connection.autocommit = True
        migrate(connection)
    except psycopg.Error:
        connection.close()
        raise
    return connection


def run_step(connection: Connection, settings: Settings, step: Step, listen: Listener) -> Report | None:
    """Carry out one step; None when there was only to wait. Raises: psycopg.OperationalError"""
    if step.action == "wait":
        return None
    if step.dataset is None:
        return withdraw_source(connection, settings, step, listen)
    return load_dataset(Job(connection, settings, step.dataset, step.because, listen))


def withdraw_source(connection: Connection, settings: Settings, step: Step, listen: Listener) -> Report:
    """Stop serving what came from a file that is gone. Versions stay, for its return and for roll-back."""
    now = datetime.now(UTC)
    with connection.transaction():
        catalogue.lock(connection)
        catalogue.withdraw(connection, step.path)
        archives.forget(connection, step.path)
        empty = Report(step.path, "withdrawn", step.because, now, now)
        earlier = catalogue.last_loaded_report(connection, step.path) or empty
        report = replace(earlier, status="withdrawn", because=step.because, started_at=now, ended_at=datetime.now(UTC))
        catalogue.save_report(connection, report, None, "removed")
    write_report(settings.data_dir, report)
    listen(ended(report))
    return report


def roll_back(connection: Connection, id: str, version: int | None) -> int:
    """Serve an earlier version of a collection: the given one, or the newest before the served one. Returns its number.

    The file is left alone: it is loaded again when it changes. Raises: UnknownCollection, NoSuchVersion
    """
    with connection.transaction():
        catalogue.lock(connection)
        holders = catalogue.read_holders(connection)
        if id not in holders:
            hint = suggestion(id, holders) or "`isthmus list` shows them"
            raise UnknownCollection(f"there is no collection '{id}'", hint=hint)
        versions = catalogue.versions_of(connection, id)
        served = next((entry.version for entry in versions if entry.served), None)
        earlier = [entry.version for entry in versions if served is None or entry.version < served]
        chosen = version if version is not None else next(iter(earlier), None)
        if chosen is None or chosen not in [entry.version for entry in versions]:
            kept = ", ".join(str(entry.version) for entry in versions)
            raise NoSuchVersion(f"'{id}' has no such version to go back to", hint=f"kept versions: {kept or 'none'}")
        catalogue.serve(connection, id, chosen)
    return chosen
