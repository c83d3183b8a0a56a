"""What the network lab leaves on a data volume, made of a recording of a real engine."""

from __future__ import annotations

import json
from pathlib import Path

from netlab.diagram.svg import picture
from netlab.observe.recording import load
from netlab.parse.observation import parse
from netlab.report.observation import observation_json
from netlab.report.store import store_report
from support.cluster import ROOT


def leave_network(data_dir: Path, mode: str = "bridge") -> None:
    """What `net show` leaves."""
    seen = parse(load(ROOT / f"tests/data/netlab/{mode}.json"))
    store_report(data_dir, "show.json", json.dumps(observation_json(seen)))
    store_report(data_dir, "show.svg", picture(seen))
