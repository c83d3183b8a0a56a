"""An observation as JSON, and back: what `--json` prints and the API reads from the data volume."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from netlab.model.namespaces import cables, namespaces
from netlab.model.observation import Observation

Json = dict[str, Any]


def observation_json(seen: Observation) -> Json:
    """The observation, with the namespaces and the cables that follow from it."""
    return {
        **asdict(seen),
        "namespaces": [
            {"kind": one.kind, "inode": one.inode, "containers": [container.name for container in one.containers]}
            for one in namespaces(seen)
        ],
        "cables": [
            {
                "container": one.container.name,
                "interface": one.card.name,
                "host_interface": one.host_end.name if one.host_end else None,
                "bridge": one.host_end.bridge if one.host_end else None,
            }
            for one in cables(seen)
        ],
    }
