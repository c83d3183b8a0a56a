"""The sources as they are now: looked at when the catalogue of the database changed, their data in the background."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.resources import files
from threading import Lock, Thread
from typing import cast

import psycopg
from psycopg import sql

from api.catalog.sources.build import NOTHING, Publishable, RelationSurvey, build, plan
from api.catalog.sources.functions import draft_function, is_tile_function, named_systems, overloaded, refused
from api.catalog.sources.model import CrsDefinition, DatabaseFunction, Draft, Omission, parse_function, parse_relation
from api.catalog.survey.crs import find_systems
from api.catalog.survey.data_survey import declared_systems, survey
from api.catalog.survey.timed_queries import TimedQueries, read_writes
from core.database.connections import Database
from core.database.statement import Statement
from core.errors import IsthmusError, QueryTooSlow

log = logging.getLogger("isthmus.api")

FIRST_WAIT_S = 1.0
"""How long the first response waits for the survey: less than others wait for it (`api/catalog/live.py`)."""

REST, LONGEST_REST_S = 50, 2.0
"""The catalogue is looked at again after so many times what a look took, unless somebody wants to know it now."""

AGAIN_S, OFTEN = 60.0, 100
"""Data are looked at again after so long, and after so many times what the look took. For some that were written to,
the latter is enough.
"""


def read_statement(name: str, schemas: Sequence[str]) -> Statement:
    """A statement of this folder, for some schemas."""
    text = (files("api.catalog.survey") / f"{name}.sql").read_text(encoding="utf-8")
    return Statement(sql.SQL(cast("str", text)), {"schemas": list(schemas)})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class SurveyedRelation:
    """What was found out about a relation, and when it is to be looked at again; sooner if rows were written since.

    written: rows that were by then, as far as PostgreSQL tells
    """

    plan: Publishable
    findings: RelationSurvey
    again_at: float
    sooner_at: float
    written: int

    def known_of(self, plan: Publishable) -> RelationSurvey:
        """What is known of the relation as it is now. As long as a view of another query was not looked at anew it is
        not taken for one of a table.
        """
        if self.plan == plan:
            return self.findings
        relation = replace(self.plan.relation, rule=plan.relation.rule)
        is_same = replace(self.plan, relation=relation) == plan
        return replace(self.findings, bases={}, filled=frozenset()) if is_same else NOTHING

    @property
    def table(self) -> int:
        """The table whose rows it shows, by its number: itself, or the table behind a view."""
        return next((base.oid for base in self.findings.bases.values()), self.plan.relation.oid)


class LiveSources:
    """The collections of some schemas. `number` rises whenever they may have changed."""

    def __init__(self, database: Database, schemas: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        """Runs nothing before the first use. `clock` gives seconds."""
        self._database = database
        self._clock = clock
        self._statements = {name: read_statement(name, schemas) for name in ("fingerprint", "relations", "functions")}
        self._fingerprint: str | None = None
        self._plans: tuple[Publishable, ...] = ()
        self._functions: tuple[DatabaseFunction, ...] = ()
        self._left_out: frozenset[Omission] = frozenset()
        self._surveyed: dict[int, SurveyedRelation] = {}
        self._written: dict[int, int] = {}
        self._systems: dict[int, CrsDefinition] = {}
        self._asker = TimedQueries(database)
        self._lock = Lock()
        self._surveyor: Thread | None = None
        self._built: dict[int, tuple[Publishable, RelationSurvey, list[Draft]]] = {}
        self._rests_until = 0.0
        self.has_catalogue = True
        self.number = 0

    def refresh(self, *, now: bool) -> None:
        """Look whether the schemas changed, and at their data when it is time to. One thread at a time does this.

        now: also when the last look, at a large database, was only just
        Raises: DatabaseUnavailable
        """
        if not now and self._clock() < self._rests_until:
            return
        first = self._fingerprint is None
        try:
            self._look()
        except (psycopg.Error, QueryTooSlow):
            log.exception("the schemas could not be looked at; what was known of them is served")
        self._start_survey(wait_s=FIRST_WAIT_S if first else 0)

    def _look(self) -> None:
        """Read what the schemas hold, when it changed."""
        began = self._clock()
        [(fingerprint, self.has_catalogue)] = self._database.run(self._statements["fingerprint"])
        ended = self._clock()
        self._rests_until = ended + min(LONGEST_REST_S, REST * (ended - began))
        if fingerprint != self._fingerprint:
            self._fingerprint = self._introspect()
        filled = [looked.table for looked in list(self._surveyed.values()) if looked.findings.filled]
        self._written = read_writes(self._database, filled)

    def drafts(self) -> list[Draft]:
        """The collections, without ids."""
        now = datetime.now(UTC)
        found = [draft for some in self._plans for draft in self._drafts_of(some, now)]
        for function in self._functions:
            found += draft_function(function, self._systems, now)
        return found

    def _drafts_of(self, some: Publishable, now: datetime) -> list[Draft]:
        """The collections of a relation, those that were built before if nothing changed."""
        oid = some.relation.oid
        looked = self._surveyed.get(oid)
        findings = looked.known_of(some) if looked else NOTHING
        before = self._built.get(oid)
        if before is None or before[0] is not some or before[1] is not findings:
            self._built[oid] = (some, findings, list(build(some, findings, self._systems, now)))
        return self._built[oid][2]

    def _introspect(self) -> str:
        """Read what the schemas hold, and the fingerprint that goes with it."""
        fingerprints, rows, function_rows = self._database.run_together(*self._statements.values())
        relations = [plan(parse_relation(row)) for row in rows]
        found = map(parse_function, function_rows)
        functions = [function for function in found if function.gives_rows or is_tile_function(function)]
        shared = overloaded(functions)
        refusals = [refused(one, shared) for one in functions]
        before = {some.relation.oid: some for some in self._plans}
        plans = [found for found in relations if isinstance(found, Publishable)]
        self._plans = tuple(
            before[some.relation.oid] if before.get(some.relation.oid) == some else some for some in plans
        )
        self._forget_others({some.relation.oid for some in self._plans})
        self._learn_systems(declared_systems(self._plans) | named_systems(functions))
        self._functions = tuple(f for f, refusal in zip(functions, refusals, strict=True) if refusal is None)
        self._log_omissions({found for found in [*relations, *refusals] if isinstance(found, Omission)})
        self.number += 1
        return str(fingerprints[0][0])

    def _learn_systems(self, srids: set[int]) -> None:
        """Read the systems that are not known yet: requests can name them from the first response on."""
        new = find_systems(self._database, srids - self._systems.keys())
        with self._lock:
            self._systems = {**self._systems, **new}

    def _forget_others(self, present: set[int]) -> None:
        """Drop what was found out about relations that are gone."""
        with self._lock:
            self._surveyed = {oid: looked for oid, looked in self._surveyed.items() if oid in present}
            self._built = {oid: built for oid, built in self._built.items() if oid in present}

    def _log_omissions(self, left_out: set[Omission]) -> None:
        """Log what is not published, once."""
        for omission in sorted(left_out - self._left_out, key=str):
            log.warning("%s", omission)
        self._left_out = frozenset(left_out)

    def _start_survey(self, wait_s: float) -> None:
        """Begin to look at data in the background, when any are due and nobody looks yet."""
        if self._surveyor is None or not self._surveyor.is_alive():
            due = self._due()
            if due:
                self._surveyor = Thread(target=self._survey, args=(due,), name="isthmus-survey", daemon=True)
                self._surveyor.start()
        if self._surveyor is not None and wait_s:
            self._surveyor.join(wait_s)

    def _due(self) -> list[Publishable]:
        """The relations whose data are to be looked at: new ones first, of these the tables, as views may be slow."""
        known = self._surveyed
        new = [some for some in self._plans if some.relation.oid not in known or known[some.relation.oid].plan != some]
        now = self._clock()
        old = [some for some in self._plans if some not in new and self._is_due(known[some.relation.oid], now)]
        return [*sorted(new, key=lambda some: some.relation.kind in ("v", "f")), *old]

    def _is_due(self, looked: SurveyedRelation, now: float) -> bool:
        """Whether it is time to look again, which is sooner if rows were written since."""
        is_older = looked.written != self._written.get(looked.table, 0) and bool(looked.findings.filled)
        return now >= (looked.sooner_at if is_older else looked.again_at)

    def _survey(self, due: Sequence[Publishable]) -> None:
        """Look at the data of one relation after the other."""
        for some in due:
            oid, began = some.relation.oid, self._clock()
            table = self._surveyed[oid].table if oid in self._surveyed else oid
            written = read_writes(self._database, [table]).get(table, 0)
            try:
                findings, systems = survey(self._asker, some, self._systems)
            except IsthmusError as error:
                log.info("the look at the sources stopped: %s", error)
                return
            ended = self._clock()
            rest = OFTEN * (ended - began)
            self._note(SurveyedRelation(some, findings, ended + max(AGAIN_S, rest), ended + rest, written), systems)

    def _note(self, looked: SurveyedRelation, systems: dict[int, CrsDefinition]) -> None:
        """Keep what a look found."""
        some, findings = looked.plan, looked.findings
        with self._lock:
            before = self._surveyed.get(some.relation.oid)
            if before is not None and before.plan == some:
                findings = findings.with_known(before.findings)
                findings = before.findings if findings == before.findings else findings
            self._systems = {**self._systems, **systems}
            self._surveyed[some.relation.oid] = replace(looked, findings=findings)
            if before is None or before.findings is not findings:
                self.number += 1
