"""One feature by a route of Flask and a pool of psycopg, as PostgreSQL writes it: the least that an application is."""

from __future__ import annotations

import os

from flask import Flask, Response, abort
from psycopg_pool import ConnectionPool

app = Flask(__name__)
pool = ConnectionPool(os.environ["PLAIN_DB"], min_size=1, max_size=1, kwargs={"autocommit": True}, open=True)


@app.get("/live")
def live() -> str:
    """An answer without the database."""
    return "alive"


@app.get("/collections/points/items/<int:fid>")
def feature(fid: int) -> Response:
    """A feature."""
    with pool.connection() as connection:
        row = connection.execute(os.environ["PLAIN_SQL"], {"fid": fid}).fetchone()
    return abort(404) if row is None else Response(row[0], mimetype="application/geo+json")
