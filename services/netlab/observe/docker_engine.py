"""The Docker engine through its SDK, which only this module imports. What it returns is the engine's JSON."""

from __future__ import annotations

import os
import pwd
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound

from netlab.errors import EngineAway

Json = dict[str, Any]
TIMEOUT_S = 20
COMPOSE_PROJECT, COMPOSE_HASH = "com.docker.compose.project", "com.docker.compose.config-hash"
STACK = "com.docker.stack.namespace"
INSTALL = "./scripts/up --install-docker installs and starts one; ./scripts/up native needs none"


class Engine:
    """A connection to the engine that DOCKER_HOST names, or to the local one.

    Every method raises EngineAway when the engine does not answer.
    """

    def __init__(self) -> None:
        with answering():
            self._api = docker.from_env(timeout=TIMEOUT_S).api

    @property
    def is_local(self) -> bool:
        """Whether its socket is one of this machine."""
        return self._api.base_url.startswith("http+docker://")

    def describe(self) -> Json:
        """The engine's version and information, as `docker version` and `docker info` show them."""
        with answering():
            return {"version": self._api.version(), "info": self._api.info()}

    def containers_of(self, project: str) -> list[Json]:
        """`docker inspect` of the containers of a Compose project or of a Swarm stack, running or not.

        An image that Compose built has the project's label too, and hands it on to every container that is run of it:
        those that Compose made have the hash of their settings as well.
        """
        with answering():
            ids = {
                found["Id"]
                for labels in ([f"{COMPOSE_PROJECT}={project}", COMPOSE_HASH], [f"{STACK}={project}"])
                for found in self._api.containers(all=True, filters={"label": labels})
            }
            return [self._api.inspect_container(one) for one in sorted(ids)]

    def stacks(self) -> list[tuple[str, str, str]]:
        """(project, mode, data folder) of every stack of Isthmus that has a container, each once."""
        with answering():
            found = self._api.containers(all=True, filters={"label": "isthmus.mode"})
        labels = [one["Labels"] for one in found]
        return sorted({(project_of(one), one["isthmus.mode"], one.get("isthmus.data", "")) for one in labels})

    def everyone(self) -> list[Json]:
        """`docker ps --all`, of every project."""
        with answering():
            return self._api.containers(all=True)

    def try_joining(self, network: str, container: str) -> str:
        """What the engine says when it refuses `docker network connect`; empty when it does not, which is undone."""
        with answering():
            try:
                self._api.connect_container_to_network(container, network)
            except APIError as error:
                return error.explanation or str(error)
            self._api.disconnect_container_from_network(container, network)
            return ""

    def network(self, name_or_id: str) -> Json | None:
        """`docker network inspect`; None when there is none any more."""
        with answering(), suppress(NotFound):
            return self._api.inspect_network(name_or_id)
        return None

    def image_id(self, tag: str) -> str | None:
        """The id of the image that a tag leads to now."""
        with answering(), suppress(NotFound):
            return str(self._api.inspect_image(tag)["Id"])
        return None

    def run_inside(self, container: str, command: list[str]) -> tuple[int, str]:
        """(exit code, output) of a command in a running container, as the container's own user."""
        with answering():
            try:
                made = self._api.exec_create(container, command)["Id"]
                output = self._api.exec_start(made).decode(errors="replace")
                return int(self._api.exec_inspect(made)["ExitCode"] or 0), output
            except APIError as error:
                return 126, error.explanation or str(error)

    def cpu_ns(self, container: str) -> int:
        """Nanoseconds of CPU that the container's processes took since it started."""
        with answering():
            return int(self._api.stats(container, stream=False, one_shot=True)["cpu_stats"]["cpu_usage"]["total_usage"])

    def volumes_of(self, project: str) -> list[str]:
        """The names of a Compose project's volumes."""
        with answering():
            found = self._api.volumes(filters={"label": f"{COMPOSE_PROJECT}={project}"})
            return sorted(str(one["Name"]) for one in listed(found["Volumes"]))

    def remove_volume(self, name: str) -> None:
        """Remove a volume; one that is gone already is no error."""
        with answering(), suppress(NotFound):
            self._api.remove_volume(name)


def labels_of(container: Json) -> dict[str, str]:
    """The labels of an inspected container."""
    return mapped(container["Config"].get("Labels"))


def environment_of(container: Json) -> dict[str, str]:
    """The environment of an inspected container."""
    return dict(entry.partition("=")[::2] for entry in listed(container["Config"].get("Env")))


def project_of(labels: Json) -> str:
    """The project that a container's labels name. `docker stack deploy` leaves those of Compose in place, empty."""
    return next((str(labels[label]) for label in (COMPOSE_PROJECT, STACK) if labels.get(label)), "")


def user_name() -> str:
    """Who asks; the number of a user whom no list names."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


@contextmanager
def answering() -> Generator[None]:
    """Turns what the SDK raises into EngineAway, with what to do."""
    try:
        yield
    except (DockerException, requests.exceptions.RequestException) as error:
        text = str(error)
        if "PermissionError" in text or "Permission denied" in text:
            user = user_name()
            raise EngineAway(
                f"the Docker engine does not let user {user} in",
                hint=f"join the group docker (sudo usermod -aG docker {user}, then log in again), or use sudo",
            ) from error
        if isinstance(error, APIError) and error.explanation:
            raise EngineAway(f"the Docker engine says: {error.explanation}") from error
        raise EngineAway("no Docker engine answers", hint=INSTALL) from error


def listed(value: Any) -> list[Any]:
    """A list; null is an empty one."""
    return list(value or [])


def mapped(value: Any) -> Json:
    """An object; null is an empty one."""
    return dict(value or {})
