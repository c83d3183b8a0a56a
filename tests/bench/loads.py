"""Loading, against one COPY of the same rows."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from psycopg import sql

from bench.measure import Result, over
from bench.setting import Bench
from core.catalog.versions import CORNERS
from support.cluster import ROOT, Database


def load(database: Database, path: Path) -> float:
    """Seconds that `isthmus load` takes for a file, as a process of its own, until it is served."""
    start = time.perf_counter()
    run_load(database, path, index="off")
    return time.perf_counter() - start


def index(database: Database, path: Path) -> float:
    """Seconds that the indexes of its properties take then, which are made of what is served."""
    start = time.perf_counter()
    run_load(database, path, index="auto")
    return time.perf_counter() - start


def run_load(database: Database, path: Path, *, index: str) -> None:
    """Run the command. A file that is loaded already is not loaded again."""
    owner = database.owner
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "services"),
        "ISTHMUS_INDEX": index,
        "ISTHMUS_DATA_DIR": str(owner.data_dir),
        "ISTHMUS_DB_HOST": owner.db_host,
        "ISTHMUS_DB_PORT": str(owner.db_port),
        "ISTHMUS_DB_NAME": owner.db_name,
        "ISTHMUS_DB_USER": owner.db_user,
        "ISTHMUS_DB_PASSWORD": owner.db_password,
    }
    subprocess.run(
        [sys.executable, "-m", "cli", "load", str(path)], env=environment, check=True, stdout=subprocess.DEVNULL
    )


def bench_load(bench: Bench, id: str, took_s: float) -> Result:
    """Seconds of the bare SQL: COPY of the same rows as one binary stream into an equal table, with equal indexes."""
    table, copy = bench.table(id), sql.Identifier("data", "floor")
    described = bench.connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(table)).description or []
    columns = sql.SQL(", ").join(
        sql.Identifier(column.name) for column in described if column.name not in ("geom_3857", CORNERS)
    )
    with bench.connection.cursor().copy(
        sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)").format(columns, table)
    ) as out:
        stream = b"".join(out)
    with bench.database.connect() as owner:
        start = time.perf_counter()
        owner.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING GENERATED)").format(copy, table))
        with owner.cursor().copy(sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(copy, columns)) as into:
            into.write(stream)
        owner.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (fid)").format(copy))
        for geometry in ("geom", "geom_3857"):
            owner.execute(sql.SQL("CREATE INDEX ON {} USING gist ({})").format(copy, sql.Identifier(geometry)))
        owner.execute(sql.SQL("ANALYZE {}").format(copy))
        owner.commit()
        floor_s = time.perf_counter() - start
        owner.execute(sql.SQL("DROP TABLE {}").format(copy))
    words = "COPY of the same rows as one binary stream into an equal table, then equal indexes and ANALYZE"
    return Result(
        f"{id} load",
        words,
        floor_s,
        took_s,
        ours_p99_s=took_s,
        floor_mean_s=floor_s,
        ours_mean_s=took_s,
        over_s=over(floor_s, took_s),
        floor_cpu_s=floor_s,
        ours_cpu_s=took_s,
        runs=1,
    )
