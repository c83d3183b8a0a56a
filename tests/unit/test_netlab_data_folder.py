"""Where the lab leaves its reports: in the data folder of the stack, however it was started."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from netlab.model.observation import Observation
from netlab.model.roles import data_folder
from netlab.observe.recording import load
from netlab.parse.observation import parse
from support.made_stack import Made, made_stack

OTHERWISE = Path("/home/me/isthmus/data")


def recorded() -> Observation:
    return parse(load(Path(__file__).parents[1] / "data/netlab/bridge.json"))


def test_it_is_what_the_loader_has_mounted() -> None:
    seen = replace(recorded(), data_dir="data")
    assert data_folder(seen, OTHERWISE) == Path("/srv/isthmus/data")


def test_without_a_loader_it_is_what_the_api_has_or_the_label() -> None:
    seen = recorded()
    without = [one for one in seen.containers if one.service != "loader"]
    assert data_folder(replace(seen, containers=tuple(without), data_dir=""), OTHERWISE) == Path("/srv/isthmus/data")
    assert data_folder(replace(seen, containers=(), data_dir="/srv/other"), OTHERWISE) == Path("/srv/other")


def test_a_relative_label_leads_to_the_settings() -> None:
    seen = made_stack(Made("bridge", 0))
    assert data_folder(replace(seen, data_dir="data"), OTHERWISE) == OTHERWISE
    assert data_folder(replace(seen, data_dir=""), OTHERWISE) == OTHERWISE
