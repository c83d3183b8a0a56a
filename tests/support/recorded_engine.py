"""A Docker daemon that answers what a recording of a real one has, at the border of the SDK: all code of ours runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from docker.errors import APIError, NotFound

from netlab.observe.recording import Recording

ELSEWHERE = {
    "Id": "0" * 64,
    "Names": ["/somebody-else"],
    "Labels": {},
    "State": "running",
    "NetworkSettings": {"Networks": {}},
    "HostConfig": {"NetworkMode": "bridge"},
    "Ports": [],
    "Mounts": [],
}


@dataclass(frozen=True, slots=True)
class RecordedApi:
    """The low-level client of the SDK, as far as the lab uses it."""

    recording: Recording
    base_url: str = "http+docker://localhost"

    def version(self) -> dict[str, Any]:
        engine = self.recording.engine
        return {"Version": engine["version"], "ApiVersion": engine["api_version"]}

    def info(self) -> dict[str, Any]:
        engine = self.recording.engine
        return {"OperatingSystem": engine["os"], "DockerRootDir": engine["root_dir"], "SecurityOptions": []}

    def containers(self, *, all: bool, filters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        ours = [{"Id": one["Id"], "Labels": one["Config"]["Labels"]} for one in self.recording.containers]
        return ours if filters else [ELSEWHERE]

    def inspect_container(self, id: str) -> dict[str, Any]:
        return next(one for one in self.recording.containers if one["Id"] == id)

    def inspect_network(self, name: str) -> dict[str, Any]:
        for one in self.recording.networks:
            if name in (one["Id"], one["Name"]):
                return one
        raise NotFound(name)

    def inspect_image(self, tag: str) -> dict[str, Any]:
        return {"Id": self.recording.images[tag]}

    def exec_create(self, container: str, command: list[str]) -> dict[str, Any]:
        return {"Id": (container, command[-1])}

    def exec_start(self, made: tuple[str, str]) -> bytes:
        """What the look inside printed then; of what a check tries nothing is recorded, but that it was tried."""
        container, script = made
        if "# namespace" in script:
            return str(self.recording.inside[container].get("output", "")).encode()
        return b"connect\tpostgis:5432\tconnected\nfolder\t/data\tyes\t1:2\t10001:10001\t\n"

    def exec_inspect(self, _: tuple[str, str]) -> dict[str, Any]:
        return {"ExitCode": 0}

    def connect_container_to_network(self, *_: str) -> None:
        raise APIError("refused", explanation="refused")
