"""Flask and the layers before it, each alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask
from werkzeug.test import Client

from api.context import Api
from api.middleware.fast_path import FastPath


def flask_alone(app: Flask) -> Client:
    """A client of Flask without the layers before it."""
    return Client(lambda environ, start_response: Flask.wsgi_app(app, environ, start_response))


def nothing(_: Any, start_response: Any) -> Iterable[bytes]:
    """What stands behind a layer that is looked at alone: a 404."""
    start_response("404 NOT FOUND", [("X-Behind", "Flask")])
    return [b""]


def layer_alone(app: Flask, layer: Callable[[Any, Api], Any]) -> Client:
    """A client of a layer with nothing behind it."""
    return Client(layer(nothing, app.extensions["isthmus"]))


def fast_path_alone(app: Flask) -> Client:
    """A client of the fast path with nothing behind it."""
    return layer_alone(app, lambda app, api: FastPath(app, api.features, api.catalog, api.html))
